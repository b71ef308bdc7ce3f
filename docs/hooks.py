"""Adds what is made at build time: the reference, plots in the page, and labels of cells."""

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import reference

MANY_COLUMNS = 4
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_CELL = re.compile(r"<td(?P<rest>[^>]*)>(?P<text>.*?)</td>", re.DOTALL)
_PLOT = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?P<src>[^"]*plots/[^"]+\.svg)"[^>]*>')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the generated pages to the navigation."""
    config.nav = [*(config.nav or []), {"Reference": reference.navigation()}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_content(html: str, config: MkDocsConfig, **_: object) -> str:
    """Write plots into the page, and name the column in every cell of wide tables."""
    plots = Path(config.docs_dir) / "results" / "plots"
    html = _PLOT.sub(lambda match: _inlined(match, plots), html)
    return _TABLE.sub(lambda match: _labelled(match[0]), html)


def _inlined(match: re.Match[str], plots: Path) -> str:
    """The plot itself in place of its image; the colours of the page then hold in it."""
    svg = (plots / Path(match["src"]).name).read_text(encoding="utf-8")
    svg = re.sub(r"<!--.*?-->|<style>.*?</style>", "", svg, flags=re.DOTALL)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{match["alt"]}" ', 1)


def _labelled(table: str) -> str:
    names = [re.sub(r"<[^>]+>", "", one) for one in re.findall(r"<th[^>]*>(.*?)</th>", table)]
    if len(names) < MANY_COLUMNS:
        return table
    head, body = table.split("</thead>", 1)
    rows = body.split("<tr>")
    rows[1:] = [_row(row, names) for row in rows[1:]]
    return head.replace("<table>", "<table data-wide>", 1) + "</thead>" + "<tr>".join(rows)


def _row(row: str, names: list[str]) -> str:
    left = iter(names)

    def cell(match: re.Match[str]) -> str:
        kind = "" if "right" in match["rest"] else ' class="text"'
        return f'<td{match["rest"]}{kind} data-label="{next(left)}">{match["text"]}</td>'

    return _CELL.sub(cell, row)

"""Plots of gap against cost as SVG, for papers and pages, from the figures of the leaderboard.

A file names the digest of what it shows, because the rest of it depends on the fonts and the
version of the renderer.
"""

import hashlib
import json
import re
from typing import Any

import altair

from .charts import numbered, pareto_figure
from .row import BenchSection

WIDTH = 470
HEIGHT = 300
_IN_LINE = 4
# Names of the leaderboard's colours here, with a value for viewers that read the file alone.
_COLOURS = {
    "unlearned": ("method", "#0b5cad", "#7cb7ff"),
    "retrained": ("truth", "#b04a00", "#ffa45c"),
    "original": ("before", "#6b7280", "#a5adb8"),
    "card": ("card", "#ffffff", "#0d1117"),
    "ink": ("ink", "#24292f", "#d5dae2"),
    "line": ("line", "#d0d7de", "#454c59"),
}
_DIGEST = re.compile(r"<!-- shows ([0-9a-f]{64}) -->")


def gap_plot(
    section: BenchSection, y_title: str = "average gap to retraining, points", *, key: bool = False
) -> str | None:
    """A plot as SVG with the digest of what it shows; None if no method has a gap and seconds.

    Args:
        section: Its methods are numbered as in its table.
        y_title: Names what ``avg_gap`` of the rows is.
        key: Whether the file stands alone: names above that the numbers stand for, and colours
            that programs understand that know no style sheets.
    """
    import vl_convert  # noqa: PLC0415  half a second that only plots need

    figure = pareto_figure(section, "gap")
    if figure is None:
        return None
    spec = json.loads(figure.panels[0].spec)
    _rename(spec, y_title)
    spec |= {"width": WIDTH, "height": HEIGHT, "background": "transparent", "padding": 4}
    axis = {"labelColor": "var(--ink)", "titleColor": "var(--ink)", "domainColor": "var(--line)",
            "tickColor": "var(--line)", "gridColor": "var(--line)", "gridOpacity": 0.5,
            "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}  # fmt: skip
    spec["config"] = {"axis": axis, "view": {"stroke": None}, "aria": False}
    if key:
        names = [f"{position} {row.method}" for position, row in numbered(section)]
        lines = [" · ".join(names[at : at + _IN_LINE]) for at in range(0, len(names), _IN_LINE)]
        spec["title"] = {"text": lines, "anchor": "start", "fontSize": 12, "fontWeight": "normal",
                         "color": "var(--ink)"}  # fmt: skip
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(spec, vl_version=version)
    return _for_papers(svg) if key else _finished(svg, digest)


def shows(svg: str) -> str | None:
    """The digest in a file, None if there is none."""
    found = _DIGEST.search(svg)
    return found[1] if found else None


def _rename(part: Any, y_title: str) -> None:
    """Give the vertical axis its title, wherever in the specification it stands."""
    if isinstance(part, dict):
        title = str(part.get("title", ""))
        if title.startswith("Avg. Gap, points"):
            part["title"] = y_title + title.removeprefix("Avg. Gap, points")
        part.pop("tooltip", None)
        for one in part.values():
            _rename(one, y_title)
    elif isinstance(part, list):
        for one in part:
            _rename(one, y_title)


def _finished(svg: str, digest: str) -> str:
    """The file: the digest, colours by name, and their values for light and dark viewers."""
    for name, (ours, light, _) in _COLOURS.items():
        svg = svg.replace(f"var(--{name})", f"var(--plot-{ours}, {light})")
    dark = ";".join(f"--plot-{ours}:{value}" for ours, _, value in _COLOURS.values())
    style = f"<style>@media (prefers-color-scheme: dark){{svg{{{dark}}}}}</style>"
    svg = re.sub(r"(<svg [^>]*>)", rf"\1<!-- shows {digest} -->{style}", svg, count=1)
    return svg.replace('class="marks"', 'class="plot"', 1) + "\n"


def _for_papers(svg: str) -> str:
    """The file with the colours of light pages in place of their names."""
    for name, (_, light, _) in _COLOURS.items():
        svg = svg.replace(f"var(--{name})", light)
    return svg + "\n"

"""Plots of gap against cost as SVG, from the figures of the leaderboard.

A file names the digest of what it shows. ``tables.py --check`` compares that, because the rest
of it depends on the fonts and the version of the renderer.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import altair
import vl_convert

from expunge.core.schemas.results import Bench
from expunge.reporting.bench.charts import numbered, pareto_figure
from expunge.reporting.bench.concepts import concept_rows
from expunge.reporting.bench.row import BenchRow, BenchSection, Stat, stat

WIDTH = 470
HEIGHT = 300
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


def gap_plot(section: BenchSection, y_title: str = "average gap to retraining, points") -> str:
    """A plot as SVG with the digest of what it shows.

    Args:
        section: Its methods are numbered as in its table.
        y_title: Names what ``avg_gap`` of the rows is.
    """
    figure = pareto_figure(section, "gap")
    assert figure is not None  # every bench has measured methods
    spec = json.loads(figure.panels[0].spec)
    _rename(spec, y_title)
    spec |= {"width": WIDTH, "height": HEIGHT, "background": "transparent", "padding": 4}
    axis = {"labelColor": "var(--ink)", "titleColor": "var(--ink)", "domainColor": "var(--line)",
            "tickColor": "var(--line)", "gridColor": "var(--line)", "gridOpacity": 0.5,
            "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}  # fmt: skip
    spec["config"] = {"axis": axis, "view": {"stroke": None}, "aria": False}
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(spec, vl_version=version)
    return _finished(svg, digest)


def shows(svg: str) -> str | None:
    """The digest in a file, None if there is none."""
    found = _DIGEST.search(svg)
    return found[1] if found else None


def over_sections(sections: list[BenchSection], scenario: str) -> BenchSection:
    """One section of means over others, with the spread over them; rows go by their label."""
    rows = []
    for first in sections[0].rows:
        same = [one for part in sections for one in part.rows if one.method == first.method]
        names = {name for row in same for name in row.stats}
        steps = [step for step, _ in first.curve]
        rows.append(
            replace(
                first,
                scenario=scenario,
                stats={name: _over(same, name) for name in sorted(names)},
                distance={},
                avg_gap=stat(row.avg_gap.mean for row in same if row.avg_gap),
                gap_of_means=None,
                curve=tuple(
                    (step, one)
                    for step in steps
                    if (one := stat(dict(row.curve)[step].mean for row in same))
                ),
                seeds=tuple(range(len(same))),
                planned=len(sections),
                best=False,
                within_floor=False,
                slower=all(row.slower for row in same),
                worse_than_original=False,
            )
        )
    times = stat(part.fastest_retrain for part in sections)
    fastest = times.mean if times else None
    return replace(sections[0], scenario=scenario, rows=rows, floor=None, fastest_retrain=fastest)


def of_concepts(bench: Bench, concepts: Sequence[str] | None = None) -> BenchSection:
    """Methods of a bench of generators: distance on the forgotten concept, and seconds."""
    rows = [
        BenchRow(
            *("", "", "", "unlearned", 0, one.method, one.results),
            stats={"seconds": one.seconds} if one.seconds else {},
            avg_gap=one.distance,
            seeds=tuple(range(one.results)),
        )
        for one in concept_rows(bench, concepts)
        if one.distance is not None
    ]
    return BenchSection("", "", bench.title, rows, None, None)


def numbers(section: BenchSection) -> dict[str, int]:
    """The number of each method in plot and table."""
    return {row.method: position for position, row in numbered(section)}


def _over(rows: Sequence[BenchRow], name: str) -> Stat:
    found = stat(row.stats[name].mean for row in rows if name in row.stats)
    assert found is not None  # the name comes from one of these rows
    return found


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

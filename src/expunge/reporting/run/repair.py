"""Figures of how the method went about it: losses, the dual v*, the angle, the constraint."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from ..charts import NUMBER, Data, Figure, Key, Panel, Table, colour, dash, layers, legend, panel
from ..formats import clip, count, known, number, plural, share
from .curves import (
    LONGEST,
    MOST_CONSTRAINTS,
    Point,
    active_share,
    active_steps,
    constraints,
    curve,
    curves,
    smooth,
    stages,
    thin,
)
from .words import NOTHING

MOST_ROWS = 50
MOST_STAGES = 4
LOSSES = {
    "forget": "forgotten records",
    "held_out": "held-out records",
    "retain": "kept records",
}
SMOOTH_FROM = 80
_HEIGHT = 170
_LOG_FROM = 50.0  # a forget loss without a bound can run to hundreds and flatten all else

Rows = Sequence[Mapping[str, Any]]


def repair_figures(history: Rows) -> list[Figure]:
    """One figure per stage that logged a loss, v*, the cosine, or the active constraint."""
    figures: list[Figure] = []
    for position, (stage, rows) in enumerate(stages(history).items()):
        found = [_losses(rows), _dual(rows), _cosine(rows), _active(rows)]
        panels = [one for one in found if one is not None]
        if panels and len(figures) < MOST_STAGES:
            figures.append(_figure(f"stage-{position}", stage, rows, panels))
    return figures


def _figure(name: str, stage: str, rows: Rows, panels: list[Panel]) -> Figure:
    long = len(rows) >= SMOOTH_FROM
    return Figure(
        name=name,
        title=f"Stage \u201c{clip(stage, 60)}\u201d: {plural(len(rows), 'recorded step')}",
        caption="Faint lines: single steps. Strong lines: their running mean." if long else "",
        panels=panels,
        table=_table(rows),
    )


def _losses(rows: Rows) -> Panel | None:
    found = {key: points for key in LOSSES if (points := curve(rows, f"{key}_loss"))}
    if not found:
        return None
    flat = [y for points in found.values() for _, y in points]
    logarithmic = min(flat) > 0 and max(flat) > _LOG_FROM * min(flat)
    ticks = _decades(flat) if logarithmic else None
    text = " ".join(_tell(f"Loss on {LOSSES[key]}", points) for key, points in found.items())
    title = "Losses on a logarithmic scale" if logarithmic else "Losses"
    keys = legend({key: LOSSES[key] for key in found}, "line")
    data = Data()
    return panel(title, text, _lines(data, found, _vertical("loss", ticks)), data, _HEIGHT, keys)


def _dual(rows: Rows) -> Panel | None:
    found = curves(rows, "v")
    if not found:
        return None
    total = constraints(rows, "v")
    title = "v*: strength of the correction"
    if total > len(found):
        title += f" (the first {MOST_CONSTRAINTS} of {total} constraints)"
    text = " ".join(_tell(f"v* {name}".strip(), points) for name, points in found.items())
    data = Data()
    lines = _lines(data, found, _vertical("v*"))
    return panel(title, text, lines, data, _HEIGHT, _names(found))


def _cosine(rows: Rows) -> Panel | None:
    found = curves(rows, "cosine")
    if not found:
        return None
    data = Data()
    lines = _lines(data, found, _vertical("cosine").scale(domain=[-1, 1]))
    zero = alt.Chart(data.add([{"y": 0}])).mark_rule(color="var(--muted)").encode(y="y:Q")
    text = " ".join(_tell(f"Cosine {name}".strip(), points) for name, points in found.items())
    title = "Cosine of g_f and g_o"
    return panel(title, text, layers(zero, lines), data, _HEIGHT, _names(found))


def _active(rows: Rows) -> Panel | None:
    shares = active_share(rows)
    if not shares:
        return None
    active, known_steps = active_steps(rows)
    text = (
        f"Constraint active in {count(active)} of {plural(known_steps, 'recorded step')} "
        f"({share(active, known_steps)})"
    )
    end = curve(rows, "active")[-1:] or [shares[-1]]
    steps = [{"x": x, "y": y} for x, y in [*shares, (end[0][0], shares[-1][1])]]
    data = Data()
    chart = (
        alt.Chart(data.add(steps))
        .mark_area(color="var(--accent)", opacity=0.6, interpolate="step-after")
        .encode(
            x=_steps(),
            y=alt.Y("y:Q", title="% of steps", scale=alt.Scale(domain=[0, 100])),
        )
    )
    return panel(text, f"{text}.", chart, data, _HEIGHT)


def _decades(heights: list[float]) -> list[float]:
    low, high = math.log10(min(heights)), math.log10(max(heights))
    return [10.0**power for power in range(math.floor(low), math.ceil(high) + 1)]


def _vertical(title: str, decades: list[float] | None = None) -> alt.Y:
    """A linear axis from 0, or a logarithmic one with a tick at each power of ten only."""
    y = alt.Y("y:Q", title=title)
    if decades is None:
        return y.scale(zero=True).axis(tickCount=5, format=NUMBER)
    scaled = y.scale(type="log", domain=[decades[0], decades[-1]])
    return scaled.axis(values=decades, format=NUMBER)


def _names(found: dict[str, list[Point]]) -> list[Key]:
    return legend({name: name.capitalize() for name in found}, "line") if len(found) > 1 else []


def _steps() -> alt.X:
    return alt.X("x:Q", title="step", axis=alt.Axis(tickCount=4, format="~s", grid=False))


def _lines(data: Data, found: dict[str, list[Point]], y: alt.Y) -> alt.LayerChart:
    """Curves thinned for the page; long ones as a faint line and its running mean."""
    keys = list(found)
    plain = {key: thin(points) for key, points in found.items()}
    longest = max(len(points) for points in found.values())
    if longest < SMOOTH_FROM:
        return layers(_line(data, plain, keys, y, 1.0))
    means = {key: thin(smooth(points), LONGEST // 2) for key, points in found.items()}
    return layers(_line(data, plain, keys, y, 0.22), _line(data, means, keys, y, 1.0))


def _line(
    data: Data, found: dict[str, list[Point]], keys: list[str], y: alt.Y, opacity: float
) -> alt.Chart:
    rows = [
        {"key": key, "x": step, "y": float(f"{value:.5g}")}
        for key, points in found.items()
        for step, value in points
    ]
    faint = opacity < 1
    chart: alt.Chart = (
        alt.Chart(data.add(rows))
        .mark_line(strokeWidth=1 if faint else 2, opacity=opacity)
        .encode(
            x=_steps(),
            y=y,
            color=colour(keys),
            **({} if faint else {"strokeDash": dash(keys)}),
        )
    )
    return chart


def _tell(name: str, points: Sequence[Point]) -> str:
    """The curve in a sentence, for those who cannot see it."""
    heights = [y for _, y in points]
    return (
        f"{name}: from {number(heights[0])} to {number(heights[-1])} over "
        f"{plural(len(points), 'step')}, between {number(min(heights))} and {number(max(heights))}."
    )


def _table(rows: Rows) -> Table:
    """Every n-th row, all numeric columns."""
    every = -(-len(rows) // MOST_ROWS)
    columns = [
        key
        for key in dict.fromkeys(key for row in rows for key in row)
        if key not in ("stage", "step", "total")
        and any(known(_scalar(row.get(key))) is not None for row in rows)
    ][:12]
    chosen = list(rows[::every])
    if chosen[-1] is not rows[-1]:
        chosen.append(rows[-1])
    body = [
        [_cell(row.get("step"), 0), *(_cell(row.get(key), 4) for key in columns)] for row in chosen
    ]
    note = f"Every {every}th recorded step; record.json has all." if every > 1 else ""
    return Table(["Step", *(clip(key.replace("_", " "), 30) for key in columns)], body, note)


def _scalar(value: Any) -> Any:
    return (
        max((v for v in value if known(v) is not None), default=None)
        if isinstance(value, list | tuple)
        else value
    )


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return clip(", ".join(_cell(one, digits) for one in value), 60)
    shown = known(value)
    return NOTHING if shown is None else number(shown, digits)

"""Figures of a bench: distance to retraining against cost, and learning the records again."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from ..charts import NUMBER, Data, Figure, Key, Table, colour, dash, layers, legend, panel
from ..formats import clip, fixed, number, plain
from ..run.words import NOTHING, SHORT_SETS
from .row import BenchRow, BenchSection, Stat

_METHOD, _TRUTH, _BEFORE = "var(--unlearned)", "var(--retrained)", "var(--original)"
_NAMES = {
    "original": "Original",
    "unlearned": "Method",
    "retrained": "Retrain",
    "untrained": "Untrained",
}
WIDE = 12  # a largest gap so many times the smallest gets a square-root axis


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Positions of the points that no other beats: none is cheaper and no further away.

    Args:
        points: (cost, gap) pairs; low is good for both.

    Returns:
        Positions by rising cost. Of equal points the first one counts. O(n log n).
    """
    best, front = math.inf, []
    for position in sorted(range(len(points)), key=lambda i: (*points[i], i)):
        if points[position][1] < best:
            best = points[position][1]
            front.append(position)
    return front


def numbered(section: BenchSection) -> list[tuple[int, BenchRow]]:
    """The methods of a section with the numbers that stand for them, from 1."""
    methods = [row for row in section.rows if row.kind == "unlearned"]
    return list(enumerate(methods, start=1))


def pareto_figure(section: BenchSection, name: str) -> Figure | None:
    """Avg. Gap against seconds of each method, with the front, the floor and the retrains.

    None if no method has both.
    """
    rows = [
        _point(position, row, row.stats["seconds"], row.avg_gap)
        for position, row in numbered(section)
        if row.avg_gap and "seconds" in row.stats and row.stats["seconds"].mean > 0
    ]
    if not rows:
        return None
    front = [rows[i] for i in pareto_front([(row["x"], row["y"]) for row in rows])]
    for row in rows:
        row["front"] = row in front
    data = Data()
    chart = _pareto_chart(data, rows, front, section)
    names = ", ".join(row["name"] for row in front)
    text = f"Avg. Gap against seconds. On the front: {names}. "
    text += "; ".join(row["text"] for row in rows) + "."
    table = Table(
        ["Method", "Number", "Seconds", "Avg. Gap", "On the front"],
        [[row["name"], row["label"], row["cost"], row["gap"], plain(row["front"])] for row in rows],
    )
    return Figure(
        name=name,
        title="Distance to retraining against cost",
        caption="Low and left is good. Filled methods lie on the Pareto front: no other is both "
        "quicker and closer. Whiskers are one standard deviation. The numbers are those of the "
        "table.",
        panels=[panel("", text, chart, data, 340)],
        table=table,
        legend=_pareto_legend(rows, section),
    )


def _pareto_legend(rows: Sequence[dict[str, Any]], section: BenchSection) -> list[Key]:
    found = [Key("Front", _METHOD, "line", "")]
    if section.floor:
        found.append(Key("Floor: second retrain", _TRUTH, "line", "6 3"))
    if section.fastest_retrain:
        found.append(Key("Time of the fastest retrain", _TRUTH, "rule"))
    if _original(section):
        found.append(Key("Original, untouched", _BEFORE, "line", "2 2"))
    return found + [Key(f"{row['label']} {row['name']}", _METHOD, "circle") for row in rows]


def _point(position: int, row: BenchRow, cost: Stat, gap: Stat) -> dict[str, Any]:
    spread, reach = cost.sd or 0.0, gap.sd or 0.0
    told = [f"{number(one.mean)} ± {number(one.sd)}" if one.sd is not None else number(one.mean)
            for one in (cost, gap)]  # fmt: skip
    return {
        "label": str(position),
        "name": clip(row.method, 60),
        "x": cost.mean,
        # A logarithmic axis has no place for zero and below.
        "x1": max(cost.mean - spread, cost.mean / 10),
        "x2": cost.mean + spread,
        "y": gap.mean,
        "y1": max(0.0, gap.mean - reach),
        "y2": gap.mean + reach,
        "cost": f"{told[0]} s",
        "gap": told[1],
        "text": f"{clip(row.method, 60)}: {told[1]} points, {told[0]} s",
    }


def _original(section: BenchSection) -> Stat | None:
    return next((row.avg_gap for row in section.rows if row.kind == "original"), None)


def _pareto_chart(
    data: Data, rows: list[dict[str, Any]], front: list[dict[str, Any]], section: BenchSection
) -> alt.LayerChart:
    original = _original(section)
    x, y = _axes(rows, section, original)
    parts = _lines(data, x, y, section, original)
    path = [{"x": row["x"], "y": row["y"]} for row in front]
    parts.append(
        alt.Chart(data.add(path))
        .mark_line(color=_METHOD, strokeWidth=2, interpolate="step-after", opacity=0.6)
        .encode(x=x, y=y)
    )
    across = [{"x": row["x1"], "x2": row["x2"], "y": row["y"]} for row in rows]
    along = [{"x": row["x"], "y": row["y1"], "y2": row["y2"]} for row in rows]
    whisker = alt.Chart(data.add(across)).mark_rule(color=_METHOD)
    parts.append(whisker.encode(x=x, x2="x2:Q", y=y))
    whisker = alt.Chart(data.add(along)).mark_rule(color=_METHOD)
    parts.append(whisker.encode(x=x, y=y, y2="y2:Q"))
    base = alt.Chart(data.add(rows)).encode(x=x, y=y)
    dots = base.mark_circle(size=300, opacity=1, stroke=_METHOD, strokeWidth=1.5)
    filled = alt.condition("datum.front", alt.value(_METHOD), alt.value("var(--card)"))
    ink = alt.condition("datum.front", alt.value("var(--card)"), alt.value("var(--ink)"))
    parts.append(dots.encode(fill=filled, tooltip=alt.Tooltip("text:N")))
    parts.append(
        base.mark_text(fontSize=11, fontWeight="bold", tooltip=None).encode(
            text="label:N", color=ink, tooltip=alt.Tooltip("text:N")
        )
    )
    return layers(*parts)


def _axes(
    rows: list[dict[str, Any]], section: BenchSection, original: Stat | None
) -> tuple[alt.X, alt.Y]:
    """Axes that hold every whisker, the retrain and the original."""
    retrain = [section.fastest_retrain] if section.fastest_retrain else []
    costs = [row[key] for row in rows for key in ("x1", "x2")] + retrain
    low, high = min(costs) / 1.6, max(costs) * 1.6
    top = 1.08 * max([row["y2"] for row in rows] + ([original.mean] if original else []) + [1.0])
    wide = top > WIDE * max(0.5, min(row["y"] for row in rows))
    x = alt.X(
        "x:Q",
        title="seconds (logarithmic)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=_ticks(low, high), format=NUMBER),
    )
    y = alt.Y(
        "y:Q",
        title="Avg. Gap, points" + (" (square root)" if wide else ""),
        scale=alt.Scale(type="sqrt" if wide else "linear", domain=[0, top], nice=False),
        axis=alt.Axis(tickCount=6, format=NUMBER),
    )
    return x, y


def _lines(
    data: Data, x: alt.X, y: alt.Y, section: BenchSection, original: Stat | None
) -> list[alt.Chart]:
    """The band below the floor, and the lines of the references."""
    parts = []
    if section.floor:
        floor = data.add([{"y": section.floor.mean, "y2": 0}])
        band = alt.Chart(floor).mark_rect(color=_TRUTH, opacity=0.14)
        line = alt.Chart(floor).mark_rule(color=_TRUTH, strokeDash=[6, 3], strokeWidth=1.5)
        parts += [band.encode(y=y, y2="y2:Q"), line.encode(y=y)]
    if original:
        line = alt.Chart(data.add([{"y": original.mean}]))
        parts.append(line.mark_rule(color=_BEFORE, strokeDash=[2, 2], strokeWidth=1.5).encode(y=y))
    if section.fastest_retrain:
        line = alt.Chart(data.add([{"x": section.fastest_retrain}]))
        parts.append(line.mark_rule(color=_TRUTH, strokeWidth=2).encode(x=x))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten within the axis; only the powers on a long one."""
    steps = (1, 2, 5) if high / low < 500 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        step * 10.0**power
        for power in powers
        for step in steps
        if low <= step * 10.0**power <= high
    ]


def relearn_figure(section: BenchSection, name: str) -> Figure | None:
    """A panel per method: its relearn curve beside those of the original and the retrain."""
    rows = {kind: _first(section, kind) for kind in ("original", "retrained", "untrained")}
    references = {key: row for key, row in rows.items() if row and row.curve}
    methods = [(position, row) for position, row in numbered(section) if row.curve]
    if not methods:
        return None
    drawn = [*references.values(), *(row for _, row in methods)]
    values = [one.mean for row in drawn for _, one in row.curve]
    low, high = 10 * math.floor(min(values) / 10), min(100, 10 * math.ceil(max(values) / 10))
    domain = [min(low, 90), max(high, low + 10)]
    steps = sorted({step for row in drawn for step, _ in row.curve})
    table = [[row.method, *(_at(row, step) for step in steps)] for row in drawn]
    measured = drawn[-1].measured_on
    keys = [*references, "unlearned"]
    return Figure(
        name=name,
        title=f"Accuracy on {SHORT_SETS.get(measured, clip(measured, 60))} records while they "
        "are learnt again",
        caption="Good is a curve on that of the retrain: what was forgotten comes back as slowly "
        "as it was first learnt. Bands are one standard deviation.",
        panels=[_relearn_panel(position, row, references, domain) for position, row in methods],
        table=Table(["Model", *(f"step {step}, %" for step in steps)], table),
        legend=legend({key: _NAMES[key] for key in keys}, "line"),
    )


def _relearn_panel(
    position: int, row: BenchRow, references: dict[str, BenchRow], domain: list[int]
) -> Any:
    together = references | {"unlearned": row}
    points = [
        {
            "key": key,
            "x": step,
            "y": one.mean,
            "low": max(domain[0], one.mean - (one.sd or 0.0)),
            "high": min(domain[1], one.mean + (one.sd or 0.0)),
            "text": f"{other.method}, step {step}: {fixed(one.mean, 1)} %",
        }
        for key, other in together.items()
        for step, one in other.curve
    ]
    keys = list(together)
    data = Data()
    base = alt.Chart(data.add(points)).encode(
        x=alt.X("x:Q", title="steps", axis=alt.Axis(tickCount=4, format=NUMBER)),
        color=colour(keys),
    )
    scale, axis = alt.Scale(domain=domain), alt.Axis(tickCount=4)
    y = alt.Y("y:Q", title="accuracy, %", scale=scale, axis=axis)
    low = alt.Y("low:Q", title="accuracy, %", scale=scale, axis=axis)
    chart = layers(
        base.mark_area(opacity=0.18).encode(y=low, y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash(keys)),
        base.mark_point(filled=True, size=60, opacity=0).encode(y=y, tooltip=alt.Tooltip("text:N")),
    )
    text = "; ".join(f"{point['text']}" for point in points if point["key"] == "unlearned")
    return panel(f"{position} {clip(row.method, 60)}", f"{text}.", chart, data, 130)


def _first(section: BenchSection, kind: str) -> BenchRow | None:
    return next((row for row in section.rows if row.kind == kind), None)


def _at(row: BenchRow, step: int) -> str:
    one = dict(row.curve).get(step)
    if one is None:
        return NOTHING
    return fixed(one.mean, 1) + ("" if one.sd is None else f" ± {fixed(one.sd, 1)}")

"""Figures of the scores: distances to retrained, and learning the records again."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from expunge.core.schemas.record import Relearn, Scores

from ..charts import NUMBER, PLUS, Data, Figure, Table, colour, dash, layers, legend, panel, shape
from ..formats import clip, fixed, known, percent, plain, signed
from .words import MODELS, NOTHING, SCORES, SHORT_SETS, ScoreWords, model_name

_STEP = 46


def score_figure(scores: dict[str, Scores]) -> Figure | None:
    """Each percent score of each model: as a distance to retrained, or as it is without one."""
    target = scores.get("retrained")
    rows = []
    for words in SCORES:
        goal = known(target.get(words.field)) if words.percent and target else None
        if not words.percent or (target and goal is None):
            continue
        for key, one in scores.items():
            value = known(one.get(words.field))
            if value is not None and (goal is None or key != "retrained"):
                rows.append(_score_row(words, key, value, goal))
    if not rows:
        return None
    keys = [key for key in MODELS if any(row["key"] == key for row in rows)]
    title = "Distance to retrained, in points" if target else "Score in %"
    data = Data()
    chart = _score_chart(data, rows, keys, title, centred=target is not None)
    height = _STEP * len({row["score"] for row in rows})
    text = f"{title}. " + "; ".join(str(row["text"]) for row in rows) + "."
    names = {key: model_name(key) for key in keys}
    if target:
        heading = "How far from a model that never saw the records"
        caption = "The vertical line is the retrained model. Near it, on either side, is good."
    else:
        heading = "Scores before and after"
        caption = "Without a retrained model there is no target to measure these against."
    return Figure(
        name="scores",
        title=heading,
        caption=caption,
        panels=[panel("", text, chart, data, height)],
        table=_score_table(rows, keys, signed if target else fixed),
        legend=legend(names, "point")
        + (legend({"retrained": "Retrained"}, "rule") if target else []),
    )


def _score_row(
    words: ScoreWords, key: str, value: float, goal: float | None
) -> dict[str, str | float]:
    shown = value if goal is None else value - goal
    unit = percent(value) if goal is None else f"{signed(shown)} points"
    return {
        "score": words.name,
        "key": key,
        "model": model_name(key),
        "value": round(shown, 4),
        "text": f"{words.name}, {model_name(key).lower()}: {unit}",
    }


def _score_chart(
    data: Data, rows: list[dict[str, str | float]], keys: list[str], title: str, *, centred: bool
) -> alt.LayerChart:
    order = list(dict.fromkeys(str(row["score"]) for row in rows))
    reach = max(1.0, 1.12 * max(abs(float(row["value"])) for row in rows))
    x = alt.X(
        "value:Q",
        title=title,
        scale=alt.Scale(domain=[-reach, reach] if centred else [0, 100]),
        axis=alt.Axis(tickCount=5, format=NUMBER, labelExpr=PLUS if centred else "datum.label"),
    )
    gaps = alt.Scale(paddingInner=0.5, paddingOuter=0.25)
    y = alt.Y("score:N", sort=order, title=None, scale=gaps, axis=alt.Axis(grid=False, tickSize=0))
    marks = (
        alt.Chart(data.add(rows))
        .mark_point(filled=True, size=110, opacity=1, stroke="var(--card)", strokeWidth=1)
        .encode(
            x=x,
            y=y,
            yOffset=alt.YOffset("key:N", sort=keys),
            color=colour(keys),
            shape=shape(keys),
            tooltip=alt.Tooltip("text:N"),
        )
    )
    if not centred:
        return layers(marks)
    line = (
        alt.Chart(data.add([{"value": 0}]))
        .mark_rule(color="var(--retrained)", strokeWidth=2)
        .encode(x="value:Q")
    )
    return layers(line, marks)


def _score_table(
    rows: list[dict[str, str | float]], keys: list[str], show: Callable[[float, int], str]
) -> Table:
    names = list(dict.fromkeys(str(row["score"]) for row in rows))
    cells = {(row["score"], row["key"]): show(float(row["value"]), 1) for row in rows}
    body = [[name, *(cells.get((name, key), NOTHING) for key in keys)] for name in names]
    return Table(["Score", *map(model_name, keys)], body)


def relearn_figure(relearn: Relearn) -> Figure:
    """Accuracy against steps of fine-tuning, one line per model."""
    keys = list(relearn.curves)
    order = [key for key in MODELS if key in keys] + [key for key in keys if key not in MODELS]
    rows = [
        {"key": key, "x": step, "y": y, "text": f"{model_name(key)}, step {step}: {percent(y)}"}
        for key in order
        for step, value in zip(relearn.steps, relearn.curves[key], strict=False)
        if (y := known(value)) is not None
    ]
    data = Data()
    base = alt.Chart(data.add(rows)).encode(
        x=alt.X("x:Q", title="steps of fine-tuning", axis=alt.Axis(tickCount=6, format=NUMBER)),
        y=alt.Y("y:Q", title="accuracy, %", scale=alt.Scale(domain=_decades(rows))),
        color=colour(order),
    )
    dots = base.mark_point(filled=True, size=80, opacity=1, stroke="var(--card)", strokeWidth=1)
    chart = layers(
        base.mark_line(strokeWidth=2).encode(strokeDash=dash(order)),
        dots.encode(shape=shape(order), tooltip=alt.Tooltip("text:N")),
    )
    table = [
        [plain(step), *(_at(relearn.curves[key], i) for key in order)]
        for i, step in enumerate(relearn.steps)
    ]
    short = SHORT_SETS.get(relearn.measured_on)
    where = f"{short} records" if short else clip(relearn.measured_on, 100)
    return Figure(
        name="relearn",
        title=f"Accuracy on {where}, step by step",
        caption="A model that truly forgot learns it back as slowly as the retrained one. "
        "A faster rise means that something was left behind.",
        panels=[panel("", _relearn_text(relearn, order), chart, data, 240)],
        table=Table(["Steps", *(f"{model_name(key)}, %" for key in order)], table),
        legend=legend({key: model_name(key) for key in order}, "dots"),
    )


def _decades(rows: list[dict[str, Any]]) -> list[float]:
    """The tens around the values: 0-100 would hide differences of a few points."""
    heights = [row["y"] for row in rows] or [0.0]
    low = 10 * math.floor(min(heights) / 10)
    return [low, max(low + 10, 10 * math.ceil(max(heights) / 10))]


def _relearn_text(relearn: Relearn, order: list[str]) -> str:
    steps = ", ".join(plain(step) for step in relearn.steps)
    lines = [
        f"{model_name(key)}: "
        + ", ".join(_at(relearn.curves[key], i) for i in range(len(relearn.steps)))
        for key in order
    ]
    return f"Accuracy in percent after {steps} steps. {'; '.join(lines)}."


def _at(curve: Sequence[float], position: int) -> str:
    value = known(curve[position]) if position < len(curve) else None
    return NOTHING if value is None else fixed(value, 1)

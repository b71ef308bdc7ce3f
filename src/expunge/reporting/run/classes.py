"""The figure of what changed class by class."""

from collections.abc import Mapping

import altair as alt

from ..charts import NUMBER, PLUS, Data, Figure, Table, layers, legend, panel
from ..formats import clip, fixed, known, plural, signed
from .words import NOTHING

Changes = Mapping[str, Mapping[str, float | None]]
"""Test accuracy in percent by class and role."""

MOST_CLASSES = 20
MOST_TABLE_CLASSES = 300


def class_figure(changes: Changes) -> Figure | None:
    """Change of accuracy per class; of many classes the ones that changed most."""
    movable = [name for name in changes if _change(changes[name], "unlearned") is not None]
    if not movable:
        return None
    moved = {name: _change(changes[name], "unlearned") or 0.0 for name in movable}
    largest = sorted(movable, key=lambda name: -abs(moved[name]))[:MOST_CLASSES]
    chosen = {name: changes[name] for name in movable if name in largest}
    text = "Change of test accuracy in points. " + "; ".join(
        f"{clip(name, 40)} {signed(moved[name])}" for name in chosen
    )
    few = len(movable) > len(chosen)
    targets = any(_change(one, "retrained") is not None for one in chosen.values())
    data = Data()
    keys = ["unlearned", "retrained"] if targets else ["unlearned"]
    return Figure(
        name="classes",
        title="Change of test accuracy in each class",
        caption=(
            f"The {MOST_CLASSES} of {len(movable)} classes that changed most; the table has more. "
            if few
            else ""
        )
        + "Points gained or lost against the original model.",
        panels=[panel("", text + ".", _class_chart(data, chosen, keys), data, 24 * len(chosen))],
        table=_class_table(changes),
        legend=legend({"unlearned": "Unlearned"}, "bar")
        + (legend({"retrained": "Retrained"}, "point") if targets else []),
    )


def _change(accuracies: Mapping[str, float | None], role: str) -> float | None:
    before, after = known(accuracies.get("original")), known(accuracies.get(role))
    return None if before is None or after is None else after - before


def _class_chart(data: Data, chosen: Changes, keys: list[str]) -> alt.LayerChart:
    rows = []
    short = [clip(name, 22) for name in chosen]
    for place, ((name, accuracies), label) in enumerate(zip(chosen.items(), short, strict=True)):
        axis = label if short.count(label) == 1 else f"{label} ({place})"
        for key in keys:
            if (value := _change(accuracies, key)) is not None:
                text = f"{clip(name, 80)}, {key}: {signed(value)} points"
                rows.append({"class": axis, "key": key, "x": round(value, 3), "text": text})
    order = list(dict.fromkeys(str(row["class"]) for row in rows))
    ends = [float(str(row["x"])) for row in rows]
    x = alt.X(
        "x:Q",
        title="points of accuracy",
        scale=alt.Scale(domain=[min(-1, 1.05 * min(ends)), max(1, 1.05 * max(ends))]),
        axis=alt.Axis(tickCount=5, format=NUMBER, labelExpr=PLUS),
    )
    y = alt.Y("class:N", sort=order, title=None, axis=alt.Axis(tickSize=0, labelLimit=110))
    tip = alt.Tooltip("text:N")
    bars = (
        alt.Chart(data.add([row for row in rows if row["key"] == "unlearned"]))
        .mark_bar(color="var(--unlearned)", height=10, opacity=0.6)
        .encode(x=x, y=y, tooltip=tip)
    )
    dots = (
        alt.Chart(data.add([row for row in rows if row["key"] != "unlearned"]))
        .mark_point(
            filled=True,
            size=95,
            shape="diamond",
            color="var(--retrained)",
            opacity=1,
            stroke="var(--card)",
            strokeWidth=1.5,
        )
        .encode(x=x, y=y, tooltip=tip)
    )
    zero = alt.Chart(data.add([{"x": 0}])).mark_rule(color="var(--ink)").encode(x="x:Q")
    return layers(bars, zero, dots)


def _class_table(changes: Changes) -> Table:
    rows = [
        [clip(name, 80)]
        + [
            NOTHING if (value := known(one.get(role))) is None else fixed(value, 1)
            for role in ("original", "unlearned", "retrained")
        ]
        + [NOTHING if (moved := _change(one, "unlearned")) is None else signed(moved)]
        for name, one in list(changes.items())[:MOST_TABLE_CLASSES]
    ]
    note = ""
    if len(changes) > MOST_TABLE_CLASSES:
        rest = plural(len(changes) - MOST_TABLE_CLASSES, "more class", "more classes")
        note = f"{rest} in record.json."
    header = ["Class", "Original, %", "Unlearned, %", "Retrained, %", "Change, points"]
    return Table(header, rows, note)

"""The figure of confidences: one histogram per set, every model in it."""

from itertools import pairwise

import altair as alt

from expunge.core.schemas.record import Distributions

from ..charts import NUMBER, Data, Figure, Panel, Table, colour, dash, layers, legend, panel
from ..formats import clip, fixed, percent, plain
from .words import MODELS, NOTHING, SETS, SHORT_SETS, model_name

MOST_BINS = 50


def distribution_figure(found: Distributions) -> Figure | None:
    """Per set one histogram in which every model is a line, the unlearned one filled."""
    sets = [name for name in SETS if any(counts.get(name) for counts in found.counts.values())]
    keys = [key for key in MODELS if key in found.counts]
    quantity = clip(found.quantity.replace("_", " "), 40)
    bins = _bins(found, sets, keys)
    if not bins:
        return None
    top = max(row[3] for row in bins)
    aim = (
        "In each panel the unlearned model should follow the retrained one: neither surer nor less."
        if "retrained" in keys
        else "Records forgotten at random should look like test records do: neither surer nor less."
    )
    panels = [_histogram([b for b in bins if b[0] == name], name, quantity, top) for name in sets]
    ranges = list(dict.fromkeys((low, high) for _, _, (low, high), _ in bins))
    cells = {(name, key, where): fixed(value, 1) for name, key, where, value in bins}
    columns = [(name, key) for name in sets for key in keys]
    return Figure(
        name="distributions",
        title=f"Distribution of the {quantity}",
        caption=f"{aim} Height is the share of records, on a square-root scale so that small "
        "shares stay visible.",
        panels=panels,
        table=Table(
            ["Range", *(f"{SHORT_SETS[s]}, {model_name(k).lower()}, %" for s, k in columns)],
            [
                [f"{plain(low)} to {plain(high)}"]
                + [cells.get((*column, (low, high)), NOTHING) for column in columns]
                for low, high in ranges
            ],
        ),
        legend=legend({key: model_name(key) for key in keys}, "line"),
    )


Bin = tuple[str, str, tuple[float, float], float]


def _bins(found: Distributions, sets: list[str], keys: list[str]) -> list[Bin]:
    """(set, model, (low, high), share in percent), neighbours merged down to ``MOST_BINS``."""
    merge = max(1, -(-(len(found.edges) - 1) // MOST_BINS))
    edges = [round(edge, 6) for edge in [*found.edges[:-1:merge], *found.edges[-1:]]]
    bins: list[Bin] = []
    for name in sets:
        for key in keys:
            counts = found.counts[key].get(name) or []
            total = sum(counts)
            for i, (low, high) in enumerate(pairwise(edges)):
                if total:
                    part = sum(counts[i * merge : (i + 1) * merge])
                    bins.append((name, key, (low, high), 100 * part / total))
    return bins


def _axes(quantity: str, top: float) -> tuple[alt.X, alt.Y]:
    x = alt.X(
        "x:Q",
        title=quantity,
        scale=alt.Scale(nice=False),
        axis=alt.Axis(tickCount=5, format=NUMBER),
    )
    ticks = [tick for tick in (0, 1, 5, 10, 25, 50, 75, 100) if tick <= top]
    y = alt.Y(
        "y:Q",
        title="% of records",
        scale=alt.Scale(type="sqrt", domain=[0, top]),
        axis=alt.Axis(values=ticks, format=NUMBER),
    )
    return x, y


def _histogram(bins: list[Bin], name: str, quantity: str, top: float) -> Panel:
    keys = [key for key in MODELS if any(b[1] == key for b in bins)]
    boxes: list[dict[str, str | float]] = []
    lines: list[dict[str, str | float]] = []
    for key in keys:
        mine = [(low, high, share) for _, k, (low, high), share in bins if k == key]
        for low, high, share in mine:
            text = f"{model_name(key)}: {percent(share)} of records from {low:g} to {high:g}"
            boxes.append({"key": key, "x": low, "x2": high, "y": round(share, 3), "text": text})
            lines.append({"key": key, "x": low, "y": round(share, 3)})
        lines.append({"key": key, "x": mine[-1][1], "y": round(mine[-1][2], 3)})
    x, y = _axes(quantity, top)
    data = Data()
    filled = [box for box in boxes if box["key"] == "unlearned"]
    bars = (
        alt.Chart(data.add(filled))
        .mark_rect(color="var(--unlearned)", opacity=0.16)
        .encode(x=x, x2="x2:Q", y=y, y2=alt.datum(0), tooltip=alt.Tooltip("text:N"))
    )
    steps = (
        alt.Chart(data.add(lines))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(x=x, y=y, color=colour(keys), strokeDash=dash(keys))
    )
    last = [
        f"{model_name(key).lower()} {percent([b[3] for b in bins if b[1] == key][-1])}"
        for key in keys
    ]
    low, high = bins[-1][2]
    text = f"{SETS[name]}: share of records from {low:g} to {high:g}: {', '.join(last)}."
    return panel(SETS[name], text, layers(bars, steps), data, 190)

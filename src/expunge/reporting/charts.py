"""What a chart of the page consists of, and the Altair pieces that all of them share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
from markupsafe import Markup

# The page's style sheet gives these custom properties a value for light, dark and print;
# an SVG takes them as they are, so that no chart is ever drawn twice.
COLOURS = {
    "original": "var(--original)",
    "unlearned": "var(--unlearned)",
    "retrained": "var(--retrained)",
    "retrained_again": "var(--retrained)",
    "forget": "var(--forget)",
    "retain": "var(--retain)",
    "test": "var(--held-out)",
    "held_out": "var(--held-out)",
    "validation": "var(--held-out)",
}
OTHER = "var(--muted)"
# A second sign beside colour, for colour-blind readers and black-and-white prints.
DASHES: dict[str, list[int]] = {
    "original": [2, 2],
    "retrained": [6, 3],
    "retrained_again": [10, 3, 2, 3],
    "retain": [6, 3],
    "held_out": [2, 2],
    "test": [2, 2],
    "fresh": [1, 4],
    "untrained": [1, 4],
}
SHAPES = {
    "original": "square",
    "unlearned": "circle",
    "retrained": "diamond",
    "retrained_again": "triangle-up",
}
# For curves that have no fixed meaning of their own (constraint 1, 2, …).
NUMBER = ".4~g"
PLUS = "datum.value > 0 ? '+' + datum.label : datum.label"
SERIES = ("var(--accent)", "var(--retrained)", "var(--forget)", "var(--retain)")


@dataclass(frozen=True)
class Key:
    """One entry of a figure's legend.

    ``mark`` is a shape, ``line``, ``rule`` or ``bar``; ``dash`` is the line through it, if any.
    """

    name: str
    colour: str
    mark: str
    dash: str | None = None


@dataclass(frozen=True)
class Panel:
    """One chart: a title, the text that stands for it, and its Vega-Lite spec as JSON."""

    title: str
    text: str
    spec: Markup
    height: int
    legend: list[Key] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """The numbers behind a figure, formatted; the first column heads each row."""

    header: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """Panels that are read together, their common legend, and their numbers as a table."""

    name: str
    title: str
    caption: str
    panels: list[Panel]
    table: Table
    legend: list[Key] = field(default_factory=list)


class Data:
    """The rows behind one chart, kept out of Altair, which would check each of them.

    The rows' keys are fixed names; only their values come from a record.
    """

    def __init__(self) -> None:
        self.sets: dict[str, list[dict[str, Any]]] = {}

    def add(self, rows: Sequence[dict[str, Any]]) -> alt.NamedData:
        """Keep the rows and return the name under which a layer of the chart reads them."""
        name = f"rows-{len(self.sets)}"
        self.sets[name] = list(rows)
        return alt.NamedData(name=name)


def embed(value: Any) -> Markup:
    """JSON that is safe inside ``<script>``: no text in it can close the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  every character that HTML would read is escaped


def panel(
    title: str,
    text: str,
    chart: alt.Chart | alt.LayerChart,
    data: Data,
    height: int,
    keys: Sequence[Key] = (),
) -> Panel:
    """Finish a chart: as wide as its place, ``height`` pixels high.

    ``keys`` is a legend of its own, where the figure's does not fit.
    """
    spec = chart.properties(width="container", height=height).to_dict()
    del spec["$schema"], spec["config"]  # the page holds one runtime and one theme
    spec["datasets"] = data.sets
    return Panel(title, text, embed(spec), height, list(keys))


def layers(*charts: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """Charts on top of each other, the last in front."""
    return alt.LayerChart(layer=list(charts))


def colour(keys: Sequence[str], name: str = "key") -> alt.Color:
    """The fixed colour of each model or set."""
    scale = alt.Scale(domain=list(keys), range=[paint(key, i) for i, key in enumerate(keys)])
    return alt.Color(f"{name}:N", scale=scale, legend=None)


def dash(keys: Sequence[str], name: str = "key") -> alt.StrokeDash:
    """The fixed dash of each model or set."""
    scale = alt.Scale(domain=list(keys), range=[DASHES.get(key, [1, 0]) for key in keys])
    return alt.StrokeDash(f"{name}:N", scale=scale, legend=None)


def shape(keys: Sequence[str], name: str = "key") -> alt.Shape:
    """The fixed shape of each model."""
    scale = alt.Scale(domain=list(keys), range=[SHAPES.get(key, "cross") for key in keys])
    return alt.Shape(f"{name}:N", scale=scale, legend=None)


def paint(key: str, position: int = 0) -> str:
    """A key's own colour; unnamed ones take turns through ``SERIES``."""
    if key.startswith("constraint") or not key:
        return SERIES[position % len(SERIES)]
    return COLOURS.get(key, OTHER)


def legend(names: dict[str, str], mark: str) -> list[Key]:
    """Legend entries for keys and their names.

    The mark ``point`` is each key's own shape, ``dots`` that shape on the key's line.
    """
    return [
        Key(
            name,
            paint(key, i),
            SHAPES.get(key, "cross") if mark in ("point", "dots") else mark,
            " ".join(map(str, DASHES.get(key, []))) if mark in ("line", "dots") else None,
        )
        for i, (key, name) in enumerate(names.items())
    ]

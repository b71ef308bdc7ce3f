"""What a report shows beside the scores: distributions, classes, pictures, history."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..core.capabilities import PicturedSet
from ..core.schemas.record import Distributions, Sample
from ..metrics import SetScores, accuracy, confidence_edges, histogram, loss_edges

ModelScores = Mapping[str, Mapping[str, SetScores]]
"""Per-sample scores by the name of the model, then of the set."""

SHOWN = ("original", "unlearned", "retrained")
PICTURE_PIXELS = 128
HISTORY_ROWS = 500


def distributions(scores: ModelScores) -> Distributions:
    """Histograms of the true class's probability, or of the loss where there is none.

    One for each of original, unlearned and retrained, and each set; test without the
    classes that are forgotten as a whole.
    """
    shown = {
        model: {name: one.counted() for name, one in scores[model].items()}
        for model in SHOWN
        if model in scores
    }
    every = [one for sets in shown.values() for one in sets.values()]
    by_probability = all(one.probability is not None for one in every)
    edges = confidence_edges() if by_probability else loss_edges([one.loss for one in every])
    return Distributions(
        quantity="probability of the true class" if by_probability else "loss",
        edges=edges,
        counts={
            model: {
                name: histogram(
                    one.probability if by_probability and one.probability is not None else one.loss,
                    edges,
                )
                for name, one in sets.items()
            }
            for model, sets in shown.items()
        },
    )


def per_class(
    scores: ModelScores, labels: Tensor | None, classes: Sequence[str] | None
) -> dict[str, dict[str, float | None]]:
    """Test accuracy in percent by class and role, forgotten classes as well."""
    correct = {role: sets["test"].correct for role, sets in scores.items() if "test" in sets}
    if labels is None or any(hits is None for hits in correct.values()):
        return {}
    present = sorted(set(labels.tolist()))
    names = [class_name(label, classes) for label in present]
    return {
        name if names.count(name) == 1 else f"{name} ({label})": {
            role: accuracy(hits[labels == label])
            for role, hits in correct.items()
            if hits is not None and role != "retrained_again"
        }
        for label, name in zip(present, names, strict=True)
        if correct
    }


def as_png(picture: Image.Image, side: int) -> str:
    """A picture as base64 PNG, shrunk so that no side is longer than ``side`` pixels."""
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def samples(
    forget: Any,
    scores: ModelScores,
    labels: Tensor | None,
    classes: Sequence[str] | None,
    count: int = 12,
) -> list[Sample]:
    """Evenly spaced forgotten images, if the set can draw them by ``picture(index)``."""
    if not isinstance(forget, PicturedSet):
        return []
    shown = []
    for index in spaced(len(forget), count):
        picture = forget.picture(index).convert("RGB")
        chances = {model: scores[model]["forget"].probability for model in SHOWN if model in scores}
        shown.append(
            Sample(
                label="" if labels is None else class_name(int(labels[index]), classes),
                png=as_png(picture, PICTURE_PIXELS),
                probability={
                    model: round(float(values[index]), 6)
                    for model, values in chances.items()
                    if values is not None
                },
            )
        )
    return shown


def class_name(label: int, classes: Sequence[str] | None) -> str:
    """Name of a class, or its number where it has no name."""
    return classes[label] if classes is not None and 0 <= label < len(classes) else str(label)


def thinned(
    history: Sequence[Mapping[str, Any]], limit: int = HISTORY_ROWS
) -> list[dict[str, Any]]:
    """At most ``limit`` rows, evenly spaced, with the first and last of each stage.

    NaN and infinite numbers become None, because JSON has neither.
    """
    stages = [row.get("stage") for row in history]
    total = len(history)
    ends = {
        i
        for i in range(total)
        if i in (0, total - 1) or stages[i] != stages[i - 1] or stages[i] != stages[i + 1]
    }
    if total <= limit:
        chosen = list(range(total))
    elif len(ends) < limit:
        chosen = sorted(ends | set(spaced(total, limit - len(ends))))
    else:
        chosen = spaced(total, limit)
    return [{key: plain(value, None) for key, value in history[i].items()} for i in chosen]


def spaced(total: int, count: int) -> list[int]:
    """At most ``count`` different positions in 0 … total - 1, evenly spaced, increasing."""
    return [int(i) for i in np.linspace(0, total - 1, min(count, total)).round()]


def plain(value: Any, odd: str | None = "") -> Any:
    """A value as JSON has it: containers of numbers, texts and None.

    Args:
        value: Anything; a function becomes its name, another object its text.
        odd: What NaN and infinity become; ``""`` writes them as text (``"inf"``).
    """
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item, odd) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple | range):
        return [plain(item, odd) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value) if odd == "" else odd
    if value is None or type(value) in (bool, int, float, str):
        return value
    return getattr(value, "__qualname__", None) or str(value)

"""What the templates print, worked out from a record: facts, cells, figures, pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from expunge.core.schemas.record import Record, Sample

from ..charts import Figure
from ..formats import clip, known, moment, number, percent, plain, sentence, signed
from . import generated
from .classes import class_figure
from .facts import cost, provenance, tiles
from .histograms import distribution_figure
from .missing import not_known
from .plots import relearn_figure, score_figure
from .png import checked
from .repair import repair_figures
from .words import (
    EVIDENCE,
    MODELS,
    ROLES,
    SCORES,
    ScoreWords,
    asked,
    headline,
    model_name,
    score_text,
    titled,
    verdict,
)

PICTURE_BYTES = 500_000
MOST_PICTURES = 60
MOST_LINES = 60


@dataclass(frozen=True)
class ScoreCell:
    """One score of one model and, below it, its distance to retrained."""

    model: str
    value: str | None
    distance: str = ""


@dataclass(frozen=True)
class ScoreRow:
    """One score of all models."""

    words: ScoreWords | None
    cells: list[ScoreCell]


@dataclass(frozen=True)
class ForgottenImage:
    """A forgotten image; ``odds`` are (model, probability of its label in percent)."""

    label: str
    png: str | None
    odds: list[tuple[str, str]]


@dataclass(frozen=True)
class GapBar:
    """An Avg. Gap as a bar; ``width`` in percent of the longest."""

    model: str
    name: str
    value: str
    width: float


def _reasons(record: Record) -> list[str]:
    told = [*record.verdict.remarks, *record.verdict.reasons][:MOST_LINES]
    return [clip(text, 1000) for text in told if text != EVIDENCE]


def build(record: Record) -> dict[str, Any]:
    """Everything the templates need, by name."""
    name, told = verdict(record)
    return {
        "record": record,
        "created": moment(record.created),
        "headline": headline(record),
        "asked": asked(record),
        "verdict": {"status": record.verdict.status, "name": name, "sentence": told},
        "reasons": _reasons(record),
        "all_warnings": len(record.warnings),
        "warnings": [clip(sentence(one.text), 1000) for one in record.warnings[:MOST_LINES]],
        "tiles": tiles(record),
        "roles": [(key, model_name(key), ROLES[key]) for key in MODELS if _has(record, key)],
        "models": _models(record),
        "rows": score_rows(record),
        "scores_words": score_words(record),
        "bars": bars(record),
        "figures": figures(record),
        "pictures": pictures(record.samples),
        "more_pictures": max(0, len(record.samples) - len(pictures(record.samples))),
        "prompt_groups": generated.groups(record),
        "generation_tables": generated.tables(record),
        "generation_protocol": _pairs(record.generation_protocol),
        "cost": cost(record),
        "decisions": [
            (
                key,
                plain(entry.get("value")),
                sentence(plain(entry.get("reason") or "no reason was given")),
            )
            for key, entry in list(record.method.decisions.items())[:MOST_LINES]
        ],
        "hyperparameters": _pairs(record.method.hyperparameters),
        "versions": _pairs(record.versions),
        "protocol": _pairs(record.relearn.protocol) if record.relearn else [],
        "provenance": provenance(record),
        "not_known": not_known,
    }


def _has(record: Record, key: str) -> bool:
    return key in record.scores or key in ("original", "unlearned", "retrained")


def _models(record: Record) -> list[tuple[str, str]]:
    return [(key, model_name(key)) for key in MODELS if key in record.scores]


def score_words(record: Record) -> tuple[ScoreWords, ...]:
    """The scores of a page: of a text-to-image model, or of one that predicts."""
    return (*(generated.SCORES if record.generated else SCORES), *titled())


def score_rows(record: Record) -> list[ScoreRow]:
    """One row per score, then the average gap; a loss that no model has gets no row."""
    target = record.scores.get("retrained")
    rows = []
    for words in score_words(record):
        goal = known(target.get(words.field)) if target else None
        cells = [_cell(record, key, words, goal) for key, _ in _models(record)]
        if (words.percent and not words.rare) or any(cell.value for cell in cells):
            rows.append(ScoreRow(words, cells))
    return rows


def _cell(record: Record, key: str, words: ScoreWords, goal: float | None) -> ScoreCell:
    value = known(record.scores[key].get(words.field))
    if value is None:
        return ScoreCell(key, None)
    if key == "retrained":
        return ScoreCell(key, score_text(words, value), "the target")
    if goal is None:
        return ScoreCell(key, score_text(words, value))
    return ScoreCell(key, score_text(words, value), signed(value - goal, 1 if words.percent else 3))


def bars(record: Record) -> list[GapBar]:
    """Avg. Gap of original, unlearned and a second retrain (the floor)."""
    found = {
        "original": (known(record.original_gap), "Original"),
        "unlearned": (known(record.avg_gap), "Unlearned"),
        "retrained_again": (known(record.floor), "Floor: retrained again"),
    }
    longest = max((gap for gap, _ in found.values() if gap), default=0.0)
    return [
        GapBar(key, name, number(gap), round(100 * gap / longest, 1) if longest else 0.0)
        for key, (gap, name) in found.items()
        if gap is not None
    ]


def figures(record: Record) -> dict[str, list[Figure]]:
    """The charts of each section; an empty list where there is nothing to draw."""
    spread = distribution_figure(record.distributions) if record.distributions else None
    single = {
        "scores": score_figure(record.scores),
        "distributions": spread,
        "classes": class_figure(record.per_class),
        "relearn": relearn_figure(record.relearn) if record.relearn else None,
    }
    found = {name: [] if one is None else [one] for name, one in single.items()}
    return found | {"repair": repair_figures(record.history)}


def pictures(samples: Sequence[Sample]) -> list[ForgottenImage]:
    """Forgotten images, as many as the page has room for."""
    room = PICTURE_BYTES
    found = []
    for sample in samples[:MOST_PICTURES]:
        png = checked(sample.png)
        room -= len(png or "")
        if room < 0:
            break
        odds = [
            (key, percent(100 * value, 0))
            for key in MODELS
            if (value := known(sample.probability.get(key))) is not None
        ]
        found.append(ForgottenImage(clip(sample.label, 60), png, odds))
    return found


def _pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(clip(str(key), 80), plain(value)) for key, value in list(values.items())[:MOST_LINES]]

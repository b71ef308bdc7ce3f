"""Labelled values: the few at the top of the page, what it cost, and where it came from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from expunge.core.schemas.record import Record

from ..formats import (
    clip,
    count,
    known,
    moment,
    number,
    percent,
    plain,
    plural,
    seconds,
    share,
    size,
)
from .missing import not_known
from .words import trained_on


@dataclass(frozen=True)
class Fact:
    """A labelled value; ``missing`` says why there is none, ``code`` sets it in monospace."""

    label: str
    value: str | None
    note: str = ""
    missing: str = ""
    code: bool = False


def tiles(record: Record) -> list[Fact]:
    """The four numbers a hurried reader takes away."""
    total, found = trained_on(record), record.request.found or 0
    compared = "retrained" in record.scores
    gap, before, rte = known(record.avg_gap), known(record.original_gap), known(record.cost.rte)
    return [
        Fact(
            "Records to forget",
            count(found),
            f"{share(found, total)} of {count(total)}" if total else "",
        ),
        _still_generated(record)
        if record.generated
        else Fact(
            "Avg. Gap to retrained",
            None if gap is None else number(gap),
            "points" if before is None else f"points; before: {number(before)}",
            f"not known: {'scores are missing' if compared else 'no retrained model'}",
        ),
        Fact(
            "Time taken",
            seconds(record.cost.seconds or 0.0),
            f"with {clip(record.method.name, 40)}",
        ),
        Fact(
            "Share of a retrain's time",
            None if rte is None else percent(100 * rte, 0 if rte >= 0.1 else 1),
            f"recipe: {clip(record.cost.retrain_recipe, 40)}" if record.cost.retrain_recipe else "",
            "not known: no retraining timed",
        ),
    ]


def _still_generated(record: Record) -> Fact:
    """How often a model still generates what was to be forgotten."""
    share = {key: known(one.get("forget_accuracy")) for key, one in record.scores.items()}
    others = ((key, share.get(key)) for key in ("original", "retrained"))
    named = [f"{key} {percent(value, 0)}" for key, value in others if value is not None]
    after = share.get("unlearned")
    return Fact(
        "Still generated when asked for",
        None if after is None else percent(after, 0),
        "; ".join(named),
        "not known: no classifier judged the images",
    )


def cost(record: Record) -> list[Fact]:
    """What it took."""
    one = record.cost
    return [
        Fact("Unlearning", seconds(one.seconds or 0.0), "wall-clock time of the method"),
        _fact(record, "Retraining", "retrain_seconds", seconds, "the alternative to unlearning"),
        _fact(record, "Recipe of that retraining", "retrain_recipe", clip),
        _fact(
            record,
            "RTE: unlearning / retraining",
            "rte",
            lambda value: number(value, 3),
            "measured against that recipe; below 1 is faster",
        ),
        _fact(
            record,
            "RTE in samples read",
            "rte_samples",
            lambda value: number(value, 3),
            "the same whatever else the machine does; a forward pass counts like a step",
        ),
        _fact(record, "Training the original", "train_seconds", seconds),
        _fact(record, "Peak memory", "peak_memory_bytes", size),
        _fact(record, "Samples read", "samples_read", count, "each pass counts them again"),
    ]


def _fact(
    record: Record, label: str, topic: str, show: Callable[[Any], str], note: str = ""
) -> Fact:
    value = getattr(record.cost, topic)
    if not isinstance(value, str) and known(value) is None:
        return Fact(label, None, missing=not_known(topic))
    return Fact(label, show(value), note)


def provenance(record: Record) -> list[Fact]:
    """Who wants to check the run needs these."""
    return [
        *_model_facts(record),
        *_data_facts(record),
        Fact("Selection", plain(record.request.spec)),
        Fact("Method", clip(record.method.name)),
        Fact("Seed", plain(record.method.seed)),
        Fact("Precision", clip(record.method.precision or "") or None),
        Fact("Record written", moment(record.created), clip(record.schema_)),
    ]


def _model_facts(record: Record) -> list[Fact]:
    model = record.model
    same = "identical: the weights were not changed" if _same_weights(record) else ""
    size = plural(model.parameters or 0, "parameter")
    return [
        Fact("Model", clip(model.name) or None, size, not_known("name")),
        Fact("Weights before, SHA-256", _short(model.sha256_before), code=True),
        Fact("Weights after, SHA-256", _short(model.sha256_after), same, code=True),
    ]


def _data_facts(record: Record) -> list[Fact]:
    data, commitment = record.data, record.request.commitment
    sizes = ", ".join(f"{key} {count(value)}" for key, value in data.sizes.items())
    about = "over the sorted, salted ids of the records to forget" if commitment else ""
    missing = not_known("fingerprint")
    return [
        Fact("Data", clip(data.name) or None, sizes, not_known("name")),
        Fact("Data fingerprint, SHA-256", _short(data.fingerprint), missing=missing, code=True),
        Fact(
            "Commitment to the request, SHA-256",
            _short(commitment),
            about,
            not_known("commitment"),
            code=True,
        ),
    ]


def _same_weights(record: Record) -> bool:
    before, after = record.model.sha256_before, record.model.sha256_after
    return before is not None and before == after


def _short(text: str | None) -> str | None:
    return None if text is None else clip(text)

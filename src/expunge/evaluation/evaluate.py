"""Everything that is known about one run, measured and put into a record."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from ..core.arguments import check_kind
from ..core.capabilities import class_names
from ..core.data import UnlearningData
from ..core.errors import InputError
from ..core.progress import about
from ..core.schemas.record import Cost, DataInfo, MethodInfo, ModelInfo, Record, Verdict
from ..core.task import Task
from ..core.unlearn import Unlearned
from ..metrics import average_gap, run_time_efficiency
from .details import distributions, per_class, plain, samples, thinned
from .facts import Facts, facts_from
from .measure import Given, Measured, Measuring
from .relearn import Relearning
from .remarks import remarks
from .score import BATCH_SIZE
from .verdict import judge


def evaluate(
    result: Unlearned,
    *,
    original: Given,
    data: UnlearningData,
    retrained: Given | Sequence[Given] | None = None,
    retrained_again: Given | None = None,
    untrained: Given | None = None,
    facts: Facts | None = None,
    relearn: bool | Relearning = True,
    pictures: bool = False,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    batch_size: int = BATCH_SIZE,
    **former: Any,
) -> Record:
    """Score the models before and after, compare with retraining, and judge.

    No model is changed. Works without test set and without retrained models; what cannot
    be known then is None, and the verdict says so. A model may be given as a function that
    loads it: it is called once, and its model is released before the next one is loaded.

    Args:
        result: What ``unlearn`` returned.
        original: The model that it was given.
        data: The sets that it was given, and the test set. Whole classes that only D_f has
            are left out of the test scores (see ``judged_test``).
        retrained: A model trained without D_f, or two independent ones.
        retrained_again: A second one; its gap to the first is the floor.
        untrained: A model that was never trained, for the relearn curve.
        facts: What the record should tell besides.
        relearn: Whether to measure relearn curves, or the settings for them.
        pictures: Whether to keep up to 12 forgotten images in the record, for the report.
        device: Where to compute.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``; the same for all models.
        batch_size: Samples per forward pass of the scores.
        **former: Fields of ``facts`` that were arguments before; deprecated.

    Returns:
        The record. Costs one pass over D_f, D_r and D_t, one support vector machine and one
        relearn curve per model.

    Raises:
        InputError: If there are more than two retrained models.
        ModelError: If a model gives NaN or infinite losses.
    """
    check_kind(result, Unlearned, "result", "it is what unlearn returns")
    untrained = former.pop("fresh", untrained)
    facts = facts_from(facts, former)
    protocol = Relearning() if relearn is True else relearn or None
    how = Measuring(
        result.task, data, torch.device(device), precision, protocol, facts.canaries, batch_size
    )
    models = _models(original, result.model, retrained, retrained_again)
    found = {}
    for role, given in models.items():
        with about(role):
            found[role] = how.measure(given, relearn=role != "retrained_again")
    curves = {role: one.curve for role, one in found.items()}
    if untrained is not None and curves["original"] is not None:
        curves["untrained"] = how.untrained(untrained)
    record = _record(result, found, data, facts, pictures)
    relearned = how.relearned(curves)
    told = {"remarks": remarks(record.scores, relearned)}
    verdict = record.verdict.model_copy(update=told)
    return record.model_copy(update={"relearn": relearned, "verdict": verdict})


def _record(
    result: Unlearned,
    found: Mapping[str, Measured],
    data: UnlearningData,
    facts: Facts,
    pictures: bool,
) -> Record:
    """What was measured, with the gaps, the verdict and the facts; without relearn curves."""
    scores = {role: one.scores for role, one in found.items()}
    sets = {role: one.sets for role, one in found.items()}
    target = scores.get("retrained")
    gaps = {role: average_gap(one, target) if target else None for role, one in scores.items()}
    gap, original_gap, floor = (
        gaps.get(role) for role in ("unlearned", "original", "retrained_again")
    )
    classes = class_names(data.forget) if facts.classes is None else facts.classes
    forget_labels, test_labels = (_labels(result.task, one) for one in (data.forget, data.test))
    return Record(
        created=now(),
        versions=versions(),
        command=facts.command,
        request=facts.request.model_copy(update={"found": len(data.forget)}),
        model=_model_info(facts.model_name, result.model, found),
        data=DataInfo(
            name=facts.data_name,
            sizes=data.sizes(),
            classes=classes,
            fingerprint=facts.fingerprint,
        ),
        method=_method_info(result),
        cost=_cost(result, facts),
        scores=scores,
        avg_gap=gap,
        original_gap=original_gap,
        floor=floor,
        distributions=distributions(sets),
        per_class=per_class(sets, test_labels, classes),
        samples=samples(data.forget, sets, forget_labels, classes) if pictures else [],
        history=thinned(result.history),
        warnings=[
            *facts.notices,
            *result.warnings,
            *(text for one in found.values() for text in one.notices),
        ],
        verdict=_verdict(result, found, (gap, original_gap, floor), len(data.forget)),
    )


def _verdict(
    result: Unlearned,
    found: Mapping[str, Measured],
    gaps: tuple[float | None, float | None, float | None],
    forget_size: int,
) -> Verdict:
    return judge(
        {role: one.scores for role, one in found.items()},
        *gaps,
        changed=result.changed,
        same_weights=found["unlearned"].weights == found["original"].weights,
        forget_size=forget_size,
    )


def _models(
    original: Given,
    unlearned: nn.Module,
    retrained: Given | Sequence[Given] | None,
    again: Given | None,
) -> dict[str, Given]:
    """The models by the roles that records use."""
    first = list(retrained) if isinstance(retrained, Sequence) else [retrained]
    given = [model for model in (*first, again) if model is not None]
    if len(given) > 2:
        raise InputError(
            f"expected at most two retrained models, the reference and a second one for the "
            f"floor, got {len(given)}; evaluate against two of them"
        )
    return {
        "original": original,
        "unlearned": unlearned,
        **dict(zip(("retrained", "retrained_again"), given, strict=False)),
    }


def _labels(task: Task, dataset: Any) -> Tensor | None:
    labels = None if dataset is None else task.labels(dataset)
    return None if labels is None else labels.cpu()


def now() -> str:
    """The time, as records state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide the numbers of a record."""
    packages = ("expunge", "torch", "numpy", "scikit-learn")
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def _model_info(name: str, after: nn.Module, found: Mapping[str, Measured]) -> ModelInfo:
    return ModelInfo(
        name=name or type(after).__name__,
        parameters=found["unlearned"].parameters,
        sha256_before=found["original"].digest,
        sha256_after=found["unlearned"].digest,
    )


def _method_info(result: Unlearned) -> MethodInfo:
    return MethodInfo(
        name=result.method.name,
        hyperparameters=plain(asdict(result.method)),  # type: ignore[call-overload]
        seed=result.seed,
        precision=result.precision,
        decisions=plain(result.decisions),
    )


def _cost(result: Unlearned, facts: Facts) -> Cost:
    seconds, memory, read = (
        result.cost.get(name) for name in ("seconds", "peak_memory_bytes", "samples_read")
    )
    return Cost(
        seconds=seconds or 0.0,
        retrain_seconds=facts.retrain_seconds,
        rte=run_time_efficiency(seconds or 0.0, facts.retrain_seconds),
        retrain_recipe=facts.retrain_recipe,
        train_seconds=facts.train_seconds,
        peak_memory_bytes=None if memory is None else int(memory),
        samples_read=None if read is None else int(read),
        retrain_samples=facts.retrain_samples,
        rte_samples=None if read is None else run_time_efficiency(read, facts.retrain_samples),
    )

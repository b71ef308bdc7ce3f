"""Everything that is known about one run, measured and put into a record."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from ..core.capabilities import class_names
from ..core.data import UnlearningData
from ..core.errors import GuardError, InputError
from ..core.record import Cost, DataInfo, ForgetRequest, MethodInfo, ModelInfo, Record, Relearn
from ..core.task import Task
from ..core.unlearn import Unlearned, model_digest
from ..metrics import average_gap, run_time_efficiency
from .details import ModelScores, distributions, per_class, plain, samples, thinned
from .relearn import Relearning, relearn_curves
from .score import BATCH_SIZE, judged_test, score_sets, summarise
from .verdict import judge


def evaluate(
    result: Unlearned,
    *,
    original: nn.Module,
    data: UnlearningData,
    retrained: nn.Module | Sequence[nn.Module] | None = None,
    retrained_again: nn.Module | None = None,
    fresh: nn.Module | None = None,
    request: Mapping[str, Any] | None = None,
    digest: str | None = None,
    data_name: str = "",
    model_name: str = "",
    classes: Sequence[str] | None = None,
    fingerprint: str | None = None,
    train_seconds: float | None = None,
    retrain_seconds: float | None = None,
    retrain_recipe: str | None = None,
    relearn: bool | Relearning = True,
    pictures: bool = True,
    command: str | None = None,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    batch_size: int = BATCH_SIZE,
) -> Record:
    """Score the models before and after, compare with retraining, and judge.

    No model is changed. Works without test set and without retrained models; what cannot
    be known then is None, and the verdict says so.

    Args:
        result: What ``unlearn`` returned.
        original: The model that it was given.
        data: The sets that it was given, and the test set. Whole classes that only D_f has
            are left out of the test scores (see ``judged_test``).
        retrained: A model trained without D_f, or two independent ones.
        retrained_again: A second one; its gap to the first is the floor.
        fresh: A net that was never trained, for the relearn curve.
        request: What was asked, e.g. ``{"kind": "random", "fraction": 0.1, "seed": 0}``.
        digest: SHA-256 over the salted ids of the forget set.
        data_name: Name of the data for the record; so ``model_name``.
        model_name: Name of the net; its class if empty.
        classes: Names of the classes; those of the sets if they have any.
        fingerprint: SHA-256 over the data.
        train_seconds: What training the original took.
        retrain_seconds: What training ``retrained`` took; needed for RTE.
        retrain_recipe: How it was trained.
        relearn: Whether to measure relearn curves, or the settings for them.
        pictures: Whether to keep up to 12 forgotten images in the record.
        command: The command line that led here.
        device: Where to compute.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``; the same for all models.
        batch_size: Samples per forward pass of the scores.

    Returns:
        The record. Costs one pass over D_f, D_r and D_t, one support vector machine and one
        relearn curve per model.

    Raises:
        InputError: If there are more than two retrained models.
        ModelError: If a model gives NaN or infinite losses.
    """
    models = _models(original, result.model, retrained, retrained_again)
    place = _Place(torch.device(device), precision, batch_size)
    per_sample = _score_all(models, result.task, data, place)
    scores = {name: summarise(sets) for name, sets in per_sample.items()}
    reference = scores.get("retrained")
    gaps = {
        name: average_gap(one, reference) if reference else None for name, one in scores.items()
    }
    warnings = list(result.warnings)
    if fresh is not None:
        models = {**models, "fresh": fresh}
    classes = class_names(data.forget) if classes is None else list(classes)
    labels = _labels(result.task, data.forget), _labels(result.task, data.test)
    known = relearn is not False and scores["original"].forget_accuracy is not None
    original_gap, floor = gaps["original"], gaps.get("retrained_again")
    return Record(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        command=command,
        request=ForgetRequest(forget=plain(request or {}), size=len(data.forget), digest=digest),
        model=_model_info(model_name, original, result.model),
        data=DataInfo(name=data_name, sizes=data.sizes(), classes=classes, fingerprint=fingerprint),
        method=_method_info(result),
        cost=_cost(result, train_seconds, retrain_seconds, retrain_recipe),
        scores=scores,
        avg_gap=gaps["unlearned"],
        original_gap=original_gap,
        floor=floor,
        relearn=_relearn(relearn, models, result.task, data, place, warnings) if known else None,
        distributions=distributions(per_sample),
        per_class=per_class(per_sample, labels[1], classes),
        samples=samples(data.forget, per_sample, labels[0], classes) if pictures else [],
        history=thinned(result.history),
        warnings=warnings,
        verdict=judge(scores, gaps["unlearned"], original_gap, floor, changed=result.changed),
    )


@dataclass(frozen=True)
class _Place:
    device: torch.device
    precision: str
    batch_size: int


def _models(
    original: nn.Module,
    unlearned: nn.Module,
    retrained: nn.Module | Sequence[nn.Module] | None,
    again: nn.Module | None,
) -> dict[str, nn.Module]:
    """The models by the names that records use."""
    if retrained is None or isinstance(retrained, nn.Module):
        given = [model for model in (retrained, again) if model is not None]
    else:
        given = [*retrained, *([] if again is None else [again])]
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


def _score_all(
    models: Mapping[str, nn.Module], task: Task, data: UnlearningData, place: _Place
) -> ModelScores:
    judged = judged_test(task, data)
    return {
        name: score_sets(
            model,
            task,
            data,
            device=place.device,
            batch_size=place.batch_size,
            precision=place.precision,
            judged=judged,
        )
        for name, model in models.items()
    }


def _relearn(
    wanted: bool | Relearning,
    models: Mapping[str, nn.Module],
    task: Task,
    data: UnlearningData,
    place: _Place,
    warnings: list[str],
) -> Relearn | None:
    """The curves; None and a warning if a model breaks on the way."""
    shown = {name: model for name, model in models.items() if name != "retrained_again"}
    protocol = wanted if isinstance(wanted, Relearning) else None
    try:
        return relearn_curves(
            shown, task, data, protocol, device=place.device, precision=place.precision
        )
    except GuardError as error:
        warnings.append(f"the relearn curve was left out: {error}")
        return None


def _labels(task: Task, dataset: Any) -> Tensor | None:
    labels = None if dataset is None else task.labels(dataset)
    return None if labels is None else labels.cpu()


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide the numbers of a record."""
    packages = ("expunge", "torch", "numpy", "scikit-learn")
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def _model_info(name: str, before: nn.Module, after: nn.Module) -> ModelInfo:
    return ModelInfo(
        name=name or type(before).__name__,
        parameters=sum(parameter.numel() for parameter in after.parameters()),
        sha256_before=model_digest(before),
        sha256_after=model_digest(after),
    )


def _method_info(result: Unlearned) -> MethodInfo:
    return MethodInfo(
        name=result.method.name,
        hyperparameters=plain(asdict(result.method)),  # type: ignore[call-overload]
        seed=result.seed,
        precision=result.precision,
        decisions=plain(result.decisions),
    )


def _cost(
    result: Unlearned,
    train_seconds: float | None,
    retrain_seconds: float | None,
    retrain_recipe: str | None,
) -> Cost:
    seconds, memory, read = (
        result.cost.get(name) for name in ("seconds", "peak_memory_bytes", "samples_read")
    )
    return Cost(
        seconds=seconds or 0.0,
        retrain_seconds=retrain_seconds,
        rte=run_time_efficiency(seconds or 0.0, retrain_seconds),
        retrain_recipe=retrain_recipe,
        train_seconds=train_seconds,
        peak_memory_bytes=None if memory is None else int(memory),
        samples_read=None if read is None else int(read),
    )

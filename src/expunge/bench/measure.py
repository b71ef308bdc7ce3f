"""What a bench measures on one model."""

from typing import Any

import torch
from torch import nn

from ..core.errors import GuardError
from ..core.schemas.results import Curve
from ..evaluation.relearn import Relearning, measured_set, relearn_curve
from ..evaluation.representation import layer_cka
from ..evaluation.score import SetScores, score_sets, summarise
from ..metrics import accuracy
from ..runs.classifier import Prepared


def measure(
    model: nn.Module, prepared: Prepared, *, relearn: bool, like: nn.Module | None = None
) -> dict[str, Any]:
    """Scores, accuracies per class, relearn curve and likeness, as ``Result`` has them.

    Costs one forward pass over D_f, D_r and D_t, one support vector machine and, if asked
    for, 12 training steps.

    Args:
        model: What is measured; it is not changed.
        prepared: The run whose sets are used.
        relearn: Whether to measure the relearn curve.
        like: A retrained model to compare the layers with on D_f, by linear CKA.

    Raises:
        ModelError: If the model gives NaN or infinite losses.
    """
    sets = score_sets(
        model,
        prepared.task,
        prepared.data,
        device=prepared.device,
        precision=prepared.config.precision,
    )
    curve, warnings = _curve(model, prepared) if relearn else (None, [])
    return {
        "scores": summarise(sets),
        "per_class": _per_class(sets.get("test"), prepared),
        "relearn": curve,
        "cka": _likeness(model, like, prepared),
        "warnings": warnings,
    }


def _likeness(model: nn.Module, like: nn.Module | None, prepared: Prepared) -> dict[str, float]:
    if like is None:
        return {}
    device, precision = prepared.device, prepared.config.precision
    return layer_cka(model, like, prepared.data.forget, device=device, precision=precision)


def _curve(model: nn.Module, prepared: Prepared) -> tuple[Curve | None, list[str]]:
    try:
        values = relearn_curve(
            model,
            prepared.task,
            prepared.data,
            device=prepared.device,
            precision=prepared.config.precision,
        )
    except GuardError as error:
        return None, [f"the relearn curve was left out: {error}"]
    _, description = measured_set(prepared.task, prepared.data)
    return Curve(measured_on=description, steps=list(Relearning.steps), accuracy=values), []


def _per_class(scores: SetScores | None, prepared: Prepared) -> dict[str, float]:
    """Test accuracy in percent by the name of the class; forgotten classes as well."""
    labels = None if prepared.data.test is None else prepared.task.labels(prepared.data.test)
    if scores is None or scores.correct is None or labels is None:
        return {}
    labels, names = labels.cpu(), prepared.bundle.classes
    return {
        names[label] if names else str(label): accuracy(scores.correct[labels == label])
        for label in torch.unique(labels).tolist()
    }

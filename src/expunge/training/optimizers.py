"""Which optimiser the models of a task are trained by."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.capabilities import NamesOptimizer
from ..core.task import Task


def is_adaptive(task: Task | None) -> bool:
    """Whether the models of a task are trained by AdamW, whose rates are a hundredth."""
    return isinstance(task, NamesOptimizer) and task.optimizer == "adamw"


def optimizer_for(
    task: Task | None,
    parameters: Sequence[Tensor] | Sequence[dict[str, Any]],
    lr: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """SGD, or AdamW where a task says that its models are trained so.

    Denoisers are, and say ``optimizer = "adamw"``; ``momentum`` is then Adam's first beta,
    ``nesterov`` means nothing, and the weight decay is decoupled from the gradient.

    Args:
        task: Whose word decides; None means SGD.
        parameters: Tensors, or groups of them as torch's optimisers take them.
        lr: Learning rate.
        momentum: As above.
        weight_decay: As above; groups may have their own.
        nesterov: Of SGD; without momentum it is left out.
    """
    if is_adaptive(task):
        # Fused: small denoisers have hundreds of small tensors, which are slow one by one.
        return torch.optim.AdamW(
            parameters, lr=lr, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True
        )
    return torch.optim.SGD(
        parameters,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        nesterov=nesterov and momentum > 0,
    )

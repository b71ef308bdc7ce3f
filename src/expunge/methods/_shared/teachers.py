"""What methods share that compare class scores with those of a frozen net."""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.capabilities import GivesLogits, lacking
from ...core.errors import InputError
from ...core.task import Batch, Task

Logits = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]


def logits_of(task: Task, method: str) -> Logits:
    """The task's ``logits(model, batch)``, which gives logits (B, C) and labels (B,).

    Raises:
        InputError: If the task has none; names ``method`` and what to use instead.
    """
    if not isinstance(task, GivesLogits):
        raise InputError(lacking(method, GivesLogits, task))
    return task.logits


def frozen_copy(model: nn.Module) -> nn.Module:
    """Another net with the same weights, in evaluation mode, that no step can move."""
    return copy.deepcopy(model).eval().requires_grad_(False)


@torch.no_grad()
def taught(logits: Logits, teacher: nn.Module, batch: Batch) -> Tensor:
    """Logits (B, C) of a teacher, outside of every graph."""
    return logits(teacher, batch)[0]


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """KL(teacher || student) of each sample, shape (B,), from logits (B, C), in nats.

    Both are softened by ``temperature`` T; the factor T² keeps the size of gradients
    independent of T (Hinton et al. 2015).
    """
    found = F.kl_div(
        (student / temperature).log_softmax(1),
        (teacher / temperature).log_softmax(1),
        reduction="none",
        log_target=True,  # finite where the teacher's probability is zero
    )
    return temperature**2 * found.sum(1)

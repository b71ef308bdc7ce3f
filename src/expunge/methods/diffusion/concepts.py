"""What the methods share that speak to a denoiser about its conditions."""

import torch
from torch import Tensor

from ...core.capabilities import Denoises, lacking
from ...core.data import UnlearningData
from ...core.errors import InputError
from ...core.task import Task


def denoising_of(task: Task, method: str) -> Denoises:
    """``task``, if its model denoises.

    Raises:
        InputError: If it does not; names ``method`` and what to use instead.
    """
    if not isinstance(task, Denoises):
        raise InputError(lacking(method, Denoises, task))
    return task


def forgotten_labels(task: Denoises, data: UnlearningData) -> tuple[Tensor, Tensor]:
    """Conditions that D_f has, and those that D_r has and D_f has not; sorted, int64."""
    forget, retain = task.labels(data.forget), task.labels(data.retain)
    if forget is None or retain is None:
        raise InputError("expected the samples to have labels that name their conditions")
    gone = torch.unique(forget.cpu().long())
    kept = torch.unique(retain.cpu().long())
    return gone, kept[~torch.isin(kept, gone)]

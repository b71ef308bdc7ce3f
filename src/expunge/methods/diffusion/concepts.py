"""What the methods share that speak to a denoiser about its conditions."""

from typing import Any, Protocol, cast

import torch
from torch import Generator, Tensor, nn

from ...core.data import UnlearningData
from ...core.errors import InputError
from ...core.task import Batch, Task


class DenoisingTask(Task, Protocol):
    """A task whose model denoises under conditions, as ``tasks.Denoising``."""

    conditions: dict[str, Tensor]
    noising: Any

    @property
    def empty(self) -> int:
        """The label of the empty condition."""
        ...

    def draw(self, model: nn.Module, batch: Batch) -> Any:
        """Noised samples, levels, labels, conditions and goal of a batch."""
        ...

    def predict(
        self, model: nn.Module, noised: Tensor, levels: Tensor, conditions: dict[str, Tensor]
    ) -> Tensor:
        """What the model predicts."""
        ...

    def condition(self, labels: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """The conditions of labels."""
        ...


def denoises(task: Task) -> bool:
    """Whether the model of a task denoises under conditions."""
    return hasattr(task, "draw") and hasattr(task, "predict")


def denoising_of(task: Task, method: str) -> DenoisingTask:
    """``task``, if its model denoises.

    Raises:
        InputError: If it does not; names ``method`` and what to use instead.
    """
    if not denoises(task):
        raise InputError(
            f"{method} needs a diffusion model, but the task has no predict(model, noised, "
            "levels, conditions); use task=Denoising(...), or a method for classifiers, such "
            "as scissorhands"
        )
    return cast(DenoisingTask, task)


def forgotten_labels(task: DenoisingTask, data: UnlearningData) -> tuple[Tensor, Tensor]:
    """Conditions that D_f has, and those that D_r has and D_f has not; sorted, int64."""
    forget, retain = task.labels(data.forget), task.labels(data.retain)
    if forget is None or retain is None:
        raise InputError("expected the samples to have labels that name their conditions")
    gone = torch.unique(forget.cpu().long())
    kept = torch.unique(retain.cpu().long())
    return gone, kept[~torch.isin(kept, gone)]

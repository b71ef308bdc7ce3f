"""What all methods that take SGD steps share."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from ..core.batches import Stream
from ..core.run import Run
from ..core.task import Task
from .optimizers import is_adaptive, optimizer_for

DEFAULT_BATCH = 256


def fitting_batch(asked: int | None, dataset: Any, default: int = DEFAULT_BATCH) -> int:
    """The batch size asked for, or a default that leaves a small set 16 steps a pass."""
    return asked if asked is not None else max(1, min(default, len(dataset) // 16))


class Descent:
    """Steps over all trainable parameters along gradients that a method supplies.

    By the optimiser of the task (``optimizer_for``). A method that needs another puts it in
    ``optimizer`` before the first step.
    """

    def __init__(
        self,
        model: nn.Module,
        run: Run,
        lr: float,
        momentum: float,
        weight_decay: float,
        task: Task | None = None,
    ) -> None:
        self.parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = optimizer_for(task, self.parameters, lr, momentum, weight_decay)
        if is_adaptive(task):
            run.decide("optimizer", "adamw", "the models of this task are trained with it")
        self._model, self._run = model, run
        self._stage, self._total = "", 0

    def steps(
        self, stage: str, epochs: float, stream: Stream, state: dict[str, Any] | None = None
    ) -> Iterator[int]:
        """Steps of ``epochs`` passes over ``stream``, resumable."""
        self._stage, self._total = stage, max(1, math.ceil(epochs * len(stream)))
        return self._run.steps(
            stage, self._total, model=self._model, optimizer=self.optimizer, state=state
        )

    @property
    def total(self) -> int:
        """Steps of the present stage."""
        return self._total

    def follow(self, gradients: Sequence[Tensor]) -> None:
        """One optimiser step against ``gradients``."""
        self._run.apply(self.optimizer, self.parameters, gradients)

    def log(self, step: int, **scalars: float) -> None:
        """Log a row for the present stage."""
        self._run.log(self._stage, step, total=self._total, **scalars)

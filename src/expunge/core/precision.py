"""Mixed precision as a property of the task, so that methods need not know of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .checks import check_choice
from .task import Batch, Bounded, Task

PRECISIONS = ("auto", "bf16", "fp32")


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn ``"auto"`` into ``"bf16"`` where the hardware multiplies it fast."""
    check_choice(PRECISIONS, precision=precision)
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device.type == "cpu":
        ask = getattr(torch.cpu, "get_capabilities", dict)  # torch >= 2.8
        found: dict[str, Any] = ask()
        # Intel's have units for bfloat16 in AMX alone; elsewhere it saves no multiplication, and
        # converting costs.
        own = found.get("avx512_bf16") and "Intel" not in str(found.get("cpu_name"))
        return "bf16" if found.get("amx_bf16") or own else "fp32"
    return "fp32"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """A context in which forward passes run in ``precision``, for what no task runs."""
    half = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=half)


@dataclass(frozen=True)
class AutocastTask:
    """Runs the forward passes of another task in bfloat16; what comes out is float32."""

    task: Task
    device_type: str

    @property
    def loss_ceiling(self) -> float:
        return self.task.loss_ceiling

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        with torch.autocast(self.device_type, torch.bfloat16):
            return self.task.loss(model, batch).float()

    def correct(self, model: nn.Module, batch: Batch) -> Tensor | None:
        with torch.autocast(self.device_type, torch.bfloat16):
            return self.task.correct(model, batch)

    def labels(self, dataset: Any) -> Tensor | None:
        return self.task.labels(dataset)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.task, name)
        # Not methods like the others: a task without logits must go on having none.
        if name == "logits":
            return partial(self._logits, found)
        if name == "bounded_loss":
            return partial(self._bounded, found)
        return partial(self._predict, found) if name == "predict" else found

    def _logits(
        self, logits: Callable[..., tuple[Tensor, Tensor]], model: nn.Module, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device_type, torch.bfloat16):
            found, labels = logits(model, batch)
        return found.float(), labels

    def _bounded(self, measure: Callable[..., Bounded], model: nn.Module, batch: Batch) -> Bounded:
        with torch.autocast(self.device_type, torch.bfloat16):
            found = measure(model, batch)
        ceiling = found.ceiling.float() if isinstance(found.ceiling, Tensor) else found.ceiling
        return replace(found, losses=found.losses.float(), ceiling=ceiling)

    def _predict(self, predict: Callable[..., Tensor], *given: Any) -> Tensor:
        with torch.autocast(self.device_type, torch.bfloat16):
            return predict(*given).float()


def with_precision(task: Task, precision: str, device: torch.device) -> Task:
    """``task``, run in ``precision`` (``"auto"``, ``"bf16"`` or ``"fp32"``)."""
    if resolve_precision(precision, device) == "fp32":
        return task
    return AutocastTask(task, device.type)

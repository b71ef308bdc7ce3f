"""Mixed precision as a property of the task, so that methods need not know of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .capabilities import (
    BoundsLosses,
    ChecksLabels,
    ChecksModel,
    ChecksSets,
    Denoises,
    GivesLogits,
    GivesProbabilities,
    NamesOptimizer,
)
from .checks import check_choice
from .task import Batch, Bounded, Task

PRECISIONS = ("auto", "bf16", "fp32")
VARIABLE = "EXPUNGE_PRECISION"


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn ``"auto"`` into ``"bf16"`` where the hardware multiplies it fast.

    The environment variable EXPUNGE_PRECISION, ``"bf16"`` or ``"fp32"``, decides instead of
    the hardware, e.g. for tests of the precision that another machine would choose.

    Raises:
        InputError: If the precision, or that of the variable, is unknown.
    """
    check_choice(PRECISIONS, precision=precision)
    if precision == "auto":
        precision = os.environ.get(VARIABLE) or "auto"
        check_choice(PRECISIONS, EXPUNGE_PRECISION=precision)
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


def autocast(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """A context in which forward passes run in ``precision``, for what no task runs."""
    half = resolve_precision(precision, device) == "bf16"
    return half_precision(device.type) if half else nullcontext()


@contextmanager
def half_precision(device_type: str) -> Iterator[None]:
    """Inside, forward passes run under autocast in bfloat16, norms among them without a warning.

    Autocast hands bfloat16 activations to RMSNorm although its weights are float32; PyTorch
    then leaves its fused kernel and warns. They are converted first, as autocast does by
    itself for LayerNorm.
    """
    with torch.autocast(device_type, torch.bfloat16), _NormsInFloat32():
        yield


class _NormsInFloat32(TorchFunctionMode):
    """Brings the input of ``rms_norm`` to the type of its weights."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in (F.rms_norm, torch.rms_norm):
            found, rest = args[0], args[1:]
            weight = (kwargs or {}).get("weight", rest[1] if len(rest) > 1 else None)
            if weight is not None and weight.dtype != found.dtype:
                args = (found.to(weight.dtype), *rest)
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class AutocastTask:
    """Runs the forward passes of another task in bfloat16; what comes out is float32.

    It has the capabilities of that task and no others: ``isinstance`` says the same of both.
    """

    task: Any  # a Task; which of the parts below this one has depends on it
    device_type: str

    def __new__(cls, task: Task, device_type: str) -> "AutocastTask":
        """An object of a subclass that has the parts for what ``task`` can do."""
        del device_type
        return object.__new__(
            _class_with(tuple(part for can, part in _PARTS if isinstance(task, can)))
        )

    def __reduce__(self) -> tuple[type["AutocastTask"], tuple[Any, str]]:
        return AutocastTask, (self.task, self.device_type)  # the subclass has no name to find

    @property
    def loss_ceiling(self) -> float:
        ceiling: float = self.task.loss_ceiling
        return ceiling

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        found: Tensor = self._half(self.task.loss, model, batch)
        return found.float()

    def correct(self, model: nn.Module, batch: Batch) -> Tensor | None:
        found: Tensor | None = self._half(self.task.correct, model, batch)
        return found

    def labels(self, dataset: Any) -> Tensor | None:
        found: Tensor | None = self.task.labels(dataset)
        return found

    def _half(self, call: Callable[..., Any], *given: Any) -> Any:
        with half_precision(self.device_type):
            return call(*given)


class _Logits(AutocastTask):
    def logits(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        found, labels = self._half(self.task.logits, model, batch)
        return found.float(), labels


class _Probabilities(AutocastTask):
    def probability(self, model: nn.Module, batch: Batch) -> Tensor:
        found: Tensor = self._half(self.task.probability, model, batch)
        return found.float()


class _Bounds(AutocastTask):
    def bounded_loss(self, model: nn.Module, batch: Batch) -> Bounded:
        found: Bounded = self._half(self.task.bounded_loss, model, batch)
        ceiling = found.ceiling.float() if isinstance(found.ceiling, Tensor) else found.ceiling
        return replace(found, losses=found.losses.float(), ceiling=ceiling)


class _Sets(AutocastTask):
    def check_set(self, dataset: Any, name: str) -> None:
        self.task.check_set(dataset, name)


class _Labels(AutocastTask):
    def check_labels(self, labels: Tensor) -> None:
        self.task.check_labels(labels)


class _Model(AutocastTask):
    def check_model(self, model: nn.Module, batch: Batch) -> None:
        self._half(self.task.check_model, model, batch)


class _Optimizer(AutocastTask):
    @property
    def optimizer(self) -> str:
        return str(self.task.optimizer)


class _Conditions(AutocastTask):
    @property
    def conditions(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.task.conditions
        return found

    @property
    def noising(self) -> Any:
        return self.task.noising

    @property
    def empty(self) -> int:
        return int(self.task.empty)

    def draw(self, model: nn.Module, batch: Batch) -> Any:
        return self.task.draw(model, batch)  # noise and levels stay exact

    def predict(self, *given: Any) -> Tensor:
        found: Tensor = self._half(self.task.predict, *given)
        return found.float()

    def condition(self, *given: Any) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.task.condition(*given)
        return found


_PARTS: tuple[tuple[type, type[AutocastTask]], ...] = (
    (GivesLogits, _Logits),
    (GivesProbabilities, _Probabilities),
    (BoundsLosses, _Bounds),
    (ChecksSets, _Sets),
    (ChecksLabels, _Labels),
    (ChecksModel, _Model),
    (NamesOptimizer, _Optimizer),
    (Denoises, _Conditions),
)


@cache
def _class_with(parts: tuple[type[AutocastTask], ...]) -> type[AutocastTask]:
    return type(AutocastTask.__name__, (*parts, AutocastTask), {})


def with_precision(task: Task, precision: str, device: torch.device) -> Task:
    """``task``, run in ``precision`` (``"auto"``, ``"bf16"`` or ``"fp32"``)."""
    if resolve_precision(precision, device) == "fp32":
        return task
    return AutocastTask(task, device.type)

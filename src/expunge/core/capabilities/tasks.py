"""What some tasks can do beyond ``Task``: logits, ceilings, checks, conditions."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Generator, Tensor, nn

from ..task import Batch, Bounded, Task


@runtime_checkable
class GivesLogits(Protocol):
    """The model tells classes apart by scores."""

    def logits(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (B, C), differentiable, and labels (B,) of a batch."""
        ...


@runtime_checkable
class GivesProbabilities(Protocol):
    """The model gives each sample's target a probability, though it has no classes."""

    def probability(self, model: nn.Module, batch: Batch) -> Tensor:
        """Probability of the target of each sample, in [0, 1], (B,); for membership attacks."""
        ...


@runtime_checkable
class NamesLabels(Protocol):
    """Samples have labels: ``labels`` of the sets at hand gives them rather than None.

    Every task has the method, so ``isinstance`` says nothing here; ``unlearn`` asks it.
    """

    def labels(self, dataset: Any) -> Tensor | None:
        """Label of each sample of a set, int64 (N,)."""
        ...


@runtime_checkable
class BoundsLosses(Protocol):
    """The loss up to which a sample is still to be forgotten differs between samples."""

    def bounded_loss(self, model: nn.Module, batch: Batch) -> Bounded:
        """Losses (B,) of a batch with their ceilings; see ``Bounded``."""
        ...


@runtime_checkable
class ChecksSets(Protocol):
    """Whole sets are checked before anything is computed."""

    def check_set(self, dataset: Any, name: str) -> None:
        """Raise a ``DataError`` that calls the set ``name`` unless it can be used."""
        ...


@runtime_checkable
class ChecksLabels(Protocol):
    """Labels are checked before anything is computed."""

    def check_labels(self, labels: Tensor) -> None:
        """Raise a ``DataError`` unless all labels, int64 (N,), can be used."""
        ...


@runtime_checkable
class ChecksModel(Protocol):
    """The outputs of a model are looked at before anything is computed."""

    def check_model(self, model: nn.Module, batch: Batch) -> None:
        """Raise a ``ModelError`` unless the outputs are what the task takes them for."""
        ...


@runtime_checkable
class NamesOptimizer(Protocol):
    """Models of the task are trained by ``optimizer``: ``"sgd"`` or ``"adamw"``."""

    optimizer: str


@runtime_checkable
class Denoises(Task, Protocol):
    """The model denoises under conditions, as those of ``tasks.Denoising`` do.

    ``conditions`` holds arguments of the model by name, each (C + 1, W, ...): of C
    conditions in W wordings and, last, of the empty one. ``noising`` is a ``tasks.Noising``.
    """

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
        """What the model predicts for ``noised`` (B, ...) at ``levels``, int64 (B,)."""
        ...

    def condition(self, labels: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """The conditions of labels (B,), each in a wording drawn for it."""
        ...


_REMEDIES: dict[type, str] = {
    GivesLogits: (
        "class scores, but the task {task} has no logits(model, batch); add one "
        "that returns logits (B, C) and labels (B,), or use scissorhands, fine-tune or "
        "gradient-ascent, which read the loss alone"
    ),
    NamesLabels: (
        "a task with labels, but {task}.labels gives None; let it return the label of each "
        "sample, or use a method that needs none, e.g. fine-tune or neg-grad-plus"
    ),
    Denoises: (
        "a diffusion model, but the task {task} has no predict(model, noised, levels, "
        "conditions); use task=Denoising(...), or a method for classifiers, such as scissorhands"
    ),
}


def satisfies(task: Task, capability: type, dataset: Any) -> bool:
    """Whether a task has a capability, for a set like ``dataset``: only labels depend on it."""
    if capability is NamesLabels:
        return task.labels(dataset) is not None
    return isinstance(task, capability)


def lacking(method: str, capability: type, task: object) -> str:
    """The message for a method whose task lacks a capability: what, and what to do about it."""
    name = type(task).__name__
    other = f"a task that {capability.__name__}, but {name} does not; use another task or method"
    return f"{method} needs " + _REMEDIES.get(capability, other).format(task=name)


def bounded_loss(task: Task, model: nn.Module, batch: Batch) -> Bounded:
    """The losses of a batch with their ceilings, which a task may give sample by sample.

    Such a task is one that ``BoundsLosses``; for all others the ceiling is
    ``task.loss_ceiling``.
    """
    if isinstance(task, BoundsLosses):
        return task.bounded_loss(model, batch)
    return Bounded(task.loss(model, batch), task.loss_ceiling)


def logits_in(output: Any) -> Any:
    """The logits in what a net returned: some return a record or a mapping with them."""
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"]
    return getattr(output, "logits", output)

"""The second axis: what a model is trained to do, seen through its per-sample loss."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

Batch = Any
"""Whatever a data set yields: ``(inputs, targets)`` or a mapping, already on device."""


@dataclass(frozen=True)
class Bounded:
    """Losses of a batch, and up to which loss its samples are still to be forgotten.

    ``losses`` (B,) are differentiable. ``ceiling`` is one number, or one per sample (B,),
    detached. ``groups`` int64 (B,) numbers samples that are comparable, from 0 to
    ``num_groups - 1``: with a ceiling per sample, those of a group are forgotten when their
    mean loss has reached their mean ceiling but for chance. None: all samples are one group.
    """

    losses: Tensor
    ceiling: Tensor | float
    groups: Tensor | None = None
    num_groups: int = 1


@runtime_checkable
class Task(Protocol):
    """How a model is judged on one batch; methods know nothing else about it.

    ``loss_ceiling`` is a loss (same unit as ``loss``) beyond which a sample counts as
    forgotten: methods that ascend stop pushing it, so that no sample can dominate.
    """

    @property
    def loss_ceiling(self) -> float: ...

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Loss of each sample, shape (B,), differentiable, the mode left as it is."""
        ...

    def correct(self, model: nn.Module, batch: Batch) -> Tensor | None:
        """Whether each sample is predicted rightly, bool (B,); None if meaningless."""
        ...

    def labels(self, dataset: Any) -> Tensor | None:
        """Integer label of each sample of a set, int64 (N,); None if it has none."""
        ...

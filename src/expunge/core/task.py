"""The second axis: what a model is trained to do, seen through its per-sample loss."""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

Batch = Any
"""Whatever a data set yields: ``(inputs, targets)`` or a mapping, already on device."""


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

"""Regression of one or several numbers, judged by the squared error."""

from typing import Any

import torch
from torch import Tensor, nn

from ..core.checks import check_positive
from ..core.data import fetch
from ..core.errors import DataError, ModelError
from ..core.task import Batch
from .batches import finite_input, unpack

_CEILING = 10.0  # in units of the variance of the targets
_CHUNK = 1000


class Regression:
    """Batches are ``(inputs, targets)`` or a mapping; the model maps inputs to targets.

    The loss of a sample is the squared error, averaged over its outputs. There are no
    labels and no accuracy: a record holds losses alone, and methods that need labels or
    logits refuse the task.

    Args:
        target_std: Standard deviation of the targets, > 0; 1 for standardised targets. It
            sets the default of ``loss_ceiling`` and nothing else: errors are not scaled.
        loss_ceiling: Squared error beyond which a sample counts as forgotten, > 0. None
            takes 10 times the variance ``target_std ** 2``: always predicting the mean
            costs 1 on average, and 9 for a target three deviations out.
    """

    def __init__(self, *, target_std: float = 1.0, loss_ceiling: float | None = None) -> None:
        check_positive(target_std=target_std, loss_ceiling=loss_ceiling)
        self.target_std = target_std
        self.loss_ceiling = _CEILING * target_std**2 if loss_ceiling is None else loss_ceiling

    def __repr__(self) -> str:
        return f"Regression(target_std={self.target_std!r}, loss_ceiling={self.loss_ceiling!r})"

    def outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Outputs and targets (B, ...) of the same shape, both float32 and checked.

        Raises:
            DataError: If inputs or targets are not finite, or targets not floating.
            ModelError: If the model does not return a tensor of the shape of the targets.
        """
        inputs, targets = unpack(batch)
        _check_targets(targets, "a batch")
        outputs = model(finite_input(inputs))
        expected = tuple(targets.shape)
        if not isinstance(outputs, Tensor) or tuple(outputs.shape) != expected:
            found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ModelError(
                f"expected outputs of the shape {expected} of the targets, got {found}; "
                "give the model one output per target, and for one number per sample let "
                "both be (B, 1) or both (B,)"
            )
        return outputs.float(), targets.float()

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Squared error of each sample, the mean over its outputs, shape (B,)."""
        outputs, targets = self.outputs(model, batch)
        return (outputs - targets).square().reshape(len(targets), -1).mean(1)

    def correct(self, model: nn.Module, batch: Batch) -> None:
        """None: a number is near or far, not right or wrong."""

    def labels(self, dataset: Any) -> None:
        """None: targets are numbers, not classes."""

    def check_set(self, dataset: Any, name: str) -> None:
        """Raise unless all targets of a set can be regressed on; reads the set once.

        Args:
            dataset: Any map-style set.
            name: What the error calls it, e.g. ``"forget"``.

        Raises:
            DataError: Names the set, and the position of the first wrong target.
        """
        for start in range(0, len(dataset), _CHUNK):
            positions = torch.arange(start, min(start + _CHUNK, len(dataset)))
            _check_targets(unpack(fetch(dataset, positions))[1], f"the {name} set", start)


def _check_targets(targets: Any, where: str, start: int = 0) -> None:
    """Raise unless targets are finite floating numbers; ``start`` is the first position."""
    if not isinstance(targets, Tensor) or not targets.is_floating_point():
        found = targets.dtype if isinstance(targets, Tensor) else type(targets).__name__
        raise DataError(
            f"expected floating-point targets in {where}, got {found}; convert them with "
            "targets.float(), or use Classification if they are classes"
        )
    finite = torch.isfinite(targets).reshape(len(targets), -1).all(1)
    if not bool(finite.all()):
        wrong = (~finite).nonzero().flatten()
        raise DataError(
            f"expected finite targets, got NaN or infinity in {where} for {len(wrong)} of "
            f"{len(targets)} samples, first at position {start + int(wrong[0])}; remove those "
            "samples or fill in their targets"
        )

"""Supervised classification with cross-entropy."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.capabilities import label_column, logits_in
from ..core.data import fetch
from ..core.errors import DataError, ModelError
from ..core.hyperparameters import Count, Positive, validated
from ..core.task import Batch
from .batches import unpack


@dataclass(frozen=True)
@validated
class Classification:
    """Batches are ``(inputs, labels)`` or a mapping; the model maps inputs to logits.

    Args:
        num_classes: Number of logits C; labels are 0 to C - 1.
        loss_ceiling: Cross-entropy (nats) beyond which a sample counts as forgotten. A
            model that never saw a class reaches about 13 on CIFAR-10.
    """

    num_classes: Count
    loss_ceiling: Positive = 20.0

    def logits(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (B, C) in float32 and labels (B,), both checked.

        Raises:
            DataError: If inputs are not finite.
            ModelError: If the model does not return C logits per sample.
        """
        inputs, labels = unpack(batch)
        if not bool(torch.isfinite(inputs).all()):
            raise DataError(
                "expected finite inputs, got NaN or infinite values in a batch; "
                "remove those samples or repair the loader"
            )
        logits = logits_in(model(inputs))
        expected = (len(labels), self.num_classes)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ModelError(
                f"expected logits of shape {expected} for num_classes = "
                f"{self.num_classes}, got {found}; give the model and the task the "
                "number of classes of the data"
            )
        return logits.float(), labels

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy of each sample, in nats, shape (B,)."""
        logits, labels = self.logits(model, batch)
        return F.cross_entropy(logits, labels, reduction="none")

    def correct(self, model: nn.Module, batch: Batch) -> Tensor:
        """Whether the largest logit is that of the label, bool (B,)."""
        logits, labels = self.logits(model, batch)
        return logits.argmax(1) == labels

    def labels(self, dataset: Any) -> Tensor:
        """Label of each sample, int64 (N,); read from the set's own column if it has one."""
        if (column := label_column(dataset)) is not None:
            return torch.as_tensor(column).long()
        parts = torch.arange(len(dataset)).split(1000)
        return torch.cat([unpack(fetch(dataset, part))[1].long() for part in parts])

    def check_labels(self, labels: Tensor) -> None:
        """Raise unless all labels lie in 0 … C - 1.

        Raises:
            DataError: Names the first wrong label and its position.
        """
        wrong = ((labels < 0) | (labels >= self.num_classes)).nonzero().flatten()
        if len(wrong):
            raise DataError(
                f"expected labels between 0 and {self.num_classes - 1}, got "
                f"{int(labels[wrong[0]])} at position {int(wrong[0])} "
                f"({len(wrong)} such labels); set num_classes or repair the labels"
            )

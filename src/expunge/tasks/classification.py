"""Supervised classification with cross-entropy."""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from ..core.capabilities import label_column, logits_in, transforms_labels
from ..core.data import fetch
from ..core.errors import DataError, ModelError
from ..core.hyperparameters import Positive, validated
from ..core.task import Batch
from .batches import finite_input, unpack


def class_numbers(labels: Any, start: int = 0) -> Tensor:
    """Labels of a batch as numbers of classes, int64 (B,); whole floats are taken for such.

    Args:
        labels: As a set gives them.
        start: Position of the first of them, for messages.

    Raises:
        DataError: If they are texts, shares, several per sample, or between two numbers.
    """
    if not isinstance(labels, Tensor):
        first = next(iter(labels), None) if isinstance(labels, list | tuple) else labels
        raise DataError(
            f"expected numbers of classes as labels, got {type(first).__name__} at position "
            f"{start}, {first!r}; number the classes from 0 in the data set"
        )
    if labels.ndim != 1:
        raise DataError(
            f"expected one label per sample, shape (B,), got {tuple(labels.shape)}: soft labels, "
            "several labels per sample and one-hot rows are no classes; give argmax(1) of one-hot "
            "rows, or a task of your own ([task] name)"
        )
    if labels.is_floating_point():
        broken = (labels != labels.round()).nonzero().flatten()
        if len(broken):
            at = int(broken[0])
            raise DataError(
                f"expected numbers of classes as labels, got {float(labels[at])} at position "
                f"{start + at}; use the task Regression for numbers that are no classes"
            )
    return labels.long()


def _column(column: Any) -> Any:
    try:
        return torch.as_tensor(column)
    except (TypeError, ValueError, RuntimeError):  # texts, say
        return list(column)


def _advice(output: Any, size: int) -> str:
    """What a net returned in the place of logits, and what to do about it."""
    if not isinstance(output, Tensor):
        return (
            f"{type(output).__name__}; wrap the model so that it returns the logits alone, or a "
            'mapping or record with "logits"'
        )
    found = tuple(output.shape)
    if found in ((size,), (size, 1)):
        return (
            f"{found}, one number per sample: for two classes with one logit z, wrap the model "
            "so that it returns torch.cat([-z, z], 1) / 2, and use num_classes = 2"
        )
    return f"{found}; give the model and the task the number of classes of the data"


Classes = Annotated[int, Ge(2)]


@dataclass(frozen=True)
@validated
class Classification:
    """Batches are ``(inputs, labels)`` or a mapping; the model maps inputs to logits.

    Args:
        num_classes: Number of logits C; labels are 0 to C - 1.
        loss_ceiling: Cross-entropy (nats) beyond which a sample counts as forgotten. A
            model that never saw a class reaches about 13 on CIFAR-10.
    """

    num_classes: Classes
    loss_ceiling: Positive = 20.0

    def logits(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (B, C) in float32 and labels (B,), both checked.

        Raises:
            DataError: If inputs are not finite.
            ModelError: If the model does not return C logits per sample.
        """
        inputs, labels = unpack(batch)
        logits = logits_in(model(finite_input(inputs)))
        expected = (len(labels), self.num_classes)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            raise ModelError(
                f"expected logits of shape {expected} for num_classes = "
                f"{self.num_classes}, got {_advice(logits, len(labels))}"
            )
        if logits.is_complex():
            raise ModelError("expected real numbers as logits, got complex ones; return z.abs()")
        return logits.float(), class_numbers(labels)

    def check_model(self, model: nn.Module, batch: Batch) -> None:
        """Raise if the model gives probabilities, whose second softmax would be nearly flat.

        Raises:
            ModelError: If each sample's outputs lie between 0 and 1 and sum to 1.
        """
        with torch.no_grad():
            outputs, _ = self.logits(model, batch)
        if bool((outputs >= 0).all()) and bool(((outputs.sum(1) - 1).abs() < 1e-3).all()):
            raise ModelError(
                "expected logits, got probabilities: the outputs of each sample lie between 0 and "
                "1 and sum to 1; take the softmax off the end of the model, or wrap the model so "
                "that it returns torch.log(p.clamp_min(1e-30)) of its probabilities p"
            )

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
        if (column := label_column(dataset)) is not None and not transforms_labels(dataset):
            return class_numbers(_column(column))
        parts = torch.arange(len(dataset)).split(1000)
        return torch.cat(
            [class_numbers(unpack(fetch(dataset, part))[1], int(part[0])) for part in parts]
        )

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

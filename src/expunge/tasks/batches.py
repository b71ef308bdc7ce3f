"""The forms of a batch: taken apart, its inputs exchanged, samples repeated, batches joined."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.errors import DataError, SampleError
from ..core.task import Batch
from .labels import LABEL_KEYS

INPUT_KEYS = ("pixel_values", "image", "img", "inputs", "x")


def unpack(batch: Batch) -> tuple[Tensor, Tensor]:
    """Inputs and labels of a batch, whatever its form.

    Raises:
        DataError: If it is neither a pair nor a mapping with known keys.
    """
    if isinstance(batch, list | tuple) and len(batch) >= 2:
        if len(batch) > 2:
            _refuse_index(batch[0], batch[1])
        return batch[0], _flat(batch[1])
    if isinstance(batch, Mapping):
        inputs = next((batch[key] for key in INPUT_KEYS if key in batch), None)
        labels = next((batch[key] for key in LABEL_KEYS if key in batch), None)
        if inputs is not None and labels is not None:
            return inputs, _flat(labels)
        raise DataError(
            f"expected a batch with an input ({', '.join(INPUT_KEYS)}) and a label "
            f"({', '.join(LABEL_KEYS)}), got keys {sorted(batch)}; rename the columns"
        )
    raise DataError(
        f"expected batches of (inputs, labels), got {type(batch).__name__}; "
        "let the data set return a pair or a mapping"
    )


def one_tensor(inputs: Any) -> Tensor:
    """The inputs of a batch.

    Raises:
        DataError: If they are no tensor.
    """
    if isinstance(inputs, Tensor):
        return inputs
    found = (
        f"{type(inputs).__name__} of {len(inputs)}"
        if isinstance(inputs, tuple | list)
        else (type(inputs).__name__)
    )
    raise DataError(
        f"expected one tensor as the input of each sample, got {found}; let the data set return "
        "tensors, and wrap a model of several inputs so that it takes one"
    )


def finite_input(inputs: Any) -> Tensor:
    """The inputs of a batch, all finite.

    A step on a GPU is trusted: to look would wait for all that is queued there. Scoring, which
    comes before and after, looks everywhere.

    Raises:
        DataError: If they are no tensor.
        SampleError: If a sample holds NaN or infinite values.
    """
    found = one_tensor(inputs)
    if found.is_cuda and torch.is_grad_enabled():
        return found
    if not bool(torch.isfinite(found).all()):
        bad = (~torch.isfinite(found)).reshape(len(found), -1).any(1).nonzero().flatten()
        raise SampleError(
            int(bad[0]),
            "expected finite inputs, got NaN or infinite values; remove that sample or repair "
            "the loader",
        )
    return found


def _refuse_index(first: Any, second: Any) -> None:
    is_index = isinstance(first, Tensor) and first.ndim == 1 and not first.is_floating_point()
    if is_index and isinstance(second, Tensor) and second.ndim > 1:
        raise DataError(
            "expected the input as the first part of an item, got one whole number per sample, as "
            "of sets that return (index, input, label); return (input, label) instead"
        )


def _flat(labels: Any) -> Any:
    """Whole numbers (B, 1) as (B,), as tables of columns have them."""
    if isinstance(labels, Tensor) and labels.ndim == 2 and labels.shape[1] == 1:
        return labels if labels.is_floating_point() else labels[:, 0]
    return labels


def with_inputs(batch: Batch, inputs: Tensor) -> Batch:
    """The same samples with other inputs; the given batch stays as it is.

    Args:
        batch: ``(inputs, labels)`` or a mapping with one of the known names of an input.
        inputs: Of the shape of the old ones, (B, ...).

    Raises:
        DataError: If the batch is of another form, or its inputs of another shape.
    """
    old: Any = None
    if isinstance(batch, Mapping):
        key = next((key for key in INPUT_KEYS if key in batch), None)
        old = None if key is None else batch[key]
        changed: Any = {**batch, key: inputs}
    elif isinstance(batch, list | tuple) and len(batch) >= 2:
        old = batch[0]
        changed = (inputs, *batch[1:])
    if not isinstance(old, Tensor) or old.shape != inputs.shape:
        found = f"keys {sorted(batch)}" if isinstance(batch, Mapping) else type(batch).__name__
        found = f"shape {tuple(old.shape)}" if isinstance(old, Tensor) else found
        raise DataError(
            f"expected a batch of (inputs, labels) or a mapping with an input "
            f"({', '.join(INPUT_KEYS)}), inputs of shape {tuple(inputs.shape)}, got {found}; "
            "let the data set return one of them"
        )
    return changed


def repeat_sample(batch: Batch, count: int) -> Batch:
    """A batch of one sample as a batch of ``count`` copies; tensors are views."""
    if isinstance(batch, Tensor):
        return batch.expand(count, *batch.shape[1:])
    if isinstance(batch, Mapping):
        return {key: repeat_sample(value, count) for key, value in batch.items()}
    if isinstance(batch, list | tuple) and _has_columns(batch):
        return tuple(repeat_sample(part, count) for part in batch)
    return tuple(batch) * count  # one entry per sample, such as file names


def join_batches(first: Batch, second: Batch) -> Batch:
    """Two batches of the same form as one."""
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    if isinstance(first, Mapping):
        return {key: join_batches(value, second[key]) for key, value in first.items()}
    if isinstance(first, list | tuple) and _has_columns(first):
        return tuple(join_batches(a, b) for a, b in zip(first, second, strict=True))
    return (*first, *second)  # one entry per sample, such as file names


def _has_columns(batch: list[Any] | tuple[Any, ...]) -> bool:
    return any(isinstance(part, Tensor | Mapping) for part in batch)

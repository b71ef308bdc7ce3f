"""Sums of gradients over samples: the mean gradient and the diagonal of the Fisher."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..core.checks import check_choice
from ..core.errors import InputError
from ..core.task import Batch
from .saliency import select_parameters

Unit = Literal["sample", "batch"]
LossFn = Callable[[Batch], Tensor]

UNITS: tuple[Unit, ...] = ("sample", "batch")


def fisher_diagonal(
    model: nn.Module,
    loss_fn: LossFn,
    batches: Iterable[Batch],
    *,
    unit: Unit = "sample",
    parameters: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Diagonal of the empirical Fisher information, taken at the labels of the data.

    ``"sample"``, the definition, is the mean over samples of the squared gradient of the
    loss of one sample. ``"batch"``, common in public code since it is cheap, is the mean
    over batches of the squared gradient of their mean loss: within a batch gradients of
    opposite sign cancel, so it is smaller, for independent gradients of mean zero by the
    size of the batch. With batches of one sample the two agree.

    The mode of the model is left as it is; use evaluation mode, in which samples do not
    depend on each other. Cost: a forward and a backward pass per sample, one at a time
    for ``"sample"``.

    Args:
        model: Its trainable parameters are meant, unless ``parameters`` is given.
        loss_fn: Maps a batch to the loss of each sample, shape (B,).
        batches: Read once.
        unit: See above.
        parameters: Name to tensor, trainable.

    Returns:
        Non-negative values by name, shaped like the parameters, at least float32; 0 where
        the loss does not depend on a parameter.

    Raises:
        InputError: If there is no batch, or a loss has not one value per sample.
    """
    chosen = dict(select_parameters(model) if parameters is None else parameters)
    weights = list(chosen.values())
    totals = zeros_for(weights)
    count = 0
    for batch in batches:
        count += add_squares_(totals, loss_fn, batch, weights, unit=unit)[0]
    if count == 0:
        raise InputError("expected at least one batch for the Fisher information, got none")
    return {name: total / count for name, total in zip(chosen, totals, strict=True)}


def add_squares_(
    totals: Sequence[Tensor],
    loss_fn: LossFn,
    batch: Batch,
    weights: Sequence[Tensor],
    *,
    unit: Unit = "sample",
) -> tuple[int, float]:
    """Add squared gradients of one batch in place; see ``fisher_diagonal``.

    Returns:
        How many squares were added (samples, or 1 for ``unit = "batch"``), and the mean
        loss of the batch.
    """
    check_choice(UNITS, unit=unit)
    units = split_samples(batch) if unit == "sample" else [batch]
    count, loss = 0, 0.0
    for one in units:
        mean, gradients = _gradient(loss_fn, one, weights)
        for total, gradient in zip(totals, gradients, strict=True):
            if gradient is not None:
                total.addcmul_(gradient.to(total.dtype), gradient.to(total.dtype))
        count, loss = count + 1, loss + mean
    return count, loss / max(1, count)


def add_gradients_(
    totals: Sequence[Tensor], loss_fn: LossFn, batch: Batch, weights: Sequence[Tensor]
) -> tuple[int, float]:
    """Add the gradient of the summed loss of one batch in place.

    Returns:
        The number of samples, and the mean loss of the batch.
    """
    with torch.enable_grad():
        losses = _losses(loss_fn, batch)
        found = torch.autograd.grad(losses.sum(), list(weights), allow_unused=True)
    for total, gradient in zip(totals, found, strict=True):
        if gradient is not None:
            total.add_(gradient)
    return len(losses), losses.mean().item()


def sample_gradients(loss_fn: LossFn, batch: Batch, weights: Sequence[Tensor]) -> Iterator[Tensor]:
    """The gradient of each sample of a batch as one vector (P,), at least float32.

    One sample at a time: a task is free to use control flow that cannot be vectorised.
    """
    for one in split_samples(batch):
        _, found = _gradient(loss_fn, one, weights)
        yield flatten(
            [
                torch.zeros_like(weight) if gradient is None else gradient
                for weight, gradient in zip(weights, found, strict=True)
            ]
        )


@torch.no_grad()
def dampen_(
    weight: Tensor, forget: Tensor, whole: Tensor, threshold: float, strength: float
) -> int:
    """Scale the entries that matter for D_f by ``min(strength * whole / forget, 1)``.

    These are those with ``forget > threshold * whole``, strictly, so an entry that matters
    for nothing keeps its bits. In place; returns how many were made smaller.
    """
    factor = (strength * whole / forget).clamp(max=1.0)
    chosen = (forget > threshold * whole) & (factor < 1)
    weight.copy_(torch.where(chosen, weight * factor, weight))
    return int(chosen.sum())


@torch.no_grad()
def fisher_noise(
    fisher: Tensor, normal: Tensor, scale: float, power: float, floor: float
) -> Tensor:
    """Normal noise of standard deviation ``sqrt(scale) * max(fisher, floor) ** -power``."""
    deviation = fisher.clamp(min=floor).pow(-power).mul(scale**0.5)
    return deviation.mul(normal.to(fisher))


def split_samples(batch: Batch) -> list[Batch]:
    """Batches of one sample each, of the same form: tensors, tuples and mappings of them.

    Raises:
        InputError: If there is no tensor in the batch.
    """
    size = _size(batch)
    if size is None:
        raise InputError(
            f"expected a batch that holds tensors, got {type(batch).__name__}; "
            "let the data set return tensors, or pairs or mappings of them"
        )
    return [_pick(batch, index) for index in range(size)]


def repeat_samples(batch: Batch, times: int) -> Batch:
    """The batch ``times`` times in a row: sample i is at i, i + B, i + 2 B, ….

    Raises:
        InputError: If there is no tensor in the batch.
    """
    if _size(batch) is None:
        raise InputError(
            f"expected a batch that holds tensors, got {type(batch).__name__}; "
            "let the data set return tensors, or pairs or mappings of them"
        )
    return _repeat(batch, times)


def flatten(tensors: Sequence[Tensor]) -> Tensor:
    """All entries in one vector (P,), at least float32."""
    vector = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    return vector.to(torch.promote_types(vector.dtype, torch.float32))


def unflatten(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of ``flatten``: views of a vector with the shapes of ``like``."""
    parts = vector.split([tensor.numel() for tensor in like])
    return [part.view(tensor.shape) for part, tensor in zip(parts, like, strict=True)]


def zeros_for(weights: Sequence[Tensor]) -> list[Tensor]:
    """Accumulators: sums of many bfloat16 gradients need more bits than they have."""
    return [torch.zeros_like(w, dtype=torch.promote_types(w.dtype, torch.float32)) for w in weights]


def _losses(loss_fn: LossFn, batch: Batch) -> Tensor:
    losses = loss_fn(batch)
    if losses.dim() != 1 or len(losses) == 0:
        raise InputError(
            f"expected one loss per sample, shape (B,), got shape {tuple(losses.shape)}; "
            'use reduction="none"'
        )
    return losses


def _gradient(
    loss_fn: LossFn, batch: Batch, weights: Sequence[Tensor]
) -> tuple[float, tuple[Tensor | None, ...]]:
    with torch.enable_grad():
        loss = _losses(loss_fn, batch).mean()
        found = torch.autograd.grad(loss, list(weights), allow_unused=True)
    return loss.item(), found


def _size(batch: Any) -> int | None:
    """Length of the first tensor of a batch; None if there is none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else None
    parts = batch.values() if isinstance(batch, Mapping) else batch
    if not isinstance(batch, Mapping | list | tuple):
        return None
    return next((size for part in parts if (size := _size(part)) is not None), None)


def _pick(batch: Any, index: int) -> Any:
    if isinstance(batch, Tensor):
        return batch[index : index + 1] if batch.dim() else batch
    if isinstance(batch, Mapping):
        return {key: _pick(value, index) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        if _size(batch) is None:  # a column of words, say: its items are the samples
            return batch[index : index + 1]
        return tuple(_pick(value, index) for value in batch)
    return batch


def _repeat(batch: Any, times: int) -> Any:
    if isinstance(batch, Tensor):
        return torch.cat([batch] * times) if batch.dim() else batch
    if isinstance(batch, Mapping):
        return {key: _repeat(value, times) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        if _size(batch) is None:  # a column of words, see ``_pick``
            return list(batch) * times
        return tuple(_repeat(value, times) for value in batch)
    return batch

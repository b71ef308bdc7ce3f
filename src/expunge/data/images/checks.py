"""Checks of the parts of an ``ImageSet``."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import DataError


def check_images(images: Tensor) -> None:
    """Raise unless ``images`` is a uint8 tensor (N, C, H, W) that holds something."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.dim() != 4:
        found = (
            f"{images.dtype} {tuple(images.shape)}"
            if isinstance(images, Tensor)
            else type(images).__name__
        )
        raise DataError(
            f"expected images as a uint8 tensor (N, C, H, W), got {found}; "
            "ImageSet.from_torch converts float tensors and PIL images"
        )
    if images.numel() == 0:
        raise DataError(f"expected at least one image, got shape {tuple(images.shape)}")


def checked_labels(labels: Tensor, count: int, classes: list[str] | None) -> Tensor:
    """Labels as int64 (N,); raise unless they are 0 to C - 1."""
    labels = torch.as_tensor(labels)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise DataError(f"expected labels as whole numbers (int64), got {labels.dtype}")
    if tuple(labels.shape) != (count,):
        raise DataError(f"expected {count} labels, one per image, got shape {tuple(labels.shape)}")
    labels = labels.long()
    top = len(classes) if classes is not None else None
    wrong = labels < 0 if top is None else (labels < 0) | (labels >= top)
    if bool(wrong.any()):
        place = int(wrong.nonzero()[0])
        limit = "labels >= 0" if top is None else f"labels between 0 and {top - 1}"
        raise DataError(
            f"expected {limit}, got {int(labels[place])} at position {place} "
            f"({int(wrong.sum())} such labels); repair the labels"
        )
    return labels


def checked_ids(ids: list[str], count: int) -> list[str]:
    """Ids as given; raise unless there are ``count`` different ones."""
    if len(ids) != count:
        raise DataError(f"expected {count} ids, one per image, got {len(ids)}")
    if len(set(ids)) != count:
        seen: set[str] = set()
        twice = next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f"id {twice!r} occurs twice; every image needs an id of its own")
    return ids


def checked_constants(
    name: str, values: Sequence[float] | None, channels: int, default: float
) -> tuple[float, ...]:
    """A mean or deviation per channel; raise unless they are finite."""
    if values is None:
        return (default,) * channels
    if len(values) != channels or not all(-1e6 < value < 1e6 for value in values):
        raise DataError(
            f"expected {name} to hold {channels} finite numbers, one per channel, "
            f"got {list(values)}"
        )
    return tuple(float(value) for value in values)

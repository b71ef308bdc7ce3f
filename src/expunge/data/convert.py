"""One pass over any torch data set: to pixels and labels, or to its labels alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..core.capabilities import label_column, transforms_labels
from ..core.errors import DataError
from ..tasks.batches import unpack
from .images.decode import to_pixels

_CHECKED_TWICE = 8  # items read again, to find sets that augment
_ROUNDING = 1e-3  # in grey levels; what float32 leaves of a multiple of 1/255


class NotImagesError(DataError):
    """The set is sound, but an ``ImageSet`` cannot hold it."""


def read_pixels(dataset: Any, *, lossless: bool = False) -> tuple[Tensor, Tensor]:
    """Images, uint8 (N, C, H, W), and labels, int64 (N,); see ``ImageSet.from_torch``."""
    if len(dataset) == 0:
        raise DataError("expected at least one item, got an empty data set")
    pixels: Tensor | None = None
    labels = []
    for place, (item, label) in enumerate(items(dataset)):
        image = _to_bytes(item, place, lossless)
        if pixels is None:
            pixels = torch.empty((len(dataset), *image.shape), dtype=torch.uint8)
        if image.shape != pixels.shape[1:]:
            raise NotImagesError(
                f"expected images of one size: item {place} is {tuple(image.shape)} and item 0 "
                f"is {tuple(pixels.shape[1:])} (channels, height, width); resize them in the "
                "data set's transform"
            )
        pixels[place] = image
        labels.append(whole_label(label, place))
    assert pixels is not None  # the set is not empty
    _refuse_augmented(dataset, pixels, lossless)
    return pixels, torch.tensor(labels)


def items(dataset: Any) -> Iterator[tuple[Any, Any]]:
    """Each input and its label, by position, for sets without ``__iter__`` too."""
    for place in range(len(dataset)):
        yield unpack(dataset[place])


def whole_label(label: Any, place: int) -> int:
    """A label as an int.

    Raises:
        DataError: If it is not a whole number >= 0; names the position.
    """
    value = label.item() if isinstance(label, Tensor) and label.numel() == 1 else label
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise DataError(
            f"expected the label of item {place} to be a whole number >= 0, got {label!r}"
        )
    return int(value)


def read_labels(dataset: Any) -> Tensor:
    """Labels of any set, int64 (N,): from its own column if it has one, else by one pass."""
    column = label_column(dataset, of_length=len(dataset))
    if column is not None and not transforms_labels(dataset):
        if isinstance(column, Tensor) and not column.is_floating_point():
            return column.long().cpu()
        values = column.tolist() if isinstance(column, Tensor | np.ndarray) else list(column)
        return torch.tensor([whole_label(value, at) for at, value in enumerate(values)])
    return torch.tensor([whole_label(label, at) for at, (_, label) in enumerate(items(dataset))])


def _to_bytes(item: Any, place: int, lossless: bool) -> Tensor:
    """One image as uint8 (C, H, W)."""
    if isinstance(item, Image.Image):
        try:
            return torch.from_numpy(to_pixels(item).copy()).permute(2, 0, 1)
        except (OSError, ValueError) as error:
            raise DataError(f"the image of item {place} cannot be read ({error})") from error
    if not isinstance(item, Tensor) or item.dim() != 3:
        found = tuple(item.shape) if isinstance(item, Tensor) else type(item).__name__
        raise NotImagesError(
            f"expected item {place} to be a PIL image or a tensor (C, H, W), got {found}"
        )
    if item.dtype == torch.uint8:
        return item
    if not item.is_floating_point():
        raise NotImagesError(
            f"expected item {place} as uint8 or float, got {item.dtype}; convert it to uint8"
        )
    return _quantised(item, place, lossless)


def _quantised(item: Tensor, place: int, lossless: bool) -> Tensor:
    if not bool(torch.isfinite(item).all()):
        at = tuple((~torch.isfinite(item)).nonzero()[0].tolist())
        raise DataError(
            f"expected finite images, got {float(item[at])} in item {place} at (channel, row, "
            f"column) = {at}; remove or repair that item"
        )
    low, high = float(item.min()), float(item.max())
    if low < 0 or high > 1:
        raise NotImagesError(
            f"expected float images between 0 and 1, got {low:.4g} to {high:.4g} in item "
            f"{place}; take Normalize out of the transform and give mean and std instead"
        )
    scaled = item.double() * 255
    rounded = scaled.round()
    if lossless and float((scaled - rounded).abs().max()) > _ROUNDING:
        raise NotImagesError(
            f"expected float images that are multiples of 1/255, as item {place} is not; "
            "bytes would lose precision"
        )
    return rounded.to(torch.uint8)


def _refuse_augmented(dataset: Any, pixels: Tensor, lossless: bool) -> None:
    for place in range(min(_CHECKED_TWICE, len(dataset))):
        again = _to_bytes(unpack(dataset[place])[0], place, lossless)
        if again.shape != pixels.shape[1:] or not torch.equal(again, pixels[place]):
            raise NotImagesError(
                f"item {place} differs between two reads, so the data set augments at random; "
                "take that out of its transform and give augmentation = Augmentation()"
            )

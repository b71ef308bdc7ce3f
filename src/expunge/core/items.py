"""Items of other people's data sets: read one by one, named where they are broken, collated."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate

from .capabilities.data import TableSet
from .errors import DataError, ExpungeError


def collated(dataset: Any, positions: list[int]) -> Any:
    """Items of a set as one batch on the CPU.

    Images of PIL, and bytes of a Hugging Face table, become floats between 0 and 1 of shape
    (C, H, W); doubles become floats of the default type.

    Raises:
        DataError: Names the position of an item that cannot be read or is None, or says which
            items do not fit together.
    """
    is_table = isinstance(dataset, TableSet)
    items = [
        _converted(_read(dataset, position), position, is_table, is_item=True)
        for position in positions
    ]
    try:
        return default_collate(items)
    except (RuntimeError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"items {positions[0]} to {positions[-1]} of the {type(dataset).__name__} do not form "
            f"a batch: {str(error).splitlines()[0]}; give all items one form and one size"
        ) from error


def _read(dataset: Any, position: int) -> Any:
    try:
        return dataset[position]
    except ExpungeError:
        raise
    except Exception as error:  # whatever the code of the set raises
        raise DataError(
            f"item {position} of the {type(dataset).__name__} cannot be read "
            f"({type(error).__name__}: {error}); repair it, or leave it out"
        ) from error


def _converted(item: Any, position: int, is_table: bool, *, is_item: bool = False) -> Any:
    if item is None:
        raise DataError(f"item {position} holds None; fill it in, or leave the item out")
    if isinstance(item, Mapping):
        # Columns that are empty here and there are no part of a batch.
        return {
            key: _converted(value, position, is_table)
            for key, value in item.items()
            if value is not None or key in ("label", "labels", "image", "img", "pixel_values")
        }
    if isinstance(item, list) and not is_item and (numbers := _numbers(item)) is not None:
        item = numbers
    if isinstance(item, tuple | list):
        return tuple(_converted(part, position, is_table) for part in item)
    if isinstance(item, Image.Image):
        pixels = torch.from_numpy(np.array(item.convert("RGB" if _is_coloured(item) else "L")))
        channels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
        return channels.to(torch.get_default_dtype()) / 255
    if isinstance(item, np.ndarray | np.generic) and not isinstance(item, np.str_):
        item = torch.as_tensor(np.array(item))
        if is_table and item.dtype == torch.uint8 and item.ndim == 3 and item.shape[-1] in (1, 3):
            item = item.permute(2, 0, 1)  # images of tables in NumPy format: (H, W, C)
    if isinstance(item, Tensor):
        if item.dtype == torch.float64:
            return item.to(torch.get_default_dtype())
        if is_table and item.dtype == torch.uint8 and item.ndim == 3:
            return item.to(torch.get_default_dtype()) / 255
    return torch.tensor(item) if isinstance(item, float) else item


def _numbers(values: list[Any]) -> np.ndarray[Any, Any] | None:
    """Lists of numbers, at any depth, as an array; None if they are anything else, or uneven."""
    try:
        found = np.asarray(values)
    except ValueError:
        return None
    return found if found.size and found.dtype.kind in "biuf" else None


def _is_coloured(image: Image.Image) -> bool:
    return image.mode not in ("1", "L", "LA")

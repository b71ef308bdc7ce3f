"""Image files, in memory or on disk, to one uint8 tensor; a bad one is named."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ...core.errors import DataError
from ...core.progress import tell_of_many

Encoded: TypeAlias = bytes | str | Path | Image.Image | None
Pixels: TypeAlias = NDArray[np.uint8]

# Pillow tries its plugins one after the other; the first bytes tell which one it is.
_FORMATS = {b"RIFF": ("WEBP",), b"\x89PNG": ("PNG",), b"\xff\xd8\xff": ("JPEG",)}
_GREY = ("1", "L", "LA")
_CHUNK = 256
_ORIENTATION = 0x0112
# Of one image; a file of some kilobytes can claim gigabytes.
_MOST_PIXELS = 89_478_485


def decode_images(
    items: Sequence[Encoded], names: Sequence[str], image_size: int | None = None
) -> Tensor:
    """Decode images of one size with a few threads.

    Grey images give one channel if all are grey; otherwise everything becomes RGB. Photographs
    are turned upright as their EXIF data say.

    Args:
        items: N encoded images, paths, or PIL images.
        names: N names for messages.
        image_size: Side that every image is brought to: its middle square, resized with
            an antialiased bilinear filter. None: all must have one size already.

    Returns:
        uint8 (N, C, H, W), in channels-last memory format.

    Raises:
        DataError: Names an image that is missing, corrupt, or of another size.
    """
    check_image_size(image_size)
    first = _decode(items[0], names[0], image_size)
    check_memory(len(items) * first.size)
    pixels = np.empty((len(items), *first.shape), np.uint8)

    def fill(start: int) -> bool:
        for place in range(start, min(start + _CHUNK, len(items))):
            one = _decode(items[place], names[place], image_size)
            if one.shape[:2] != first.shape[:2]:
                raise _wrong_size(one.shape, names[place], first.shape, names[0])
            if one.shape[2] > first.shape[2]:
                return False  # a colour image among grey ones
            pixels[place] = one
        return True

    starts = range(0, len(items), _CHUNK)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        fits = True
        for start, fitted in zip(starts, pool.map(fill, starts), strict=True):
            fits = fits and fitted
            tell_of_many("reading images", min(start + _CHUNK, len(items)), len(items), _CHUNK)
    if not fits:
        return _decode_as_colour(items, names, image_size)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _decode_as_colour(
    items: Sequence[Encoded], names: Sequence[str], image_size: int | None
) -> Tensor:
    arrays = [_decode(item, name, image_size) for item, name in zip(items, names, strict=True)]
    for one, name in zip(arrays, names, strict=True):
        if one.shape[:2] != arrays[0].shape[:2]:
            raise _wrong_size(one.shape, name, arrays[0].shape, names[0])
    pixels = np.stack([np.broadcast_to(one, (*one.shape[:2], 3)) for one in arrays])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def resize_images(images: Tensor, image_size: int) -> Tensor:
    """Middle square of uint8 (N, C, H, W), resized (bilinear, antialiased) to ``image_size``."""
    check_image_size(image_size)
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[:, :, top : top + side, left : left + side].float()
    size = (image_size, image_size)
    check_memory(4 * images.shape[0] * images.shape[1] * image_size**2)
    resized = F.interpolate(square, size, mode="bilinear", antialias=True, align_corners=False)
    return resized.round().clamp(0, 255).to(torch.uint8)


def check_memory(needed: int) -> None:
    """Raise if images of so many bytes do not fit into the memory of this machine.

    Raises:
        DataError: Says how much they need and how much there is.
    """
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise DataError(
            f"the images need {needed / 2**30:,.1f} GiB of memory, of which this machine has "
            f"{there / 2**30:,.1f}; set a smaller data.image_size, or data.limit"
        )


def check_image_size(image_size: int | None) -> None:
    """Raise unless ``image_size`` is None or a number of pixels."""
    if image_size is None:
        return
    if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < 1:
        raise DataError(
            f"expected image_size to be a whole number of pixels >= 1, got {image_size!r}"
        )


def to_pixels(image: Image.Image) -> Pixels:
    """Pixels of a PIL image, uint8 (H, W, 1) if it is grey, else (H, W, 3)."""
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)[:, :, None]
    if image.mode in {"I", "F"}:
        raise ValueError(f"mode {image.mode!r} has no fixed range; save it as 8 or 16 bits")
    grey = image.mode in _GREY
    wanted = "L" if grey else "RGB"
    array = np.asarray(image if image.mode == wanted else image.convert(wanted))
    return array[:, :, None] if grey else array


def _decode(item: Encoded, name: str, image_size: int | None) -> Pixels:
    try:
        image = _open(item)
        if image.width * image.height > _MOST_PIXELS:
            raise ValueError(
                f"it has {image.width} x {image.height} pixels, more than {_MOST_PIXELS:,}"
            )
        if image_size is not None and image.size != (image_size, image_size):
            image = _square(image, image_size)
        return to_pixels(image)
    except Exception as error:  # Pillow's plugins raise whatever a broken header leads to
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "not an image in a known format" if unknown else error
        raise DataError(
            f"image {name!r} cannot be read ({reason}); repair the file, or take it out of "
            "the data set"
        ) from error


def _open(item: Encoded) -> Image.Image:
    if item is None:
        raise ValueError("there is no image in this row")
    if isinstance(item, Image.Image):
        return item
    if isinstance(item, bytes):
        formats = _FORMATS.get(item[:4]) or _FORMATS.get(item[:3])
        image = Image.open(io.BytesIO(item), formats=formats)
    else:
        image = Image.open(item)
    if image.width * image.height > _MOST_PIXELS:
        return image  # refused by its size, unread
    if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) != 1:
        return ImageOps.exif_transpose(image)
    return image


def _square(image: Image.Image, size: int) -> Image.Image:
    pixels = to_pixels(image)  # palettes and single bits cannot be interpolated
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BILINEAR)


def _wrong_size(
    found: tuple[int, ...], name: str, expected: tuple[int, ...], first: str
) -> DataError:
    return DataError(
        f"expected images of one size: {name!r} is {found[0]}x{found[1]} (height x width) and "
        f"{first!r} is {expected[0]}x{expected[1]}; set image_size = {min(expected[:2])} to "
        "resize all of them"
    )

"""Pictures of images and of the maps that lie over them."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 128
# Nine evenly spaced colours of viridis (Smith and van der Walt, 2015; CC0).
VIRIDIS = (
    "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30",
    "#fde725",
)  # fmt: skip
_TINT = 0.6


def colours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Viridis: values in [0, 1] of any shape (...) to RGB (..., 3) in [0, 255]."""
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in VIRIDIS], np.float32)
    places = np.linspace(0, 1, len(table))
    channels = [np.interp(values, places, table[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def enlarged(image: Image.Image, side: int = SIDE) -> Image.Image:
    """An RGB image whose longer side is about ``side`` pixels.

    Small ones grow by a whole number, pixel by pixel; larger ones are averaged.
    """
    image = image.convert("RGB")
    longest = max(image.size)
    if longest >= side:
        smaller = image.copy()
        smaller.thumbnail((side, side), Image.Resampling.BOX)
        return smaller
    factor = side // longest
    size = (image.width * factor, image.height * factor)
    return image.resize(size, Image.Resampling.NEAREST)


def overlay(image: Image.Image, heat: NDArray[np.float32], side: int = SIDE) -> Image.Image:
    """The image in grey under the colours of a map.

    Args:
        image: Any mode and size.
        heat: Map of the whole image, float (H, W) in [0, 1]; its size may be another.
        side: The longer side of the result in pixels, about.

    Returns:
        RGB, as large as ``enlarged(image)``.
    """
    base = enlarged(image, side)
    grey = np.asarray(base.convert("L"), np.float32)[:, :, None]
    field = Image.fromarray(np.asarray(heat, np.float32)).resize(
        base.size, Image.Resampling.BILINEAR
    )
    tint = colours(np.asarray(field, np.float32).clip(0, 1))
    mixed = (1 - _TINT) * grey + _TINT * tint
    return Image.fromarray(mixed.round().astype(np.uint8))


def png(image: Image.Image) -> str:
    """The picture as a PNG of at most 256 colours, in base64.

    A palette keeps even noise below 24 kB at the usual size.
    """
    file = io.BytesIO()
    image.quantize(256).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()

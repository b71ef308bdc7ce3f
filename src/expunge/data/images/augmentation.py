"""Random crops and flips as one gather over a whole batch."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ...core.errors import InputError


@dataclass(frozen=True)
class Augmentation:
    """How a training batch is varied.

    Args:
        crop: Largest shift in pixels, up, down, left or right; what comes in from outside
            the image is its reflection. 0: no shift.
        flip: Whether half of the images are mirrored left to right.
    """

    crop: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.crop, bool) or not isinstance(self.crop, int) or self.crop < 0:
            raise InputError(f"expected crop to be a whole number >= 0, got {self.crop!r}")

    @classmethod
    def none(cls) -> "Augmentation":
        """Leave images as they are."""
        return cls(crop=0, flip=False)

    @property
    def active(self) -> bool:
        """Whether there is anything to vary."""
        return self.crop > 0 or self.flip


def augmented_pixels(
    count: int, height: int, width: int, augmentation: Augmentation, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw which row and column of each image every output pixel is read from.

    The same number of values is drawn whatever the settings, so that turning the flip off
    leaves the shifts as they were.

    Args:
        count: Images B in the batch.
        height: Rows H of the images, more than ``augmentation.crop``.
        width: Columns W, likewise.
        augmentation: Largest shift, and whether to flip.
        generator: The only source of randomness.

    Returns:
        Source rows (B, H) and source columns (B, W), int64, on the generator's device.
    """
    device, crop = generator.device, augmentation.crop
    shifts = torch.randint(
        -crop, crop + 1, (2, count, 1), generator=generator, device=device, dtype=torch.long
    )
    mirrored = torch.rand(count, 1, generator=generator, device=device) < 0.5
    rows = torch.arange(height, device=device) + shifts[0]
    columns = torch.arange(width, device=device).expand(count, width)
    if augmentation.flip:
        columns = torch.where(mirrored, width - 1 - columns, columns)
    return _reflect(rows, height), _reflect(columns + shifts[1], width)


def _reflect(positions: Tensor, size: int) -> Tensor:
    """Positions outside 0 … size - 1 mirrored at the edge pixel, as reflect padding does."""
    positions = positions.abs()
    return torch.where(positions >= size, 2 * (size - 1) - positions, positions)

"""Images that live as bytes on one device and are batched without a Python loop."""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Generator, Tensor

from ...core.capabilities import IdentifiedSet, class_names
from ...core.errors import DataError
from ...core.progress import tell_of_many
from ..convert import read_pixels
from .augmentation import Augmentation, augmented_pixels
from .checks import check_images, checked_constants, checked_ids, checked_labels

__all__ = ["Augmentation", "ImageSet"]

_READ_AT_ONCE = 4096


class ImageSet:
    """Labelled images of one size, kept as uint8 and normalised a batch at a time.

    A subset shares the pixels of its parent, so dividing a set costs no image memory.
    Inputs of a model are ``(pixel / 255 - mean) / std``.

    Args:
        images: uint8 (N, C, H, W), C = 1 (grey) or 3 (RGB) or any other number.
        labels: Whole numbers >= 0, (N,).
        ids: One name per image, all different; default "0", "1", ….
        classes: Names of the classes in the order of the labels.
        mean, std: Per channel, on the scale where white is 1. The defaults leave inputs
            between 0 and 1.
        augmentation: What ``batch`` does to images when it is given a generator.
        columns: Further columns, N values each, e.g. whose photograph it is.

    Raises:
        DataError: If the parts do not fit together; names the first place.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        ids: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        augmentation: Augmentation | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        check_images(images)
        self._pixels = images.permute(0, 2, 3, 1).contiguous()
        self._rows: Tensor | None = None
        self._digested: dict[int, bytes] = {}  # by row of _pixels, and shared with its parts
        self.classes = None if classes is None else [str(name) for name in classes]
        self.labels = checked_labels(labels, len(images), self.classes).to(images.device)
        names = range(len(images)) if ids is None else ids
        self.ids = checked_ids([str(name) for name in names], len(images))
        self.columns = {name: list(values) for name, values in (columns or {}).items()}
        for name, values in self.columns.items():
            if len(values) != len(images):
                raise DataError(
                    f"expected column {name!r} to have {len(images)} values, got {len(values)}"
                )
        self._set_normalisation(mean, std)
        crop = min(Augmentation.crop, *(side - 1 for side in images.shape[2:]))
        self._set_augmentation(Augmentation(crop) if augmentation is None else augmentation)

    @classmethod
    def from_torch(cls, dataset: Any, *, lossless: bool = False, **kwargs: Any) -> "ImageSet":
        """Read a map-style torch data set of ``(image, label)`` once, into memory.

        PIL images and uint8 tensors (C, H, W) are taken as they are. Float tensors must
        lie in [0, 1], as ``ToTensor`` makes them, and are stored as round(255 x): exact
        for images, an error of at most 1/510 otherwise. The set must not augment.

        Args:
            dataset: The set, or one with mappings such as ``{"image", "label"}`` as items.
            lossless: Refuse floats that are not multiples of 1/255.
            **kwargs: Further arguments of ``ImageSet``.

        Raises:
            DataError: If an item is not an image, not finite, or of another size.
        """
        kwargs.setdefault("classes", class_names(dataset))
        kwargs.setdefault("ids", dataset.ids if isinstance(dataset, IdentifiedSet) else None)
        return cls(*read_pixels(dataset, lossless=lossless), **kwargs)

    @classmethod
    def from_hf(
        cls,
        dataset: Any,
        image_column: str | None = None,
        label_column: str | None = None,
        *,
        image_size: int | None = None,
        **kwargs: Any,
    ) -> "ImageSet":
        """Decode a Hugging Face data set once, into memory; its transforms are not applied.

        Args:
            dataset: A ``datasets.Dataset`` with a column of images and one of labels.
            image_column: Name of the former; found by name and type if absent.
            label_column: Name of the latter, likewise.
            image_size: Side in pixels that every image is brought to.
            **kwargs: Further arguments of ``ImageSet``; other columns are kept by default.

        Raises:
            DataError: If a column is missing, an image is corrupt or of another size.
        """
        from ..sources.tables import raw_from_hf  # noqa: PLC0415  (Arrow takes time to load)

        raw = raw_from_hf(dataset, "", image_column, label_column)
        return cls(**raw.decoded(torch.arange(len(raw)), image_size, **kwargs))

    @property
    def images(self) -> Tensor:
        """The images, uint8 (N, C, H, W); a copy if this is a subset."""
        return self._own_pixels().permute(0, 3, 1, 2)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, height, width, channels = self._pixels.shape
        return channels, height, width

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self._pixels.device

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One normalised image, float32 (C, H, W), and its label; never augmented."""
        index = range(len(self))[index]
        inputs, labels = self.batch(torch.tensor([index]), None)
        return inputs[0].contiguous(), int(labels[0])

    def batch(self, indices: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """Normalised images and labels at ``indices``.

        Costs one gather and one multiply-add, about 4 microseconds an image of 32x32 on one core.

        Args:
            indices: Positions, int64 (B,).
            generator: Seeds the augmentation; None turns it off.

        Returns:
            float32 (B, C, H, W) in channels-last memory format, and int64 (B,).
        """
        indices = indices.to(self.device)
        chosen = indices if self._rows is None else self._rows[indices]
        _, height, width, channels = self._pixels.shape
        if generator is not None and self.augmentation.active:
            rows, columns = augmented_pixels(
                len(chosen), height, width, self.augmentation, generator
            )
            lines = chosen[:, None] * height + rows.to(self.device)
            flat = lines[:, :, None] * width + columns.to(self.device)[:, None, :]
            pixels = self._pixels.view(-1, channels).index_select(0, flat.flatten())
        else:
            pixels = self._pixels.index_select(0, chosen)
        # A scale per channel would make the innermost loop three long; per pixel it is fast.
        inputs = torch.addcmul(self._shift, pixels.view(len(chosen), -1).float(), self._scale).view(
            -1, height, width, channels
        )
        return inputs.permute(0, 3, 1, 2), self.labels[indices]

    def subset(self, indices: Tensor) -> "ImageSet":
        """The images at ``indices``, int64 (M,); pixels are shared, not copied."""
        indices = indices.to(self.device)
        part = copy.copy(self)
        part._rows = indices if self._rows is None else self._rows[indices]
        part.labels = self.labels[indices]
        places = indices.tolist()
        part.ids = [self.ids[place] for place in places]
        part.columns = {
            name: [values[place] for place in places] for name, values in self.columns.items()
        }
        return part

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same set on a device; when it moves, a subset takes only its own pixels along."""
        if torch.device(device) == self.device:
            return self
        moved = copy.copy(self)
        moved._digested = {}
        moved._pixels, moved._rows = self._own_pixels().to(device), None
        moved.labels = self.labels.to(device)
        moved._scale, moved._shift = self._scale.to(device), self._shift.to(device)
        return moved

    def picture(self, index: int) -> Image.Image:
        """The image as stored, for reports; of other than 3 channels only the first."""
        place = index if self._rows is None else int(self._rows[index])
        pixels = self._pixels[place].cpu().numpy()
        return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0].copy())

    def fingerprint(self) -> str:
        """SHA-256 (hex) over shape, labels and pixels in order; ids do not enter."""
        digest = hashlib.sha256(repr((len(self), *self.image_shape)).encode())
        digest.update(self.labels.cpu().numpy().tobytes())
        for part in torch.split(torch.arange(len(self), device=self.device), _READ_AT_ONCE):
            chosen = part if self._rows is None else self._rows[part]
            digest.update(self._pixels[chosen].cpu().numpy().tobytes())
        return digest.hexdigest()

    def input_digests(self) -> list[bytes | None]:
        """SHA-256 of the pixels of each image, in order; found once, also for parts of the set."""
        rows = list(range(len(self))) if self._rows is None else self._rows.tolist()
        missing = [row for row in dict.fromkeys(rows) if row not in self._digested]
        for start in range(0, len(missing), _READ_AT_ONCE):
            part = missing[start : start + _READ_AT_ONCE]
            pixels = self._pixels[torch.tensor(part, device=self.device)].cpu().flatten(1).numpy()
            for row, values in zip(part, pixels, strict=True):
                self._digested[row] = hashlib.sha256(values.tobytes()).digest()
            tell_of_many("comparing images", start + len(part), len(missing), _READ_AT_ONCE)
        return [self._digested[row] for row in rows]

    def with_labels(self, labels: Tensor) -> "ImageSet":
        """The same images with other labels, whole numbers >= 0, (N,)."""
        other = copy.copy(self)
        other.labels = checked_labels(labels, len(self), self.classes).to(self.device)
        return other

    def with_normalisation(
        self, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> "ImageSet":
        """The same images, normalised by other constants; None leaves them in [0, 1]."""
        other = copy.copy(self)
        other._set_normalisation(mean, std)
        return other

    def with_augmentation(self, augmentation: Augmentation) -> "ImageSet":
        """The same images, augmented in another way."""
        other = copy.copy(self)
        other._set_augmentation(augmentation)
        return other

    def with_channels(self, channels: int) -> "ImageSet":
        """Grey images (C = 1) repeated over ``channels``; normalisation is repeated too."""
        if self.image_shape[0] != 1:
            raise DataError(f"expected grey images, got {self.image_shape[0]} channels")
        other = copy.copy(self)
        other._digested = {}
        other._pixels, other._rows = self._own_pixels().repeat(1, 1, 1, channels), None
        other._set_normalisation(self.mean * channels, self.std * channels)
        return other

    def channel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel, on the scale where white is 1.

        Exact sums over a histogram, so the order of the images does not matter. A channel
        that never varies gets the deviation 1, so that it can be divided by.
        """
        counts = torch.zeros(self.image_shape[0], 256, dtype=torch.float64)
        for part in torch.split(torch.arange(len(self), device=self.device), _READ_AT_ONCE):
            chosen = part if self._rows is None else self._rows[part]
            pixels = self._pixels[chosen].flatten(0, 2)
            for channel in range(len(counts)):
                counts[channel] += torch.bincount(pixels[:, channel], minlength=256).cpu()
        share = counts / counts.sum(1, keepdim=True)
        value = torch.arange(256, dtype=torch.float64) / 255
        mean = share @ value
        std = ((share @ value.square()) - mean.square()).clamp(min=0).sqrt()
        std = torch.where(std < 1e-6, 1.0, std)
        return tuple(mean.tolist()), tuple(std.tolist())

    def _own_pixels(self) -> Tensor:
        return self._pixels if self._rows is None else self._pixels.index_select(0, self._rows)

    def _set_normalisation(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
        channels, height, width = self.image_shape
        self.mean = checked_constants("mean", mean, channels, 0.0)
        self.std = checked_constants("std", std, channels, 1.0)
        if any(value <= 0 for value in self.std):
            raise DataError(f"expected every std > 0, got {list(self.std)}")
        scale = 1 / (255 * torch.tensor(self.std, dtype=torch.float64))
        shift = -torch.tensor(self.mean, dtype=torch.float64) * 255 * scale
        area = height * width
        self._scale = scale.float().repeat(area).to(self.device)
        self._shift = shift.float().repeat(area).to(self.device)

    def _set_augmentation(self, augmentation: Augmentation) -> None:
        _, height, width = self.image_shape
        if augmentation.crop >= min(height, width):
            raise DataError(
                f"expected crop < {min(height, width)} for images of {height}x{width}, got "
                f"{augmentation.crop}; reflect padding cannot reach further"
            )
        self.augmentation = augmentation

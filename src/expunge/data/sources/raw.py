"""Samples of one file or folder before anything is decoded: what every source reads."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...core.errors import DataError

Decoder: TypeAlias = Callable[[Tensor, int | None], Tensor]


@dataclass(frozen=True, eq=False)
class Raw:
    """Ids and labels of N samples, and a way to decode some of them.

    Args:
        ids: N names, all different, that stay with the samples through every split.
        labels: int64 (N,).
        decode: Turns positions (M,) and an image size, or None, into uint8 (M, C, H, W).
        classes: Names of the classes, if the file tells them.
        columns: Further columns, N values each.
        made_up_ids: Whether the ids are rows because the file has no ids.
        notes: What was found and not used, a sentence each.
    """

    ids: list[str]
    labels: Tensor
    decode: Decoder
    classes: list[str] | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)
    made_up_ids: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.ids)

    def decoded(self, rows: Tensor, image_size: int | None = None, **others: Any) -> dict[str, Any]:
        """The samples at ``rows``, int64 (M,), as the arguments of an ``ImageSet``.

        Args:
            rows: Which samples.
            image_size: Side in pixels that every image is brought to.
            **others: Further arguments, or what is to stand for those found here.
        """
        places = rows.tolist()
        found = {
            "images": self.decode(rows, image_size),
            "labels": self.labels[rows],
            "ids": [self.ids[place] for place in places],
            "classes": self.classes,
            "columns": {
                name: [values[place] for place in places] for name, values in self.columns.items()
            },
        }
        return found | others


@dataclass(frozen=True, eq=False)
class Collection:
    """Everything a source found, before it is divided and decoded.

    Args:
        name: Name of the source; with the ids it fixes every split.
        train: The training file.
        validation: A file of its own, if the source has one.
        test: The test file; None: a share of the training file is taken instead.
        classes: Names of the classes, if known.
        mean, std: Customary normalisation; None: computed from the training images.
        shift, flip: Augmentation that suits the images, see ``Source``; None: chosen by
            their number of channels.
        root: Folder that ids are paths from, where they are.
        known_rows: Whether people know these samples by their rows, as in public data sets.
    """

    name: str
    train: Raw
    validation: Raw | None = None
    test: Raw | None = None
    classes: list[str] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    shift: float | None = None
    flip: bool | None = None
    root: Path | None = None
    known_rows: bool = False

    @property
    def files(self) -> list[Raw]:
        """All of them, the training file first."""
        return [raw for raw in (self.train, self.validation, self.test) if raw is not None]


def fixed_order(ids: list[str], *salt: str) -> Tensor:
    """A shuffle that depends on the ids alone, int64 (N,).

    Samples are sorted by a hash of their id, so a few records more or fewer leave the
    order of the others, and with it their membership in a split, as it was.
    """
    prefix = "/".join(salt).encode() + b"\0"
    keys = [hashlib.sha256(prefix + name.encode()).digest() for name in ids]
    return torch.tensor(sorted(range(len(ids)), key=keys.__getitem__), dtype=torch.long)


def stratified_share(labels: Tensor, order: Tensor, share: float) -> Tensor:
    """Mask (N,) of about ``share`` of each class, the first ones in ``order``.

    Every class with at least two samples gives one and keeps one.
    """
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    ranked = labels[order]
    for label in torch.unique(labels):
        members = order[ranked == label]
        count = round(share * len(members))
        if len(members) > 1:
            count = min(max(count, 1), len(members) - 1)
        chosen[members[:count]] = True
    return chosen


def check_classes(labels: Tensor, where: str) -> None:
    """Raise unless labels without names are 0 to C - 1, each with a sample.

    Args:
        labels: Of a whole training file, int64 (N,).
        where: The data, in messages.

    Raises:
        DataError: Names the first class without a sample.
    """
    present = labels.unique().tolist()
    if present != list(range(len(present))):
        empty = next(at for at, label in enumerate(present) if at != label)
        raise DataError(
            f"expected labels 0 to {len(present) - 1} in {where}, as there are {len(present)} "
            f"different ones, found {present[0]} to {present[-1]} and none of class {empty}; "
            "renumber them, or write them as texts, which are taken for names of classes"
        )


def check_ids(ids: list[str], where: str) -> None:
    """Raise if ``where`` holds nothing."""
    if not ids:
        raise DataError(f"expected images in {where}, found none")

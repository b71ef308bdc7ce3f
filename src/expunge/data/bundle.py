"""A data set ready for use, divided once and for all."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.capabilities import FingerprintedSet, IdentifiedSet
from ..core.data import UnlearningData
from ..core.storage.contents import ItemDigests
from ..tasks.labels import LABEL_KEYS
from .convert import read_labels


class RowSet:
    """Some items of a torch data set, with their ids and labels.

    It keeps telling which item of the user's own set each sample is, after any number of
    splits.

    Args:
        dataset: The user's map-style set.
        labels: Its labels, int64 (N,).
        prefix: Ids are the prefix and the position, e.g. ``train/7``.
        rows: Positions to keep, int64 (M,); all by default.
        digests: Of the items, where another view has them.
    """

    def __init__(
        self,
        dataset: Any,
        labels: Tensor,
        prefix: str,
        rows: Tensor | None = None,
        digests: ItemDigests | None = None,
    ) -> None:
        self.dataset = dataset
        self._digests = digests or ItemDigests(dataset)
        self.prefix = prefix
        self.rows = torch.arange(len(dataset)) if rows is None else rows
        self._all_labels = labels
        self._relabelled = False
        self.labels = labels[self.rows]

    @property
    def ids(self) -> list[str]:
        """One id per sample."""
        return [f"{self.prefix}{row}" for row in self.rows.tolist()]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        """The item as the user's set gives it, but for a label that was replaced."""
        item = self.dataset[int(self.rows[index])]
        return _with_label(item, int(self.labels[index])) if self._relabelled else item

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all items and labels, in order; reads every item once."""
        digest = hashlib.sha256(self.labels.numpy().tobytes())
        for row in self.rows.tolist():
            digest.update(self._digests.whole(row))
        return digest.hexdigest()

    def input_digests(self) -> list[bytes | None]:
        """SHA-256 of each sample without its target; None where it is random."""
        return [self._digests.input(row) for row in self.rows.tolist()]

    def subset(self, indices: Tensor) -> "RowSet":
        """The samples at ``indices``, int64 (K,)."""
        part = RowSet(
            self.dataset, self._all_labels, self.prefix, self.rows[indices], self._digests
        )
        part._relabelled = self._relabelled
        return part

    def with_labels(self, labels: Tensor) -> "RowSet":
        """The same samples with other labels, int64 (M,); the user's set stays as it is."""
        everything = self._all_labels.clone()
        everything[self.rows] = labels
        other = RowSet(self.dataset, everything, self.prefix, self.rows, self._digests)
        other._relabelled = True
        return other


class TargetSet(RowSet):
    """Items whose targets are no classes; its labels mean nothing."""

    def subset(self, indices: Tensor) -> "TargetSet":
        """The samples at ``indices``, int64 (K,)."""
        return TargetSet(
            self.dataset, self._all_labels, self.prefix, self.rows[indices], self._digests
        )


def _with_label(item: Any, label: int) -> Any:
    if isinstance(item, Mapping):
        key = next(key for key in LABEL_KEYS if key in item)
        return {**item, key: label}
    return (item[0], label, *item[2:])


@dataclass(frozen=True, eq=False)
class Canaries:
    """Training samples that carry a wrong label on purpose.

    Args:
        positions: Where they are in the training set, sorted int64 (K,).
        planted: The wrong label of each, which models are trained with; int64 (K,).
        true: The label that each had; int64 (K,).
    """

    positions: Tensor
    planted: Tensor
    true: Tensor


@dataclass(frozen=True, eq=False)
class Bundle:
    """A training set, held-out sets, and what a model has to know about them.

    Args:
        name: What to call the data in records.
        train: The samples that models train on, an ``ImageSet`` or any torch data set.
        validation: Samples that nobody trains on and methods may read.
        test: Samples that only metrics read.
        classes: Names of the classes in the order of the labels.
        num_classes: Number of classes C; labels are 0 to C - 1. 0 where targets are no classes.
        image_shape: (C, H, W) of an input; inputs of F numbers are (F, 1, 1), texts (0, 0, 0).
        canaries: Which training samples carry a wrong label, where some were planted.
        root: Folder that ids are paths from, where they are.
        made_up_ids: Whether the ids are rows only because the data came without ids.
        notes: What was found and not used, a sentence each.
    """

    name: str
    train: Any
    validation: Any | None
    test: Any | None
    classes: list[str] | None
    num_classes: int
    image_shape: tuple[int, int, int]
    canaries: Canaries | None = None
    root: Path | None = None
    made_up_ids: bool = False
    notes: tuple[str, ...] = ()

    def unlearning_data(self, positions: Tensor) -> UnlearningData:
        """Divide ``train`` into the positions to forget, int64 (K,), and the others.

        Raises:
            DataError: If no sample is chosen, or none would be left.
        """
        return UnlearningData.split(
            self.train, positions, validation=self.validation, test=self.test
        )

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all sets: pixels and labels, or labels alone where there are none.

        Reads an ``ImageSet`` at about 400 MB/s.
        """
        digest = hashlib.sha256(str(self.num_classes).encode())
        for name in ("train", "validation", "test"):
            if (dataset := getattr(self, name)) is not None:
                digest.update(f"/{name}:{_fingerprint(dataset)}".encode())
        return digest.hexdigest()


def ids_of(dataset: Any) -> list[str]:
    """Ids of any set; one without ids of its own is numbered ``train/0``, ``train/1``, …."""
    ids = dataset.ids if isinstance(dataset, IdentifiedSet) else None
    return list(ids) if ids is not None else [f"train/{row}" for row in range(len(dataset))]


def _fingerprint(dataset: Any) -> str:
    if isinstance(dataset, FingerprintedSet):
        return dataset.fingerprint()
    labels = read_labels(dataset)
    return hashlib.sha256(labels.numpy().tobytes()).hexdigest()

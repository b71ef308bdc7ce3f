"""The disjoint sets that every method and metric speaks about."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import ConcatDataset, DataLoader, Subset

from .capabilities.data import DivisibleSet, TableSet, format_of, makes_batches, table_view
from .errors import DataError
from .items import collated


class Split(StrEnum):
    """Names of the sets, spelled as in configs, records and reports."""

    FORGET = "forget"
    RETAIN = "retain"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, eq=False)
class UnlearningData:
    """What to forget, what to keep, and what nobody trained on.

    Each set is a map-style data set: a torch ``Dataset`` of ``(input, target)`` or
    mappings, a Hugging Face data set in torch format, or an ``ImageSet``.

    Args:
        forget: Training samples whose influence is to be removed (D_f).
        retain: The other training samples (D_r).
        validation: Held-out samples that methods may read (their stopping rules do).
        test: Held-out samples that only metrics read (D_t).

    A ``DataLoader`` stands for its data set, with a warning. Retained samples that are to be
    forgotten, too, are refused where both sets show the same one.

    Raises:
        DataError: If a set has no length, the forget or retain set is empty, or they overlap.
    """

    forget: Any
    retain: Any
    validation: Any = None
    test: Any = None

    def __post_init__(self) -> None:
        for field in fields(self):
            dataset = plain_set(getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, dataset)  # frozen for everybody else
            needed = field.name in (Split.FORGET, Split.RETAIN)
            if dataset is None and not needed:
                continue
            if not hasattr(dataset, "__len__"):
                raise DataError(
                    f"expected the {field.name} set to be a map-style data set with a "
                    f"length, got {type(dataset).__name__}"
                )
            if len(dataset) == 0:
                raise DataError(_EMPTY.get(field.name, f"the {field.name} set is empty"))
        _check_disjoint(self)

    @classmethod
    def split(
        cls,
        train: Any,
        forget: Sequence[int] | Tensor,
        *,
        validation: Any = None,
        test: Any = None,
    ) -> "UnlearningData":
        """Divide a training set into the positions to forget and all the others.

        Args:
            train: The training set, of N samples.
            forget: Positions (K,), or a mask of N booleans.
            validation: Held-out samples that methods may read.
            test: Held-out samples that only metrics read.

        Raises:
            DataError: If a position is no whole number, occurs twice or is out of range, or
                none is left.
        """
        train = plain_set(train, "training")
        if not hasattr(train, "__len__"):
            raise DataError(
                f"expected the training set to be a map-style data set with a length, got "
                f"{type(train).__name__}"
            )
        chosen = as_positions(forget, len(train))
        if chosen.numel() == 0:
            raise DataError(_EMPTY["forget"])
        if len(set(chosen.tolist())) != len(chosen):
            raise DataError("a position in the forget set occurs twice; list each once")
        if int(chosen.min()) < 0 or int(chosen.max()) >= len(train):
            raise DataError(
                f"expected positions between 0 and {len(train) - 1}, "
                f"got {int(chosen.min())} to {int(chosen.max())}"
            )
        keep = torch.ones(len(train), dtype=torch.bool)
        keep[chosen] = False
        rest = keep.nonzero().flatten()
        if rest.numel() == 0:
            raise DataError(_EMPTY["retain"])
        order = chosen.sort().values
        return cls(take(train, order), take(train, rest), validation, test)

    def sizes(self) -> dict[str, int]:
        """Number of samples of each set that is there."""
        sets = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: len(dataset) for name, dataset in sets.items() if dataset is not None}


_EMPTY = {
    "forget": "the forget set is empty: name at least one sample to forget",
    "retain": (
        "the forget set is the whole training set, so nothing is left to retain; "
        "delete the model instead, or forget fewer samples"
    ),
}


def as_positions(forget: Any, size: int) -> Tensor:
    """Positions (K,) int64 from whole numbers or from a mask of ``size`` booleans.

    Raises:
        DataError: If they are anything else.
    """
    if isinstance(forget, str | bytes | set | frozenset | Mapping):
        raise DataError(
            f"expected positions as a list or tensor of whole numbers, or a mask of booleans, got "
            f"{type(forget).__name__}; ids and names are resolved by expunge.select_forget"
        )
    try:
        given = torch.as_tensor(np.asarray(forget))
    except (TypeError, ValueError) as error:
        raise DataError(
            "expected positions as a list or tensor of whole numbers, or a mask of booleans "
            f"({error})"
        ) from error
    if given.dtype == torch.bool:
        if tuple(given.shape) != (size,):
            raise DataError(
                f"expected a mask of {size} booleans, one per training sample, got the shape "
                f"{tuple(given.shape)}"
            )
        return given.nonzero().flatten()
    flat = given.flatten()
    if flat.is_complex():
        raise DataError(f"expected whole numbers as positions, got complex ones such as {flat[0]}")
    if flat.is_floating_point() and bool((flat != flat.round()).any()):
        raise DataError(f"expected whole numbers as positions, got {flat[flat != flat.round()][0]}")
    return flat.cpu().long()


def plain_set(dataset: Any, name: str) -> Any:
    """The set that a loader reads, and a Hugging Face table whose rows are mappings."""
    if isinstance(dataset, DataLoader):
        warnings.warn(
            f"the {name} set is a DataLoader: its data set is taken, and its batch size, order "
            "and sampler are not",
            stacklevel=4,
        )
        dataset = dataset.dataset
    if isinstance(dataset, TableSet) and format_of(dataset) in ("arrow", "pandas", "polars"):
        return dataset.with_format(None)
    return dataset


def _check_disjoint(data: UnlearningData) -> None:
    """Raise if two of the sets show the same sample of one set; sets of others are not compared."""
    names = [field.name for field in fields(data) if getattr(data, field.name) is not None]
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            count = _shared(getattr(data, one), getattr(data, other))
            if count and (one, other) != ("validation", "test"):
                raise DataError(
                    f"{count} samples are in the {one} set and in the {other} set; divide the "
                    "training set with UnlearningData.split, and hold out others"
                )


def _shared(one: Any, other: Any) -> int:
    """How many samples two views of one set share, as far as they are views."""
    if one is other:
        return len(one)
    (first, rows), (second, places) = _view(one), _view(other)
    if first is not second and not (isinstance(first, tuple) and first == second):
        return 0
    return len(set(range(len(first)) if rows is None else rows)
               & set(range(len(second)) if places is None else places))  # fmt: skip


def _view(dataset: Any) -> tuple[Any, list[int] | None]:
    rows: list[int] | None = None
    while True:
        if type(dataset) is Subset:
            own, inner = [int(row) for row in dataset.indices], dataset.dataset
        elif type(dataset) is ConcatDataset and len(dataset.datasets) == 1:
            own, inner = list(range(len(dataset))), dataset.datasets[0]
        else:
            break
        rows = own if rows is None else [own[row] for row in rows]
        dataset = inner
    return table_view(dataset, rows)


def take(dataset: Any, indices: Tensor) -> Any:
    """Samples of ``dataset`` at ``indices`` (1-D int64), by its own fast way if any."""
    if isinstance(dataset, DivisibleSet):
        return dataset.subset(indices)
    if isinstance(dataset, TableSet):
        return dataset.select(indices.tolist())
    return Subset(dataset, indices.tolist())


def fetch(
    dataset: Any,
    indices: Tensor,
    *,
    generator: Generator | None = None,
    device: torch.device | str = "cpu",
) -> Any:
    """One batch of samples at ``indices``, on ``device``.

    Args:
        dataset: Any map-style set; an item is a tensor, a tuple, or a mapping.
        indices: Positions, int64 (B,).
        generator: Seeds the augmentation of a ``BatchedSet``; None turns it off. Other
            sets augment as they please in ``__getitem__``.
        device: Where the tensors of the batch are put.
    """
    if makes_batches(dataset):
        return _to(dataset.batch(indices, generator), device)
    return _to(collated(dataset, indices.tolist()), device)


def _to(batch: Any, device: torch.device | str) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: _to(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return tuple(_to(value, device) for value in batch)
    return batch

"""The disjoint sets that every method and metric speaks about."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Subset

from .capabilities.data import DivisibleSet, TableSet, format_of, makes_batches
from .errors import DataError, SampleError
from .items import collated
from .storage.overlap import EqualInputs, shared_views


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
    forgotten, too, are refused where both sets show the same one. Sets of different origin are
    compared by the bytes of their inputs, where that is quick: a forget set of which every
    sample stays in the retain set is refused, and of sets that share half there is a warning.

    Raises:
        DataError: If a set has no length, the forget or retain set is empty, or they overlap.
    """

    forget: Any
    retain: Any
    validation: Any = None
    test: Any = None

    def __post_init__(self) -> None:
        self._check(divided=False)

    def _check(self, *, divided: bool) -> None:
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
        _check_disjoint(self, divided)

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
        divided = object.__new__(cls)
        sets = (take(train, order), take(train, rest), validation, test)
        for field, dataset in zip(fields(cls), sets, strict=True):
            object.__setattr__(divided, field.name, dataset)
        divided._check(divided=True)
        return divided

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
        numbers = np.asarray(forget)
        # PyTorch reads the upper half of uint64 as negative numbers.
        is_unsigned = numbers.dtype.kind == "u"
        given = torch.as_tensor(numbers.clip(max=2**62) if is_unsigned else numbers)
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
    if isinstance(dataset, Mapping):
        raise DataError(
            f"expected one data set as the {name} set, got {type(dataset).__name__} of "
            f"{', '.join(map(str, dataset))}; give one of its parts"
        )
    if isinstance(dataset, TableSet) and format_of(dataset) in ("arrow", "pandas", "polars"):
        return dataset.with_format(None)
    return dataset


def _check_disjoint(data: UnlearningData, divided: bool) -> None:
    """Raise if two of the sets show the same samples, and look for others that are equal.

    Args:
        data: The sets.
        divided: Whether forget and retain set are parts of one training set, whose samples may
            recur by nature: they are then not compared by their bytes.
    """
    names = [field.name for field in fields(data) if getattr(data, field.name) is not None]
    inputs = EqualInputs()
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            if (one, other) == ("validation", "test"):
                continue
            sets = getattr(data, one), getattr(data, other)
            count = shared_views(*sets)
            if count is None and not (divided and other == Split.RETAIN):
                _compare(one, other, inputs.count(*sets), *map(len, sets))
            elif count:
                raise DataError(
                    f"{count} samples are in the {one} set and in the {other} set; divide the "
                    "training set with UnlearningData.split, and hold out others"
                )


def _compare(one: str, other: str, count: int, first: int, second: int) -> None:
    """Raise if all that is to be forgotten stays elsewhere; warn where half of a set recurs."""
    if (one, other) == ("forget", "retain") and count == first:
        raise DataError(
            f"all {count} samples of the forget set are in the retain set as well, judged by "
            "their bytes: a model that keeps learning from them forgets nothing; divide the "
            "training set with UnlearningData.split"
        )
    if count and 2 * count >= min(first, second):  # fewer recur by nature
        warnings.warn(
            f"{count} inputs of the {one} set are, byte for byte, in the {other} set",
            stacklevel=6,
        )


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


@contextmanager
def located(name: str, indices: Tensor) -> Iterator[None]:
    """Inside, a broken row of a batch is told by its set and its position there.

    Args:
        name: Of the set, e.g. ``"forget"``.
        indices: Positions that the batch was fetched from, int64 (B,).

    Raises:
        DataError: In the place of a ``SampleError``.
    """
    try:
        yield
    except SampleError as error:
        raise DataError(
            f"at position {int(indices[error.row])} of the {name} set: {error.problem}"
        ) from error


def _to(batch: Any, device: torch.device | str) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: _to(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return tuple(_to(value, device) for value in batch)
    return batch

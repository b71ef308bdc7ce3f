"""What some data sets can do beyond ``len`` and indexing: the fast ways, and facts they know."""

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol, Self, TypeGuard, runtime_checkable

import torch
from torch import Generator, Tensor


@runtime_checkable
class MapSet(Protocol):
    """The least that a set must be: of known length, its samples found by position."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


@runtime_checkable
class BatchedSet(Protocol):
    """A set that makes whole batches itself: the fast path (see ``ImageSet``).

    Ask by ``makes_batches``: sets of Hugging Face have a ``batch``, too, which means another
    thing.
    """

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor, generator: Generator | None) -> Any:
        """Samples at ``indices``; augmented if a generator is given, else plain."""
        ...


@runtime_checkable
class DivisibleSet(Protocol):
    """A set that gives a part of itself without copying or wrapping item by item."""

    def subset(self, indices: Tensor) -> Any:
        """The samples at ``indices``, int64 (K,), as a set."""
        ...


@runtime_checkable
class TableSet(Protocol):
    """A set of Hugging Face's ``datasets``: typed columns, and rows that are mappings."""

    features: Any

    def select(self, indices: Any) -> Any:
        """The rows at ``indices``, as a set."""
        ...

    def with_format(self, *args: Any, **kwargs: Any) -> Any:
        """The same rows, given out as tensors, Arrow tables, and so on."""
        ...


@runtime_checkable
class IdentifiedSet(Protocol):
    """A set that keeps a name for each sample, through every split: ``ids``, N different texts."""

    @property
    def ids(self) -> Sequence[str]: ...


@runtime_checkable
class FingerprintedSet(Protocol):
    """A set that can say what it holds."""

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the samples, in order."""
        ...


@runtime_checkable
class ComparedSet(Protocol):
    """A set that can tell which of its samples are copies of others."""

    def __len__(self) -> int: ...

    def input_digests(self) -> list[bytes | None]:
        """A digest of each sample without its target; None where there is none."""
        ...


@runtime_checkable
class RelabelledSet(Protocol):
    """A set that can stand for the same samples under other labels."""

    def with_labels(self, labels: Tensor) -> Any:
        """The same samples with other labels, int64 (N,); this set stays as it is."""
        ...


@runtime_checkable
class PicturedSet(Protocol):
    """A set whose samples can be shown."""

    def __len__(self) -> int: ...

    def picture(self, index: int) -> Any:
        """The sample as a ``PIL.Image``, as stored."""
        ...


@runtime_checkable
class NormalisedSet(Protocol):
    """A set whose pixels are normalised per channel: ``(value - mean) / std``, white being 1."""

    mean: Any
    std: Any


@runtime_checkable
class RenormalisedSet(Protocol):
    """A set that can stand for the same samples under another normalisation."""

    def with_normalisation(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> Self:
        """The same samples, normalised by other constants."""
        ...


@runtime_checkable
class AugmentedSet(Protocol):
    """A set that varies its samples in a way that other sets can be given, too."""

    augmentation: Any

    def with_augmentation(self, augmentation: Any) -> Self:
        """The same samples, varied in another way."""
        ...


@runtime_checkable
class MovableSet(Protocol):
    """A fast set that lives on one device and can move to another."""

    def batch(self, indices: Tensor, generator: Generator | None) -> Any:
        """As of ``BatchedSet``."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same set on ``device``."""
        ...


def makes_batches(dataset: Any) -> TypeGuard[BatchedSet]:
    """Whether a set makes whole batches by ``batch(indices, generator)``."""
    return isinstance(dataset, BatchedSet) and _takes_indices(type(dataset))


@cache
def _takes_indices(kind: type) -> bool:
    """Whether the ``batch`` of a class is the one meant here, judged by its parameters.

    ``batch(batch_size, drop_last_batch=False, ...)`` of Hugging Face and its like groups rows
    to batches. It has one parameter without a default; the one meant here has two, or calls
    the second ``generator``. A wrapper that takes whatever it is given is trusted.
    """
    try:
        found = inspect.signature(getattr(kind, "batch", None)).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):  # written in C, or an attribute of the object alone
        return True
    given = [one for name, one in found.items() if name != "self"]
    kinds = {one.kind for one in given}
    needed = [one for one in given if one.default is one.empty and one.kind not in _REST]
    return "generator" in found or len(needed) == 2 or inspect.Parameter.VAR_POSITIONAL in kinds


_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def format_of(dataset: TableSet) -> str | None:
    """In what form a table gives its rows: ``"torch"``, ``"arrow"``, …; None for plain values."""
    found = getattr(dataset, "format", None)
    kind = found.get("type") if isinstance(found, Mapping) else None
    return kind if isinstance(kind, str) else None


def table_view(dataset: Any, rows: list[int] | None) -> tuple[Any, list[int] | None]:
    """What a Hugging Face table is a view of, and the rows of it; of other sets, themselves.

    Tables that were selected from one another hold their values in the same memory, whose address
    stands for the table; those that are joined of several pieces are told apart by the first.
    """
    try:
        column = dataset.data.table.column(0).chunk(0)
        start, buffers = column.offset, column.buffers()
        address = next(buffer.address for buffer in reversed(buffers) if buffer is not None)
        chosen = dataset._indices
    except (AttributeError, IndexError, StopIteration):
        return dataset, rows
    own = range(len(dataset)) if chosen is None else chosen.column(0).to_pylist()
    places = [start + own[row] for row in (range(len(dataset)) if rows is None else rows)]
    return ("arrow", address), places


def label_column(dataset: Any, of_length: int | None = None) -> Any | None:
    """The column ``labels`` or ``targets`` (N) that a set keeps, if any; not a method of it."""
    for name in ("labels", "targets"):
        column = getattr(dataset, name, None)
        if column is None or callable(column):
            continue
        if of_length is None or len(column) == of_length:
            return column
    return None


def columns_of(dataset: Any) -> Mapping[Any, Sequence[Any]]:
    """Further columns that a set keeps beside inputs and labels, N values each, by name."""
    found = getattr(dataset, "columns", None)
    return found if isinstance(found, Mapping) else {}


def class_names(dataset: Any) -> list[str] | None:
    """Names of the classes, if the set tells them as ``ImageSet`` and torchvision's do."""
    names = getattr(dataset, "classes", None)
    return [str(name) for name in names] if isinstance(names, list | tuple) else None


def parent_of(dataset: Any) -> Any | None:
    """The set that another one shows a part of, as torch's ``Subset`` does; None if it is none."""
    return getattr(dataset, "dataset", None)


def transforms_labels(dataset: Any) -> bool:
    """Whether labels change when items are read, so that the column does not tell them."""
    return getattr(dataset, "target_transform", None) is not None

"""Whether two data sets hold the same samples: by what they are views of, and by their bytes."""

from typing import Any

from torch.utils.data import ConcatDataset, Subset, TensorDataset

from ..capabilities.data import ComparedSet, table_view
from .contents import ItemDigests

_DIFFERENT = 0.9  # of the samples of a set, at least
_READ = 2000  # items of a set without a fast way that are read for it


def shared_views(one: Any, other: Any) -> int | None:
    """How many samples two views of one set share; None where they are views of different sets."""
    if one is other:
        return len(one)
    (first, rows), (second, places) = _view(one), _view(other)
    if first is not second and not (isinstance(first, tuple) and first == second):
        return None
    return len(set(range(len(first)) if rows is None else rows)
               & set(range(len(second)) if places is None else places))  # fmt: skip


class EqualInputs:
    """Compares sets by the bytes of their inputs, each set read once.

    Passed over are sets that cannot tell them quickly and hold more than 2,000 samples, which would
    cost more to read than the answer is worth, and sets that repeat themselves, such as tables
    of few values, where an equal row is another person's.
    """

    def __init__(self) -> None:
        self._known: dict[int, list[bytes | None] | None] = {}

    def count(self, one: Any, other: Any) -> int:
        """How many samples have an equal in the other set; of the two numbers the smaller."""
        first, second = self._of(one), self._of(other)
        if first is None or second is None:
            return 0
        common = (set(first) & set(second)) - {None}
        return min(sum(digest in common for digest in found) for found in (first, second))

    def _of(self, dataset: Any) -> list[bytes | None] | None:
        if id(dataset) not in self._known:
            found = _digests(dataset)
            self._known[id(dataset)] = found if found and _differ(found) else None
        return self._known[id(dataset)]


def _differ(digests: list[bytes | None]) -> bool:
    """Whether nearly all are different."""
    return len(set(digests)) >= _DIFFERENT * len(digests)


def _digests(dataset: Any) -> list[bytes | None] | None:
    if isinstance(dataset, ComparedSet):
        return dataset.input_digests()
    inner, rows = _view(dataset)
    if isinstance(inner, tuple):  # a table, whose values are not to be had without decoding
        inner, rows = dataset, None
    count = len(inner) if rows is None else len(rows)
    if type(inner) is not TensorDataset and count > _READ:
        return None
    items = ItemDigests(inner)
    try:
        return [items.input(row) for row in (range(len(inner)) if rows is None else rows)]
    except Exception:  # an item is broken, which is told where it is used
        return None


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

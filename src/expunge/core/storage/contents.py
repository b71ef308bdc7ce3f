"""What a data set holds, as one SHA-256: so that no result of other data is taken for its own."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from ..capabilities.data import FingerprintedSet
from ..isolation import isolated_randomness, seed_everything

_READ = 10_000  # items of a set without a fingerprint of its own; spread evenly if there are more


def content_digest(dataset: Any) -> str:
    """SHA-256 (hex) over what a set holds, in order.

    A set that can tell says it itself. Of others at most 10,000 items are read, all of them
    where there are no more. Items that differ between two reads, as those of sets that augment,
    count by their targets.
    """
    if dataset is None:
        return "none"
    if isinstance(dataset, FingerprintedSet):
        return dataset.fingerprint()
    digest = hashlib.sha256(f"{type(dataset).__name__}|{len(dataset)}|".encode())
    if isinstance(dataset, Subset):
        digest.update(repr(list(dataset.indices)).encode())
    rows = torch.linspace(0, len(dataset) - 1, min(_READ, len(dataset))).long().tolist()
    items = ItemDigests(dataset)
    for row in rows:
        digest.update(items.whole(row))
    return digest.hexdigest()


class ItemDigests:
    """SHA-256 over each item of a map-style set, found when it is asked for.

    Items of sets that give another one at each reading, as those that augment do, count by their
    targets; that is judged by the item that is read first. What was read is kept, but for rows of
    tensors, which are read faster than they are kept.

    Args:
        dataset: Its items are tensors, arrays, images, numbers, texts, and tuples and mappings
            of these.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._known: dict[int, tuple[bytes, bytes | None]] = {}
        self._is_random: bool | None = None
        self._is_plain = _is_plain(dataset)

    def whole(self, row: int) -> bytes:
        """Of everything that is the same at each reading."""
        return _hashed(self._dataset[row]) if self._is_plain else self._of(row)[0]

    def input(self, row: int) -> bytes | None:
        """Of the item without its target; None if it is random or not told apart."""
        if self._is_plain:
            return _hashed(_without_target(self._dataset[row]))
        return self._of(row)[1]

    def _of(self, row: int) -> tuple[bytes, bytes | None]:
        if row not in self._known:
            with isolated_randomness():
                seed_everything(0)
                item = self._dataset[row]
                if self._is_random is None:
                    seed_everything(0)
                    self._is_random = _hashed(self._dataset[row]) != _hashed(item)
            if self._is_random:
                self._known[row] = _hashed(_target(item)), None
            else:
                self._known[row] = _hashed(item), _hashed(_without_target(item))
        return self._known[row]


def _is_plain(dataset: Any) -> bool:
    """Whether items are rows of tensors, which nothing random enters: seeding costs far more."""
    if type(dataset) is Subset:
        return _is_plain(dataset.dataset)
    return type(dataset) is TensorDataset


def _without_target(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: value for key, value in item.items() if not isinstance(value, int | str)}
    return item[0] if isinstance(item, tuple | list) and len(item) > 1 else item


def _target(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: value for key, value in item.items() if isinstance(value, int | str)}
    return item[1:] if isinstance(item, tuple | list) else None


def _hashed(item: Any) -> bytes:
    digest = hashlib.sha256()
    add_value(digest, item)
    return digest.digest()


def add_value(digest: Any, value: Any) -> None:
    """Add tensors, arrays, images, numbers and texts, at any depth, to a hash."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().contiguous()
        digest.update(f"{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(f"{key}|".encode())
            add_value(digest, value[key])
    elif isinstance(value, tuple | list):
        for part in value:
            add_value(digest, part)
    elif isinstance(value, str | int | float | bool | bytes | type(None)):
        digest.update(f"{value!r}|".encode())
    else:  # arrays and images
        array = np.asarray(value)
        digest.update(f"{array.dtype}|{array.shape}|".encode())
        digest.update(array.tobytes() if array.dtype != object else repr(value).encode())

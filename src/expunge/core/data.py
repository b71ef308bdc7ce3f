"""The disjoint sets that every method and metric speaks about."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.data import Subset, default_collate

from .capabilities.data import DivisibleSet, TableSet, makes_batches
from .errors import DataError


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

    Raises:
        DataError: If a set has no length or the forget or retain set is empty.
    """

    forget: Any
    retain: Any
    validation: Any = None
    test: Any = None

    def __post_init__(self) -> None:
        for field in fields(self):
            dataset = getattr(self, field.name)
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

        Raises:
            DataError: If a position occurs twice, is out of range, or none is left.
        """
        chosen = torch.as_tensor(forget, dtype=torch.long).flatten()
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
    return _to(default_collate([dataset[i] for i in indices.tolist()]), device)


def _to(batch: Any, device: torch.device | str) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: _to(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return tuple(_to(value, device) for value in batch)
    return batch

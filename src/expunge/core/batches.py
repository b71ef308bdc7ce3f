"""Random-access batches: batch ``i`` is a pure function of seed, name and ``i``.

That is what makes a killed run resume with the same bits: no iterator state is saved,
only the number of the step.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator

from .data import fetch
from .errors import InputError


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from any printable parts; equal parts give equal seeds."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seeded(*parts: object) -> Generator:
    """A CPU generator seeded by ``derive_seed(*parts)``."""
    return Generator().manual_seed(derive_seed(*parts))


@dataclass
class Counter:
    """Samples that were read, summed over all streams of a run."""

    samples: int = 0


@dataclass
class Stream:
    """Endless shuffled passes over one set, addressed by step.

    Args:
        dataset: Any map-style set (see ``fetch``).
        batch_size: Samples per batch over all processes; a pass drops the incomplete
            last batch, and the next pass is shuffled anew.
        seed: Together with ``name`` it fixes order and augmentation.
        name: Tells streams of one run apart, e.g. ``"retain"``.
        device: Where batches are put.
        augment: Whether a ``BatchedSet`` augments.
        rank, world: This process reads every ``world``-th sample of a batch.

    Raises:
        InputError: If ``batch_size`` exceeds the size of the set.
    """

    dataset: Any
    batch_size: int
    seed: int
    name: str
    device: torch.device
    counter: Counter
    augment: bool = True
    rank: int = 0
    world: int = 1
    _shuffled: tuple[int, torch.Tensor] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size > len(self.dataset):
            raise InputError(
                f"expected batch_size <= {len(self.dataset)}, the size of the "
                f"{self.name} set, got {self.batch_size}; lower method.batch_size"
            )

    def __len__(self) -> int:
        """Steps in one pass."""
        return len(self.dataset) // self.batch_size

    def __getitem__(self, step: int) -> Any:
        """The batch of a step; steps beyond one pass go on with the next."""
        lap, index = divmod(step, len(self))
        if self._shuffled is None or self._shuffled[0] != lap:
            order = torch.randperm(
                len(self.dataset), generator=seeded(self.seed, self.name, "order", lap)
            )
            self._shuffled = (lap, order)
        start = index * self.batch_size
        indices = self._shuffled[1][start : start + self.batch_size]
        indices = indices[self.rank :: self.world]
        self.counter.samples += len(indices)
        generator = None
        if self.augment:
            generator = seeded(self.seed, self.name, "augment", step, self.rank)
        return fetch(self.dataset, indices, generator=generator, device=self.device)

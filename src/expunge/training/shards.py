"""What a folder of SISA models was made from: who is in which shard, and what is done."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ..core.batches import seeded
from ..core.capabilities import FingerprintedSet
from ..core.checks import check_positive
from ..core.data import fetch, take
from ..core.errors import InputError
from ..core.isolation import isolated_randomness, seed_everything
from ..core.storage.contents import add_value
from ..core.storage.files import parse_json, with_digest, without_digest, write_whole
from .recipes import Recipe

_NAME = "sisa.json"
_READ_AT_ONCE = 256


class ShardPlan(BaseModel):
    """The contents of ``sisa.json``.

    Positions count through the set as it was at first; what was removed keeps its number.
    ``parts[i]`` is ``shard * slices + slice`` of position i. ``done[s]`` is the number of
    slices of shard s whose checkpoint is valid, so a killed run knows where to go on.
    """

    model_config = ConfigDict(extra="forbid")

    shards: int
    slices: int
    seed: int
    combine: str
    precision: str
    recipe: Recipe
    net: str
    data: str
    parts: list[int]
    removed: list[int]
    done: list[int]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The plan of a folder.

        Raises:
            InputError: If there is none, or it cannot be read.
        """
        path = folder / _NAME
        try:
            return cls.model_validate(without_digest(parse_json(path.read_text(encoding="utf-8"))))
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error}; name the folder that train_sisa filled"
            ) from error
        except ValueError as error:  # also pydantic's
            raise InputError(
                f"{path} is damaged or of another version: {error}; train again in a new folder"
            ) from error

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a folder holds a plan."""
        return (folder / _NAME).exists()

    def write(self, folder: Path) -> None:
        """Replace the plan of a folder in one atomic step."""
        write_whole(folder / _NAME, with_digest(self.model_dump(mode="json")))

    def go_on(self, folder: Path, resume: bool) -> "ShardPlan":
        """The plan that a folder holds already, if it is this one but for its progress.

        Raises:
            InputError: If it is not, or is not to be continued.
        """
        if not resume:
            raise InputError(
                f"{folder} holds a training already; use another folder, or resume = True to go on"
            )
        found = ShardPlan.read(folder)
        if found.model_dump(exclude={"done"}) != self.model_dump(exclude={"done"}):
            raise InputError(
                f"{folder} holds another training, of other data, settings or removed samples; "
                "use another folder"
            )
        return found

    def check_left(self, removed: set[int]) -> None:
        """Raise unless some sample stays.

        Raises:
            InputError: Says how many there are.
        """
        if len(removed) == len(self.parts):
            raise InputError(
                f"expected some of the {len(self.parts)} samples to stay, got all of them to "
                "remove; delete the folder instead, or remove fewer"
            )

    def kept(self, shard: int | None = None, last: int | None = None) -> Tensor:
        """Positions still in: all, or those of a shard up to its slice ``last``; ascending."""
        parts = torch.tensor(self.parts)
        inside = torch.ones(len(parts), dtype=torch.bool)
        inside[self.removed] = False
        if shard is not None:
            inside &= parts // self.slices == shard
        if last is not None:
            inside &= parts % self.slices <= last
        return inside.nonzero().flatten()

    def stage_recipe(self) -> Recipe:
        """The recipe of each slice, shortened so that all of them cost what it says.

        Slice r trains on r / R of a shard, so R stages of ``2 / (R + 1)`` of the epochs read
        as much as ``epochs`` passes over the whole shard.
        """
        share = 2 / (self.slices + 1)
        return replace(
            self.recipe,
            epochs=share * self.recipe.epochs,
            small_epochs=share * self.recipe.small_epochs,
        )

    def cost(self) -> int:
        """Samples that training everything from scratch passes through the nets."""
        total = 0
        for shard in range(self.shards):
            for place in range(self.slices):
                if size := len(self.kept(shard, place)):
                    batch = min(self.recipe.batch_size, size)
                    total += batch * self.stage_recipe().steps(size // batch)
        return total

    def remove(self, positions: set[int], data: str) -> None:
        """Take positions out; what was trained on them is no longer done."""
        for position in positions - set(self.removed):
            shard, place = divmod(self.parts[position], self.slices)
            self.done[shard] = min(self.done[shard], place)
        self.removed = sorted(positions.union(self.removed))
        self.data = data


def assign(size: int, shards: int, slices: int, seed: int) -> list[int]:
    """Part of each of ``size`` samples: a permutation keyed by the seed, cut evenly.

    Parts are ``shard * slices + slice``; their sizes differ by at most one.

    Raises:
        InputError: If a part would be empty.
    """
    check_positive(shards=shards, slices=slices)
    if shards * slices > size:
        raise InputError(
            f"expected shards * slices <= {size}, the number of samples, got {shards} * "
            f"{slices}; use fewer, since each part needs a sample"
        )
    order = torch.randperm(size, generator=seeded(seed, "sisa", "assignment"))
    parts = torch.empty(size, dtype=torch.long)
    for part, positions in enumerate(order.tensor_split(shards * slices)):
        parts[positions] = part
    numbers: list[int] = parts.tolist()
    return numbers


def positions_of(positions: Any, size: int) -> set[int]:
    """Positions as a set of numbers.

    Args:
        positions: Integers, a sequence or tensor of any shape.
        size: How many samples there are.

    Raises:
        InputError: If they are not integers, or one is out of range.
    """
    given = torch.as_tensor(positions)
    if given.numel() and (given.is_floating_point() or given.dtype == torch.bool):
        raise InputError(
            f"expected positions as integers, got {given.dtype}; "
            "turn a mask into positions with mask.nonzero().flatten()"
        )
    numbers = {int(position) for position in given.flatten().tolist()}
    if wrong := sorted(number for number in numbers if not 0 <= number < size):
        raise InputError(
            f"expected positions between 0 and {size - 1}, got {wrong[0]} ({len(wrong)} out of "
            "range); positions count through the training set as it was at first"
        )
    return numbers


def fingerprint(dataset: Any, positions: Tensor) -> str:
    """SHA-256 (hex) over the samples at some positions; reads each once.

    Global randomness is seeded, so random transforms of a user's set give equal samples.
    """
    chosen = take(dataset, positions)
    if isinstance(chosen, FingerprintedSet):
        return chosen.fingerprint()
    digest = hashlib.sha256()
    with isolated_randomness():
        for part in torch.arange(len(chosen)).split(_READ_AT_ONCE):
            seed_everything(0)
            add_value(digest, fetch(chosen, part))
    return digest.hexdigest()

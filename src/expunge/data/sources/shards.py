"""Parquet files of a folder by the set that they belong to."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import DataError

_SHARD = re.compile(r"[-_](\d+)[-_]of[-_](\d+)$")
_SPLITS = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}


def find_parquet(folder: Path) -> dict[str, list[Path]]:
    """Parquet files of each split in ``folder`` or its ``data`` folder, in order of name.

    ``train-00000-of-00002.parquet``, ``train.parquet`` and the like tell their split;
    a folder whose only files say nothing is one training file.

    Raises:
        DataError: If a file says that it is one of several and another of them is missing.
    """
    for place in (folder, folder / "data"):
        files = sorted(place.glob("*.parquet"))
        found = {
            split: [file for file in files if _stem(file) in names]
            for split, names in _SPLITS.items()
        }
        found = {split: chosen for split, chosen in found.items() if chosen}
        if found or files:
            found = found or {"train": files}
            for chosen in found.values():
                _check_shards(chosen)
            return found
    return {}


def _check_shards(files: Sequence[Path]) -> None:
    """Raise unless of parts ``…-00000-of-00002`` all are there."""
    parts = defaultdict(set)
    for file in files:
        if found := _SHARD.search(file.stem):
            parts[file.stem[: found.start()], int(found[2])].add(int(found[1]))
    for (name, total), numbers in parts.items():
        if missing := sorted(set(range(total)) - numbers):
            raise DataError(
                f"{files[0].parent} holds {len(numbers)} of the {total} files of {name!r}: number "
                f"{missing[0]:05d} is missing ({name}-{missing[0]:05d}-of-{total:05d}.parquet); "
                "copy or download it, or rename the files if they are the whole set"
            )
    if len({name for name, _ in parts}) < len(parts):
        raise DataError(
            f"{files[0].parent} holds files of two divisions of one set, such as {files[0].name} "
            f"and {files[-1].name}; keep those of one"
        )


def _stem(file: Path) -> str:
    return file.stem.replace("_", "-").split("-")[0].lower()

"""Hugging Face data sets: on disk, or from the hub if that was asked for."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ...core.errors import DataError, InputError
from .raw import Collection, Raw
from .shards import find_parquet
from .tables import COLUMNS, raw_from_hf, raw_from_parquet

_YES = {"1", "true", "yes", "on"}
_TEST_NAMES = ("test", "validation", "valid", "val")


def may_download(arguments: Mapping[str, Any]) -> bool:
    """Whether somebody asked for downloads: ``download = true`` or EXPUNGE_DOWNLOAD=1."""
    asked = arguments.get("download")
    if asked is None:
        return os.environ.get("EXPUNGE_DOWNLOAD", "").lower() in _YES
    if not isinstance(asked, bool):
        raise InputError(f"expected arguments.download to be true or false, got {asked!r}")
    return asked


def collect_parquet(
    folder: Path, name: str, arguments: Mapping[str, Any], classes: list[str] | None = None
) -> Collection | None:
    """Read the Parquet files of a folder; None if it holds none for training."""
    files = find_parquet(folder) if folder.is_dir() else {}
    if "train" not in files:
        return None
    columns = {key: arguments.get(key) for key in COLUMNS}
    train = raw_from_parquet(files["train"], "train/", classes=classes, **columns)
    others: dict[str, Raw] = {
        split: raw_from_parquet(files[split], f"{split}/", classes=train.classes, **columns)
        for split in ("validation", "test")
        if split in files
    }
    return _collection(name, train, others)


def collect_saved(folder: Path, name: str, arguments: Mapping[str, Any]) -> Collection:
    """Read a folder that ``save_to_disk`` of the datasets library wrote."""
    try:
        found = _datasets().load_from_disk(str(folder))
    except Exception as error:  # whatever Arrow and the file system raise
        raise DataError(
            f"{folder} holds neither Parquet files such as train-*.parquet nor a data set of "
            f"save_to_disk ({_first_line(error)})"
        ) from error
    return _from_splits(found, name, arguments)


def collect_hub(
    address: str, name: str, arguments: Mapping[str, Any], classes: list[str] | None = None
) -> Collection:
    """Download ``user/name``, or read it from the library's cache.

    Raises:
        DataError: If it is not there or cannot be reached.
    """
    library = _datasets()
    try:
        found = library.load_dataset(
            address, arguments.get("name"), revision=arguments.get("revision")
        )
    except Exception as error:  # network, hub, cache and format errors share no base class
        raise DataError(
            f"{address} cannot be downloaded from the Hugging Face hub "
            f"({type(error).__name__}: {_first_line(error)}); check the name and the network, "
            "or download its Parquet files elsewhere and give their folder as data.path"
        ) from error
    return _from_splits(found, name, arguments, classes)


def _from_splits(
    found: Any, name: str, arguments: Mapping[str, Any], classes: list[str] | None = None
) -> Collection:
    splits = dict(found) if isinstance(found, Mapping) else {"train": found}
    if "train" not in splits:
        raise DataError(
            f"expected a split called train in {name}, found {sorted(splits)}; rename one"
        )
    columns = {key: arguments.get(key) for key in COLUMNS}
    train = raw_from_hf(splits["train"], "train/", classes=classes, **columns)
    others: dict[str, Raw] = {
        "test" if split == "test" else "validation": raw_from_hf(
            splits[split], f"{split}/", classes=train.classes, **columns
        )
        for split in reversed(_TEST_NAMES)
        if split in splits
    }
    return _collection(name, train, others)


def _collection(name: str, train: Raw, others: dict[str, Raw]) -> Collection:
    """A validation file without a test file is the test set, as it is for ImageNet."""
    if "test" not in others:
        return Collection(name, train, test=others.get("validation"))
    return Collection(name, train, others.get("validation"), others["test"])


def _datasets() -> ModuleType:
    try:
        import datasets  # noqa: PLC0415
    except ImportError as error:
        raise DataError(
            "Hugging Face data sets need the datasets library: pip install 'expunge[data]'"
        ) from error
    return datasets  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]

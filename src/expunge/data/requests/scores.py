"""The samples with the highest scores in a file, e.g. those that a model memorised most."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from ...core.checks import did_you_mean
from ...core.errors import DataError
from ...core.schemas.request import MemorisedForget
from ..bundle import Bundle, ids_of
from .sampling import wanted_count

COLUMNS = ("id", "score")
_MADE_BY = "expunge memorisation CONFIG --out FILE makes such a file"


def most_memorised(bundle: Bundle, spec: MemorisedForget) -> Tensor:
    """Positions of the training samples with the highest scores, int64 (K,); ties by id.

    Args:
        bundle: The data; every training sample needs a score.
        spec: ``scores``, the path of a .parquet, .csv or .tsv file with the columns id
            and score, and ``fraction`` or ``count``.

    Raises:
        InputError: If all but none are asked for.
        DataError: If the file is missing or broken, or does not fit the training set.
    """
    names = ids_of(bundle.train)
    count = wanted_count(spec, len(names), "training samples", "forget")
    scores = _read_scores(Path(spec.scores).expanduser())
    _check_complete(Path(spec.scores).name, scores, names)
    order = sorted(range(len(names)), key=lambda index: (-scores[names[index]], names[index]))
    return torch.tensor(order[:count])


def _check_complete(file: str, scores: Mapping[str, float], names: Sequence[str]) -> None:
    known = set(names)
    if strange := [name for name in scores if name not in known]:
        raise DataError(
            f"{file} holds {len(strange)} ids that are not in the training set, the first is "
            f"{strange[0]!r}; measure the scores with the same data settings, or remove them"
        )
    if missing := [name for name in names if name not in scores]:
        raise DataError(
            f"{file} has no score for {len(missing)} of {len(names)} training samples, the first "
            f"is {missing[0]!r}; measure the scores with the same data settings, or add them"
        )


def _read_scores(path: Path) -> dict[str, float]:
    """Score by id, all finite."""
    if not path.is_file():
        raise DataError(f"expected scores in {path}, but there is no such file; {_MADE_BY}")
    ending = path.suffix.lower()
    if ending == ".parquet":
        ids, values = _from_parquet(path)
    elif ending in {".csv", ".tsv"}:
        ids, values = _from_text(path, "\t" if ending == ".tsv" else ",")
    else:
        raise DataError(f"expected scores as .parquet, .csv or .tsv, got {path.name}")
    scores: dict[str, float] = {}
    for row, (name, value) in enumerate(zip(ids, values, strict=True), start=1):
        if name in scores:
            raise DataError(f"{path} has two scores for {name!r}; keep one of them")
        scores[str(name)] = _number(path, row, value)
    return scores


def _number(path: Path, row: int, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(
            f"expected finite numbers in the column score of {path}, got {value!r} in row {row} "
            "of its data; repair that row, or measure again"
        )
    return number


def _from_parquet(path: Path) -> tuple[list[Any], list[Any]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet ({reason})") from error
    _check_columns(path, table.column_names)
    ids, values = (table.column(name).to_pylist() for name in COLUMNS)
    return [str(name) for name in ids], values


def _from_text(path: Path, delimiter: str) -> tuple[list[Any], list[Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            names, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as text ({error}); save it as UTF-8") from error
    _check_columns(path, names)
    ids, values = ([row[name] for row in rows] for name in COLUMNS)
    return ids, values


def _check_columns(path: Path, names: Sequence[str]) -> None:
    for column in COLUMNS:
        if column not in names:
            raise DataError(
                f"expected the columns id and score in {path.name}, found "
                f"{', '.join(names) or 'none'}{did_you_mean(column, names)}"
            )

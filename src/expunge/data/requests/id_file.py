"""Lists of ids in text, CSV and Parquet files."""

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.checks import did_you_mean
from ...core.errors import DataError

_NAMES = ("id", "ids")


def read_ids(file: str | Path, column: str | None, is_id: Callable[[str], bool]) -> list[str]:
    """Ids in a ``.txt`` (one a line), ``.csv``, ``.tsv`` or ``.parquet`` file.

    In a table they stand in ``column``; by default in a column called id, else in the
    first. A CSV file may lack a header: its first line counts as data if it starts with
    an id or a number.

    Args:
        file: The file.
        column: Name of the column.
        is_id: Tells whether a text is the id of a training sample.

    Raises:
        DataError: If the file or the column is missing, or the file cannot be read.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"expected a list of ids in {path}, but there is no such file")
    ending = path.suffix.lower()
    if ending == ".parquet":
        return _from_parquet(path, column)
    if ending not in {".txt", ".csv", ".tsv"}:
        raise DataError(f"expected a list of ids as .txt, .csv, .tsv or .parquet, got {path.name}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}); save it as UTF-8") from error
    if ending == ".txt":
        if column is not None:
            raise DataError(f"{path.name} has no columns; leave column = {column!r} out")
        return [line.strip() for line in text.splitlines() if line.strip()]
    delimiter = "\t" if ending == ".tsv" else ","
    lines = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    return _from_rows(path, lines, column, is_id)


def _from_rows(
    path: Path, lines: list[list[str]], column: str | None, is_id: Callable[[str], bool]
) -> list[str]:
    if not lines:
        return []
    header = [cell.strip() for cell in lines[0]]
    if column is not None:
        place, body = _place(path, header, column), lines[1:]
    elif (named := _id_column(header)) is not None:
        place, body = header.index(named), lines[1:]
    else:
        is_data = header[0].isdecimal() or is_id(header[0])
        place, body = 0, lines if is_data else lines[1:]
    for number, row in enumerate(body):
        if place >= len(row) or not row[place].strip():
            raise DataError(f"{path} has no id in row {number + 1} of its data; repair that row")
    return [row[place].strip() for row in body]


def _from_parquet(path: Path, column: str | None) -> list[str]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet ({reason})") from error
    names = table.column_names
    if not names:
        return []
    if column is not None:
        place = _place(path, names, column)
    else:
        place = names.index(_id_column(names) or names[0])
    values = table.column(place).to_pylist()
    if None in values:
        raise DataError(f"{path} has no id in row {values.index(None) + 1}; repair that row")
    return [str(value) for value in values]


def _place(path: Path, names: list[str], column: str) -> int:
    if column not in names:
        raise DataError(
            f"expected forget.column to be one of the columns of {path.name} "
            f"({', '.join(names)}); got {column!r}{did_you_mean(column, names)}"
        )
    return names.index(column)


def _id_column(names: list[str]) -> str | None:
    return next((name for name in names if name.lower() in _NAMES), None)

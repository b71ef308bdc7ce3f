"""Lists of names in text, JSON lines, CSV and Parquet files: read, or refused, never guessed."""

import csv
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.checks import did_you_mean
from ...core.errors import DataError
from ..names import text_of_name

IsName = Callable[[str], bool]


@dataclass(frozen=True)
class _Column:
    """Which column of a list holds the names; see ``read_list``."""

    column: str | None
    is_name: IsName
    usual: Sequence[str]
    option: str


_ENDINGS = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_TABLES = (".csv", ".tsv")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ID = ("id", "ids")
# What columns of names are called besides; endings such as _id count, too.
_USUAL = re.compile(
    r"(.*_)?(ids?|uid|uuid|guid|key|index|idx|row|name|names|sample|samples|record|records|"
    r"image|images|img|photo|file|files|filename|file_name|path|paths|filepath|person|user)"
)


def read_list(
    file: str | Path, column: str | None, is_name: IsName, usual: Sequence[str] = _ID, *,
    option: str = "forget.column",
) -> list[str]:  # fmt: skip
    """The names in a file; empty lines and lines that start with ``#`` are passed over.

    ====================  ======================================================================
    ending                how it is read
    ====================  ======================================================================
    .txt                  one name a line
    .csv, .tsv            separated by commas, semicolons, tabs or bars; a header or none
    .jsonl, .ndjson       one text, whole number or object a line
    .parquet              a column
    ====================  ======================================================================

    In a table the names stand in ``column``. Without it they stand in a column called as
    ``usual`` says, else in the only one that holds a known name. Where several columns could
    be meant, or the first line is neither a known name nor the usual name of a column, the
    file is refused.

    Args:
        file: The file.
        column: Name of the column.
        is_name: Tells whether a text is one of the names that the data know.
        usual: What the column is called if nothing is said.
        option: What names the column, for messages.

    Raises:
        DataError: If the file or the column is missing, ambiguous or broken.
    """
    asked = _Column(column, is_name, usual, option)
    path = Path(file).expanduser()
    ending = path.suffix.lower()
    try:
        if not path.is_file():
            raise DataError(f"expected a list in {_short(path)}, but there is no such file")
    except OSError as error:  # a name that is too long, say
        raise DataError(f"cannot read the list {_short(path)}: {error.strerror}") from error
    if ending not in _ENDINGS:
        raise DataError(f"expected a list as {', '.join(_ENDINGS)}, got {path.name}")
    if ending == ".parquet":
        return _from_parquet(path, asked)
    lines = _lines(path, is_name)
    if ending == ".txt":
        if column is not None:
            raise DataError(f"{path.name} has no columns; leave column = {column!r} out")
        return [line.strip() for line in lines]
    if ending in {".jsonl", ".ndjson"}:
        return _from_json(path, lines, asked)
    return _from_rows(path, lines, asked)


def _lines(path: Path, is_name: IsName) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}); save it as UTF-8") from error
    table, kept, open_quote = path.suffix.lower() in _TABLES, [], False
    for line in text.split("\n"):  # of which read_text makes all ends of lines
        # Inside a quoted cell nothing is a comment, and an empty line is part of the cell.
        bare = line.strip()
        if open_quote or (bare and (bare[0] != "#" or is_name(bare))):
            kept.append(line)
            open_quote ^= table and '"' in line and line.count('"') % 2 == 1
    return kept


def _from_rows(path: Path, lines: list[str], asked: _Column) -> list[str]:
    if not lines:
        return []
    separator = _separator(path, lines, asked.is_name)
    try:
        rows = [
            list(map(str.strip, row))
            for row in csv.reader(lines, delimiter=separator, strict=True)
            if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV ({error}); repair it") from error
    header = rows[0] if rows and _has_header(path, rows[0], asked) else None
    body = rows if header is None else rows[1:]
    width = max(map(len, rows), default=0)
    names = header or [f"column {number + 1}" for number in range(width)]
    table = {place: [row[place] if place < len(row) else "" for row in body]
             for place in range(len(names))}  # fmt: skip
    return _filled(path, table[_pick(path, names, table, asked)])


def _separator(path: Path, lines: list[str], is_name: IsName) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    first = lines[0]
    if any(is_name(line.strip().strip('"')) for line in lines[:2]):
        return "\x1f"  # whole lines are names, whatever characters they hold
    found = [sign for sign in _SEPARATORS if sign in first]
    if len(found) < 2:
        return found[0] if found else ","
    even = [sign for sign in found if _is_even(lines, sign)]
    if len(even) == 1:
        return even[0]
    names = " or ".join(_SEPARATORS[sign] for sign in found)
    raise DataError(
        f"the columns of {path.name} could be separated by {names}; write it with commas, and "
        "with quotes around cells that hold some"
    )


def _is_even(lines: list[str], separator: str) -> bool:
    try:
        return len({len(row) for row in csv.reader(lines, delimiter=separator)}) == 1
    except csv.Error:
        return False


def _has_header(path: Path, first: list[str], asked: _Column) -> bool:
    """Whether the first line names columns; a line that could be either is refused."""
    if asked.column is not None:
        return True
    named = first if first[0] else first[1:]  # "" stands above the index
    if named == [str(number) for number in range(len(named))]:
        raise DataError(
            f"the first line of {path.name}, {_cut(','.join(first))}, could be the header that "
            f'pandas writes for columns without names; say {asked.option} = "0" if it is, else '
            f"write {'train/0 for row 0' if asked.option == 'forget.column' else 'it otherwise'}"
        )
    if any(asked.is_name(cell) for cell in first):
        return False
    if any(cell.lower() in asked.usual or _USUAL.fullmatch(_normal(cell)) for cell in first):
        return True
    raise DataError(
        f"the first line of {path.name}, {_cut(first[0])}, is neither known in this data nor a "
        "usual name of a column; if it is a header, name the column with "
        f"{asked.option} = {_cut(first[0])}, else remove or correct that line"
    )


def _from_json(path: Path, lines: list[str], asked: _Column) -> list[str]:
    try:
        cells = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON lines ({error}); repair it") from error
    if not any(isinstance(cell, dict) for cell in cells):
        if asked.column is not None:
            raise DataError(f"{path.name} has no columns; leave {asked.option} out")
        return _filled(path, cells)
    if not all(isinstance(cell, dict) for cell in cells):
        raise DataError(f"expected an object in every line of {path.name}, or in none")
    names = list(dict.fromkeys(name for cell in cells for name in cell))
    table = {place: [cell.get(name) for cell in cells] for place, name in enumerate(names)}
    return _filled(path, table[_pick(path, names, table, asked)])


def _from_parquet(path: Path, asked: _Column) -> list[str]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet ({reason})") from error
    names = table.column_names
    if not names:
        return []
    column = asked.column
    if column is None:  # pictures and the like cannot be names
        flat = [place for place in range(len(names)) if not pa.types.is_nested(table[place].type)]
    else:
        flat = [names.index(column)] if column in names else []
    try:
        values = {place: table.column(place).to_pylist() for place in flat}
    except (OverflowError, ValueError) as error:  # a date beyond all calendars
        raise DataError(f"{path} holds a value that cannot be read ({error}); repair it") from error
    return _filled(path, values[_pick(path, names, values, asked)])


def _pick(path: Path, names: list[str], table: dict[int, list[Any]], asked: _Column) -> int:
    """The column that holds the names, by its position."""
    column = asked.column
    if column is not None:
        if names.count(column) > 1:
            raise DataError(
                f"{path.name} has several columns called {column!r}; rename all but the one meant"
            )
        if column not in names:
            raise DataError(
                f"expected {asked.option} to be one of the columns of {path.name} "
                f"({', '.join(names)}); got {column!r}{did_you_mean(column, names)}"
            )
        return names.index(column)
    if len(table) == 1:
        return int(*table)
    likely = [
        place
        for place, cells in table.items()
        if any(asked.is_name(text_of_name(cell) or "") for cell in cells)
    ]
    named = [place for place in table if names[place].lower() in asked.usual]
    if len(named) == 1:
        # Beside it only columns that are called like one count; "" is the index of pandas.
        rivals = [place for place in likely if _USUAL.fullmatch(_normal(names[place]))]
        likely = named if set(rivals) <= set(named) else sorted({*named, *rivals})
    if len(likely) == 1:
        return likely[0]
    shown = ", ".join(repr(names[place]) for place in likely or table)
    raise DataError(
        f"{'several columns' if likely else 'none of the columns'} of {path.name} "
        f"{'hold' if likely else 'holds'} names of this data: {shown}; say which one is meant "
        f"with {asked.option}"
    )


def _filled(path: Path, cells: Sequence[Any]) -> list[str]:
    texts = [text_of_name(cell) for cell in cells]
    if None in texts:
        row = texts.index(None)
        found = "" if cells[row] in (None, "") else f" but {_cut(cells[row])}"
        raise DataError(f"{path} has no name in row {row + 1} of its data{found}; repair that row")
    return texts  # type: ignore[return-value]  # none of them is None


def _normal(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}…"

"""Rows of JSON Lines and Parquet files as dictionaries."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import DataError

Row = dict[str, Any]


def read_rows(path: str | Path) -> list[Row]:
    """All rows of a ``.jsonl`` or ``.parquet`` file, each a value by column.

    Empty lines are passed over. Rows of one file may lack columns of others.

    Args:
        path: The file; JSON Lines in UTF-8.

    Raises:
        DataError: If the file is missing, of another kind, damaged, or has no row; names the
            line that is no JSON object.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        found = "it is a folder" if path.is_dir() else "there is no such file"
        raise DataError(f"expected a file of questions and answers in {path}, but {found}")
    readers = {".jsonl": _from_jsonl, ".parquet": _from_parquet}
    if (reader := readers.get(path.suffix.lower())) is None:
        raise DataError(
            f"expected a file that ends in {' or '.join(readers)}, got {path.name}; write one "
            "JSON object a line, with a prompt and an answer each"
        )
    if not (rows := reader(path)):
        raise DataError(f"expected questions and answers in {path}, found no row")
    return rows


def _from_jsonl(path: Path) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}); save it as UTF-8") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"{path}, line {number}: expected a JSON object, got broken JSON ({error}); "
                "repair or remove that line"
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"{path}, line {number}: expected a JSON object such as "
                f'{{"prompt": "…", "answer": "…"}}, got {type(row).__name__}'
            )
        rows.append(row)
    return rows


def _from_parquet(path: Path) -> list[Row]:
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path} cannot be read as Parquet ({reason}); copy or download it again"
        ) from error
    return rows

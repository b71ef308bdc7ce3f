"""Files of prompts with a seed for each, such as I2P's."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError

_PROMPT = ("prompt", "sensitive prompt", "text", "caption")
_SEED = ("evaluation_seed", "sd_seed", "seed")
_GUIDANCE = ("evaluation_guidance", "sd_guidance_scale", "guidance")
_LABEL = ("class", "label", "categories")


@dataclass(frozen=True)
class ListedPrompt:
    """One row: ``guidance`` and ``label`` are None where the file does not tell them."""

    text: str
    seed: int
    guidance: float | None = None
    label: str | None = None


def load_prompts(
    path: str | Path, *, first_seed: int | None = None, limit: int | None = None
) -> list[ListedPrompt]:
    """Prompts of a CSV file with a header.

    Columns are found by the names that published lists use: ``prompt``; ``evaluation_seed``,
    ``sd_seed`` or ``seed``; ``evaluation_guidance``; ``class`` or ``categories``. An empty prompt
    counts as one: I2P has such a row.

    Args:
        path: The file, in UTF-8.
        first_seed: Seeds count up from this number instead of being read; needed where the
            file has none, since images before and after must be drawn from equal seeds.
        limit: Only so many rows, from the first.

    Raises:
        DataError: If the file is missing or has no column of prompts or of seeds, or a seed is
            no whole number; says which line.
    """
    path = Path(path).expanduser()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
            head = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read the prompts {path}: {error}") from error
    text, seed = _column(head, _PROMPT), _column(head, _SEED)
    if text is None:
        raise DataError(
            f"expected a column called prompt in {path}, found {', '.join(head) or 'no header'}; "
            "rename the column of prompts"
        )
    if seed is None and first_seed is None:
        raise DataError(
            f"{path} has no seeds: expected a column called evaluation_seed or seed, found "
            f"{', '.join(head)}; add one, or give first_seed, from which seeds then count up"
        )
    if not (rows := rows[:limit]):
        raise DataError(f"expected prompts in {path}, found none below the header")
    guidance, label = _column(head, _GUIDANCE), _column(head, _LABEL)
    return [
        ListedPrompt(
            (row[text] or "").strip(),
            int(_number(row, seed, path, line)) if first_seed is None else first_seed + place,
            None if guidance is None else _number(row, guidance, path, line),
            None if label is None else row[label] or None,
        )
        for place, (line, row) in enumerate(rows)
    ]


def _column(head: Sequence[str], names: Sequence[str]) -> str | None:
    found = {name.strip().lower(): name for name in head}
    return next((found[name] for name in names if name in found), None)


def _number(row: Mapping[str, str | None], column: str | None, path: Path, line: int) -> float:
    assert column is not None  # only asked for where there is one
    value = row[column]
    try:
        return float(value or "")
    except ValueError as error:
        raise DataError(
            f"{path}, line {line}: expected a number in the column {column!r}, got {value!r}"
        ) from error

"""A table that says which samples belong to an id of one's own."""

from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from ...core.errors import DataError
from ..names import whole_number

_COLUMNS = ("id", "sample")


def read_mapping(file: str | Path) -> dict[str, list[str]]:
    """Names of samples by id, from the columns ``id`` and ``sample`` of a table.

    An id may have several samples, and a sample several ids; every cell is read as text.

    Args:
        file: A .csv (separated by commas) or .parquet file.

    Raises:
        DataError: If it is missing or broken, lacks a column, or has an empty cell.
    """
    path = Path(file).expanduser()
    try:
        if path.suffix.lower() == ".parquet":
            table = pq.read_table(path)
        else:
            texts = pc.ConvertOptions(column_types=dict.fromkeys(_COLUMNS, pa.string()))
            table = pc.read_csv(path, convert_options=texts)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"forget.mapping: {path} cannot be read as a table ({reason}); give a .csv file with "
            "commas, or a .parquet file"
        ) from error
    if twice := [name for name in _COLUMNS if table.column_names.count(name) > 1]:
        raise DataError(
            f"forget.mapping: {path.name} has several columns called {twice[0]}; rename all but one"
        )
    if missing := [name for name in _COLUMNS if name not in table.column_names]:
        raise DataError(
            f"forget.mapping: expected the columns id and sample in {path.name}, found "
            f"{', '.join(table.column_names) or 'none'}; {missing[0]} is missing"
        )
    found = defaultdict(list)
    pairs = zip(*(table[name].to_pylist() for name in _COLUMNS), strict=True)
    for row, (name, sample) in enumerate(pairs, start=1):
        if name in (None, "") or sample in (None, ""):
            raise DataError(f"forget.mapping: {path.name} has an empty cell in row {row}; fill it")
        text = str(name).strip()
        found[whole_number(text) or text].append(str(sample).strip())
    return dict(found)

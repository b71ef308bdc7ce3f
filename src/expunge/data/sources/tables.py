"""Tables with a column of images: Parquet files and Hugging Face data sets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from ...core.capabilities import TableSet
from ...core.checks import did_you_mean
from ...core.errors import DataError
from ..images.decode import Encoded, decode_images
from ..names import text_of_name
from .raw import Raw, check_ids

_IMAGE_NAMES = ("img", "image", "images", "pixel_values", "picture", "photo", "jpg", "png", "webp")
_LABEL_NAMES = ("label", "labels", "fine_label", "class", "target", "targets", "y", "cls")
COLUMNS = ("image_column", "label_column", "id_column")
"""Arguments that name columns."""

_ID_NAMES = ("id", "ids")
_MOST_CLASSES = 1 << 31


def raw_from_parquet(
    files: Sequence[Path],
    prefix: str,
    image_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    classes: list[str] | None = None,
) -> Raw:
    """Read Parquet files of one split; paths of images in it count from its folder.

    Ids are those of ``id_column``, by default a column called id if all of its values are
    different; without one they are ``prefix`` and the row, e.g. ``train/7``.

    Raises:
        DataError: If a file is broken, or a column is not there.
    """
    tables = []
    for file in files:
        try:
            tables.append(pq.read_table(file))
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{file} cannot be read as Parquet ({reason}); copy or download it again"
            ) from error
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise DataError(
            f"{files[0]} and {files[-1]} do not have the same columns; put only the files of "
            "one data set into a folder"
        ) from error
    wanted = (image_column, label_column, id_column)
    return _raw(table, prefix, wanted, classes, _class_names(table), files[0].parent)


def raw_from_hf(
    dataset: Any,
    prefix: str = "train/",
    image_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    classes: list[str] | None = None,
) -> Raw:
    """Read a ``datasets.Dataset``; encoded images stay encoded until they are needed."""
    if not isinstance(dataset, TableSet):
        raise DataError(
            f"expected a datasets.Dataset, got {type(dataset).__name__}; choose one split of "
            'a DatasetDict, e.g. dataset["train"]'
        )
    named = {
        name: list(kind.names) for name, kind in dataset.features.items() if hasattr(kind, "names")
    }
    table = dataset.with_format("arrow")[:]
    return _raw(table, prefix, (image_column, label_column, id_column), classes, named, None)


def _raw(
    table: pa.Table,
    prefix: str,
    wanted: tuple[str | None, str | None, str | None],
    classes: list[str] | None,
    named: dict[str, list[str]],
    folder: Path | None,
) -> Raw:
    image_column, label_column = _image_column(table, wanted[0]), _label_column(table, wanted[1])
    rows = [f"{prefix}{row}" for row in range(table.num_rows)]
    check_ids(rows, "the table")
    own, notes = _own_ids(table, wanted[2], prefix)
    ids = own or rows
    classes = classes or named.get(label_column)
    labels, classes = _labels(table[label_column], label_column, ids, classes)
    images = table[image_column]

    def decode(rows: Tensor, image_size: int | None) -> Tensor:
        names = [ids[row] for row in rows.tolist()]
        return decode_images(_encoded(images, rows, folder), names, image_size)

    columns = {
        name: table[name].to_pylist()
        for name in table.column_names
        if name not in {image_column, label_column} and not _is_bulky(table[name].type)
    }
    return Raw(ids, labels, decode, classes, columns, made_up_ids=own is None, notes=notes)


def _own_ids(
    table: pa.Table, wanted: str | None, prefix: str
) -> tuple[list[str] | None, tuple[str, ...]]:
    """The ids that the table brings, all different, None if it brings none; and notes."""
    names = table.column_names
    if wanted is not None:
        _check_column("id_column", wanted, names)
    column = wanted or next((name for name in names if name.lower() in _ID_NAMES), None)
    if column is None:
        return None, ()
    values = [text_of_name(value) for value in table[column].to_pylist()]
    ids = [value for value in values if value is not None]
    if len(ids) == len(values) == len(set(ids)):
        # Sets may number their samples alike; only the training set keeps the bare ids.
        return ids if prefix in ("train/", "") else [f"{prefix}{one}" for one in ids], ()
    row = _first_bad(values)
    what = "is empty" if values[row] is None else f"holds {values[row]!r} once more"
    if wanted is None:
        told = f"the column {column!r} gives no ids: row {row + 1} {what}"
        return None, (told,)
    raise DataError(
        f"expected different ids in column {column!r}, but row {row + 1} {what}; repair it, or "
        "name another column with data.arguments.id_column"
    )


def _first_bad(values: list[str | None]) -> int:
    """Of ids, the row of the first that is empty or was there before."""
    seen: set[str | None] = {None}
    for row, value in enumerate(values):
        if value in seen:
            return row
        seen.add(value)
    raise AssertionError("all are different")


def _encoded(images: pa.ChunkedArray, rows: Tensor, folder: Path | None) -> list[Encoded]:
    """The cells at ``rows``; chunk by chunk, since joined chunks can pass Arrow's 2 GiB."""
    found: list[Encoded] = [None] * len(rows)
    start = 0
    for chunk in images.chunks:
        inside = ((rows >= start) & (rows < start + len(chunk))).nonzero().flatten()
        cells = chunk.take(pa.array((rows[inside] - start).numpy())).to_pylist()
        for place, cell in zip(inside.tolist(), cells, strict=True):
            if isinstance(cell, dict):
                cell = cell.get("bytes") or _located(cell.get("path"), folder)  # noqa: PLW2901
            found[place] = cell
        start += len(chunk)
    return found


def _located(path: str | None, folder: Path | None) -> Path | None:
    return None if not path else Path(path) if folder is None else folder / path


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return {"bytes", "path"} <= {kind.field(place).name for place in range(kind.num_fields)}
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_bulky(kind: pa.DataType) -> bool:
    return _is_image(kind) or pa.types.is_nested(kind)


def _image_column(table: pa.Table, wanted: str | None) -> str:
    names = table.column_names
    images = [name for name in names if _is_image(table[name].type)]
    if wanted is not None:
        _check_column("image_column", wanted, names)
        if wanted not in images:
            raise DataError(
                f"expected image_column to hold encoded images ({{bytes, path}} or binary), "
                f"but {wanted!r} holds {table[wanted].type}; columns of images: {images}"
            )
        return wanted
    likely = [name for name in _IMAGE_NAMES if name in images] or images
    if not likely or (len(images) > 1 and likely == images):
        raise DataError(
            f"expected one column of images ({', '.join(_IMAGE_NAMES)}), found columns "
            f"{names}; name it with data.arguments.image_column"
        )
    return likely[0]


def _label_column(table: pa.Table, wanted: str | None) -> str:
    names = table.column_names
    if wanted is not None:
        _check_column("label_column", wanted, names)
        return wanted
    likely = next((name for name in _LABEL_NAMES if name in names), None)
    if likely is None:
        raise DataError(
            f"expected a column of labels ({', '.join(_LABEL_NAMES)}), found columns {names}; "
            "name it with data.arguments.label_column"
        )
    return likely


def _check_column(argument: str, wanted: str, names: list[str]) -> None:
    if wanted not in names:
        raise DataError(
            f"expected {argument} to be one of {', '.join(names)}; "
            f"got {wanted!r}{did_you_mean(wanted, names)}"
        )


def _labels(
    column: pa.ChunkedArray, name: str, ids: list[str], classes: list[str] | None
) -> tuple[Tensor, list[str] | None]:
    if pa.types.is_dictionary(column.type):  # categories, as pandas writes them
        column = column.cast(column.type.value_type)
    values = column.to_pylist()
    if None in values:
        raise DataError(f"{ids[values.index(None)]!r} has no label in column {name!r}")
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        classes = classes or sorted(set(values))
        places = {label: place for place, label in enumerate(classes)}
        strange = next((row for row, label in enumerate(values) if label not in places), None)
        if strange is not None:
            raise DataError(
                f"{ids[strange]!r} has the label {values[strange]!r}, which is none of the "
                f"classes {classes[:10]}{did_you_mean(values[strange], classes)}"
            )
        values = [places[label] for label in values]
    elif not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise DataError(
            f"expected column {name!r} to hold whole numbers or names of classes, found "
            f"{column.type}; name another with data.arguments.label_column"
        )
    strange = next((row for row, value in enumerate(values) if value >= _MOST_CLASSES), None)
    if strange is not None:
        raise DataError(
            f"{ids[strange]!r} has the label {values[strange]} in column {name!r}; expected the "
            "number of a class, or texts, which are taken for names of classes"
        )
    return torch.tensor([int(value) for value in values], dtype=torch.long), classes


def _class_names(table: pa.Table) -> dict[str, list[str]]:
    """Class names by column, from the metadata that Hugging Face writes into Parquet files."""
    try:
        text = (table.schema.metadata or {}).get(b"huggingface", b"{}")
        features = json.loads(text)["info"]["features"]
        named = {name: kind["names"] for name, kind in features.items() if "names" in kind}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # no such metadata, or of another version: labels then have no names
    return {name: names for name, names in named.items() if _are_texts(names)}


def _are_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)

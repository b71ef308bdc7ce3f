"""Requests that name what is to be forgotten: ids of samples, and values such as persons."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.capabilities import columns_of
from ...core.checks import did_you_mean
from ...core.errors import DataError
from ...core.schemas.record import Request
from ...core.schemas.request import ForgetSpec, GroupForget, IdForget
from ..bundle import Bundle
from ..names import text_of_name, whole_number
from .listed import read_list
from .mapping import read_mapping
from .names import SampleNames
from .sampling import sample_positions

_SHOWN = 5
_USES = {"test": "only tested on", "validation": "held out"}


@dataclass(frozen=True, eq=False)
class Selection:
    """What a request came to.

    Args:
        positions: Of the samples to forget in the training set, sorted int64 (K,).
        asked: Number of different names in the request; None where it names nothing.
        unknown: Of these, how many mean nothing in this data.
        outside: Of these, how many mean only samples that nobody trains on.
        repeated: How often a name came again.
    """

    positions: Tensor
    asked: int | None = None
    unknown: int | None = None
    outside: int | None = None
    repeated: int | None = None

    def as_request(self, spec: ForgetSpec) -> Request:
        """What a record says of it."""
        return Request(
            spec=spec.shown(),
            found=len(self.positions),
            asked=self.asked,
            unknown=self.unknown,
            outside=self.outside,
            repeated=self.repeated,
        )


def select_ids(bundle: Bundle, spec: IdForget) -> Selection:
    """The samples with these ids."""
    names = SampleNames(bundle)
    samples = None if spec.mapping is None else read_mapping(spec.mapping)

    def is_name(text: str) -> bool:
        return names.is_known(text) if samples is None else _value(text) in samples

    listed = spec.ids if spec.file is None else read_list(spec.file, spec.column, is_name)
    wanted, absent = _of_mapping(spec, samples, listed or [])
    found = Counter(_meant(names, samples, wanted))
    rows: list[int] = []
    unknown: list[str] = []
    outside: dict[str, list[str]] = {}
    for ids in found:
        if len(ids) == 1 and (row := names.rows.get(ids[0])) is not None:
            rows.append(row)  # nearly always, and lists are long
            continue
        inside = [names.rows[one] for one in ids if one in names.rows]
        held = [names.held[one] for one in ids if one in names.held]
        rows += inside
        if not inside:
            (outside.setdefault(held[0], []) if held else unknown).append(ids[0])
        elif spec.missing != "skip":  # of a mapping: some of its samples are not there
            unknown += [one for one in ids if not names.is_id(one)]
    if spec.missing != "skip":
        _refuse(names, unknown, outside)
    found.update({(name,): number for name, number in absent.items()})
    number = sum(len(one) for one in outside.values())
    return _selection(rows, found, len(unknown) + len(absent), number)


def _of_mapping(
    spec: IdForget, samples: Mapping[str, Sequence[str]] | None, wanted: Sequence[str | int]
) -> tuple[Sequence[str | int], Counter[str]]:
    """The names that a mapping explains, and how often each of the others comes.

    Raises:
        DataError: If there are others, and they are not to be skipped.
    """
    if samples is None:
        return wanted, Counter()
    keys = [_value(name) or str(name) for name in wanted]
    absent = Counter(key for key in keys if key not in samples)
    if absent and spec.missing != "skip":
        name = Path(str(spec.mapping)).name
        raise DataError(
            f"{_number(list(absent))} not in the column id of {name}: {_some(list(absent))}"
            f"{did_you_mean(next(iter(absent)), samples)}; add what they stand for, or set "
            'forget.missing = "skip" to forget the others'
        )
    return [key for key in keys if key in samples], absent


def _meant(
    names: SampleNames, samples: Mapping[str, Sequence[str]] | None, wanted: Sequence[str | int]
) -> list[tuple[str, ...]]:
    """The ids that each name stands for: one, but for a mapping."""
    if samples is None:
        return [(names.find(name),) for name in wanted]
    keys = [_value(name) or str(name) for name in wanted]
    return [tuple(names.find(one) for one in samples[key]) for key in keys]


def select_groups(bundle: Bundle, spec: GroupForget) -> Selection:
    """The samples whose value in a column is one of these."""
    rows = _rows_by_value(bundle.train, spec.column)
    if spec.values is None and spec.file is None:
        groups = sorted(rows)
        chosen = sample_positions(spec, len(groups), f"values of {spec.column}", name="groups")
        wanted = [groups[place] for place in chosen.tolist()]
        return _selection([row for value in wanted for row in rows[value]], Counter(wanted), 0, 0)
    held = {
        value: split
        for split in _USES
        if spec.column in columns_of(dataset := getattr(bundle, split))
        for value in _rows_by_value(dataset, spec.column)
    }
    listed: Sequence[str | int] = spec.values or []
    if spec.file is not None:
        usual = (spec.column.lower(), "id", "ids")
        listed = read_list(
            spec.file, spec.file_column,
            lambda text: _value(text) in rows or _value(text) in held,
            usual, option="forget.file_column",
        )  # fmt: skip
    found = Counter(_value(value) or str(value) for value in listed)
    missing = [value for value in found if value not in rows]
    outside = [value for value in missing if value in held]
    if missing and spec.missing != "skip":
        split = f"only in the {held[outside[0]]} set: " if len(outside) == len(missing) else ""
        raise DataError(
            f"no training sample has {split}{_some(missing)} in column {spec.column!r}"
            f"{did_you_mean(missing[0], rows)}; correct them, or set "
            'forget.missing = "skip" to forget the others'
        )
    chosen_rows = [row for value in found for row in rows.get(value, [])]
    return _selection(chosen_rows, found, len(missing) - len(outside), len(outside))


def _rows_by_value(dataset: Any, column: str) -> dict[str, list[int]]:
    """Rows of each value. An empty cell is none: such samples need have nothing in common."""
    columns = columns_of(dataset)
    if column not in columns:
        known = ", ".join(columns) or "none"
        raise DataError(
            f"expected forget.column to be a column of the data (there are: {known}); "
            f"got {column!r}{did_you_mean(column, columns)}"
        )
    rows = defaultdict(list)
    for row, value in enumerate(columns[column]):
        if (text := _value(value)) is not None:
            rows[text].append(row)
    return rows


def _value(value: Any) -> str | None:
    """A value as text; whole numbers alike however they are written, None for an empty cell."""
    text = str(value) if isinstance(value, bool) else text_of_name(value)
    return text and (whole_number(text) or text)


def _selection(rows: Sequence[int], found: Counter[Any], unknown: int, outside: int) -> Selection:
    positions = torch.tensor(sorted(set(rows)), dtype=torch.long)
    return Selection(positions, len(found), unknown, outside, found.total() - len(found))


def _refuse(names: SampleNames, unknown: list[str], outside: Mapping[str, list[str]]) -> None:
    """Say why these ids cannot be forgotten: held out, or not there at all."""
    for split, inside in outside.items():
        raise DataError(
            f"{_number(inside)} in the {split} set, {_USES[split]} and never trained on: "
            f"{_some(inside)}; there is nothing to forget there, leave them out, or set "
            'forget.missing = "skip"'
        )
    if unknown:
        known = list(names.rows)
        raise DataError(
            f"{_number(unknown)} not in this data: {_some(unknown)}; its {len(known)} training "
            f"ids run from {known[0]!r} to {known[-1]!r}{_folder_hint(names.root)}; correct "
            'them, or set forget.missing = "skip" to forget the others'
        )


def _folder_hint(root: Path | None) -> str:
    return "" if root is None else f" (paths from {root})"


def _number(names: Sequence[str]) -> str:
    return "1 id is" if len(names) == 1 else f"{len(names)} ids are"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    shown = ", ".join(repr(name if len(name) <= 60 else f"{name[:60]}…") for name in names[:_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown

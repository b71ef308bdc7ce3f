"""What to forget: from a request to positions in the training set."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...core.capabilities import IdentifiedSet, columns_of
from ...core.checks import did_you_mean
from ...core.errors import DataError
from ...core.schemas.request import (
    CanaryForget,
    ClassForget,
    ForgetSpec,
    GroupForget,
    IdForget,
    MemorisedForget,
    RandomForget,
    parse_request,
)
from ..bundle import Bundle, ids_of
from ..convert import read_labels
from .canaries import canaries_of
from .id_file import read_ids
from .sampling import sample_positions
from .scores import most_memorised

_SHOWN = 5


def select_forget(bundle: Bundle, request: ForgetSpec | Mapping[str, Any]) -> Tensor:
    """Positions in ``bundle.train`` that a request names, sorted int64 (K,).

    ==================  ============================================  ==========================
    kind                keys                                          which samples
    ==================  ============================================  ==========================
    ``random``          ``fraction`` or ``count``, ``seed`` (0)       a seeded choice, the same on
                                                                      every machine
    ``classes``         ``classes``: names or numbers                 all of these classes
    ``classes``         ``fraction`` or ``count``, ``seed`` (0)       all of so many of the classes
                                                                      that occur, drawn by the seed
    ``groups``          ``column``, ``values``                        all whose value in the column
                                                                      is one of these, e.g. a person
    ``groups``          ``column``, ``fraction`` or ``count``,        all of so many of the values
                        ``seed`` (0)                                  in the column, drawn likewise;
                                                                      empty cells form no group
    ``ids``             ``ids``, or ``file`` (and ``column``)         exactly these; 7 is short for
                                                                      ``train/7``
    ``most-memorised``  ``scores``: a table of id and score,          the highest scores; ties
                        ``fraction`` or ``count``                     by id
    ``canaries``        none                                          those that were planted with
                                                                      wrong labels
    ==================  ============================================  ==========================

    A fraction is a share of what is drawn: of the samples, the classes or the values. The
    number of samples in a draw of classes or groups therefore depends on the seed. Classes go
    by the labels that models are trained with, those of planted canaries too.

    Args:
        bundle: The data; ``train`` is what is chosen from.
        request: A ``ForgetSpec``, or a mapping that is one when it has been checked.

    Raises:
        InputError: If the request is malformed.
        DataError: If it names what is not there, nothing, or the whole training set.
    """
    spec = parse_request(request)
    chosen = _CHOOSE[type(spec)](bundle, spec)
    if len(chosen) == 0:
        raise DataError("the forget set is empty: name at least one sample to forget")
    if len(chosen) == len(bundle.train):
        raise DataError(
            f"the forget set is the whole training set ({len(chosen)} samples), so nothing is "
            "left to retain; forget fewer samples, or delete the model instead"
        )
    return chosen.sort().values


def request_digest(ids: Sequence[str], salt: str) -> str:
    """SHA-256 (hex) that commits to a set of ids without showing them.

    Each id is hashed with the salt first, so neither order nor any joining character
    matters; without the salt nobody can test whether an id is among them.

    Args:
        ids: The ids to forget.
        salt: A secret text, kept by whoever has to prove the request later.
    """
    digest = hashlib.sha256()
    key = hashlib.sha256(salt.encode()).digest()
    for name in sorted(ids):
        digest.update(hashlib.sha256(key + name.encode()).digest())
    return digest.hexdigest()


def _random(bundle: Bundle, spec: RandomForget) -> Tensor:
    return sample_positions(spec, len(bundle.train), "training samples", name="random")


def _classes(bundle: Bundle, spec: ClassForget) -> Tensor:
    labels = read_labels(bundle.train).cpu()
    if spec.classes is None:
        present = labels.unique()
        numbers = present[sample_positions(spec, len(present), "classes", name="classes")]
        return torch.isin(labels, numbers).nonzero().flatten()
    listed = [_class_number(bundle, word) for word in spec.classes]
    for number, word in zip(listed, spec.classes, strict=True):
        if not bool((labels == number).any()):
            raise DataError(f"there is no training sample of class {word!r}; nothing to forget")
    return torch.isin(labels, torch.tensor(listed)).nonzero().flatten()


def _class_number(bundle: Bundle, word: str | int) -> int:
    names = bundle.classes or []
    if isinstance(word, str) and word in names:
        return names.index(word)
    number = int(word) if isinstance(word, str) and word.isdecimal() else word
    if isinstance(number, int) and 0 <= number < bundle.num_classes:
        return number
    known = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    hint = did_you_mean(word, names) if isinstance(word, str) else ""
    if isinstance(word, int) and str(word) in names:
        hint = f'; the class of that name is written "{word}"'
    raise DataError(
        f"expected classes by number (0 to {bundle.num_classes - 1})"
        + (f" or name ({known})" if names else "")
        + f"; got {word!r}{hint}"
    )


def _groups(bundle: Bundle, spec: GroupForget) -> Tensor:
    columns = columns_of(bundle.train)
    column = spec.column
    if column not in columns:
        known = ", ".join(columns) or "none"
        raise DataError(
            f"expected forget.column to be a column of the data (there are: {known}); "
            f"got {column!r}{did_you_mean(column, columns)}"
        )
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(columns[column]):
        rows.setdefault(str(value), []).append(row)
    wanted: Sequence[str | int]
    if spec.values is None:
        # An empty cell makes no group: those samples need not have anything in common.
        groups = sorted({str(value) for value in columns[column] if not _is_empty(value)})
        chosen = sample_positions(spec, len(groups), f"values of {column}", name="groups")
        wanted = [groups[index] for index in chosen.tolist()]
    else:
        wanted = spec.values
    missing = [value for value in wanted if str(value) not in rows]
    if missing:
        raise DataError(
            f"no training sample has {_some(missing)} in column {column!r}"
            f"{did_you_mean(str(missing[0]), rows)}"
        )
    return torch.tensor(sorted({row for value in wanted for row in rows[str(value)]}))


def _ids(bundle: Bundle, spec: IdForget) -> Tensor:
    rows = {name: row for row, name in enumerate(ids_of(bundle.train))}
    wanted: Sequence[str | int] = (
        spec.ids
        if spec.file is None
        else read_ids(spec.file, spec.column, lambda cell: _full(cell, rows) in rows)
    ) or []
    names = [_full(name, rows) for name in wanted]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise DataError(f"ids occur twice in the forget request: {_some(twice)}; list each once")
    missing = [name for name in names if name not in rows]
    if missing:
        raise _missing(bundle, missing, list(rows))
    return torch.tensor([rows[name] for name in names], dtype=torch.long)


def _missing(bundle: Bundle, missing: list[str], known: list[str]) -> DataError:
    """Say why these ids cannot be forgotten: held out, or not there at all."""
    for name, use in (("test", "only tested on"), ("validation", "held out")):
        dataset = getattr(bundle, name)
        held = set() if dataset is None else set(_held_ids(dataset, name))
        inside = [word for word in missing if word in held]
        if inside:
            return DataError(
                f"{_number(inside)} in the {name} set, {use} and never trained on: "
                f"{_some(inside)}; there is nothing to forget there, leave them out"
            )
    return DataError(
        f"{_number(missing)} not in this data: {_some(missing)}; its {len(known)} training ids "
        f"run from {known[0]!r} to {known[-1]!r}"
    )


def _held_ids(dataset: Any, name: str) -> list[str]:
    if isinstance(dataset, IdentifiedSet):
        return ids_of(dataset)
    return [f"{name}/{row}" for row in range(len(dataset))]


def _full(name: str | int, known: Mapping[str, int]) -> str:
    """The id in full: a number, or its digits, is short for a row of the training file."""
    text = str(name).strip()
    return f"train/{int(text)}" if text not in known and text.isdecimal() else text


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(names: Sequence[str]) -> str:
    return "1 id is" if len(names) == 1 else f"{len(names)} ids are"


def _some(names: Sequence[Any]) -> str:
    rest = len(names) - _SHOWN
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown


_CHOOSE: dict[type[ForgetSpec], Callable[[Bundle, Any], Tensor]] = {
    RandomForget: _random,
    ClassForget: _classes,
    GroupForget: _groups,
    IdForget: _ids,
    MemorisedForget: most_memorised,
    CanaryForget: canaries_of,
}

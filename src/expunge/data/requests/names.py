"""Which sample a name means: ids, rows, paths, and names of a mapping."""

import posixpath
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.capabilities import IdentifiedSet
from ...core.errors import DataError
from ..bundle import Bundle, ids_of
from ..names import whole_number

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class SampleNames:
    """The ids of all sets of a bundle, and the other ways in which people write them.

    A number is short for a row of the training file where these rows are what the data are
    known by; it is refused where ids were only made up from rows, since there a number may as
    well be the key of somebody's database. Paths count from the folder of the images, in any
    common form; a name without folders or ending counts if only one image is called so.

    Args:
        bundle: The data.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.rows = {name: row for row, name in enumerate(ids_of(bundle.train))}
        self.root = bundle.root
        self.made_up = bundle.made_up_ids or not isinstance(bundle.train, IdentifiedSet)
        self._sets = {VALIDATION: bundle.validation, TEST: bundle.test}

    @cached_property
    def held(self) -> dict[str, str]:
        """The set, ``"validation"`` or ``"test"``, of each id that nobody trains on."""
        return {
            name: split
            for split, dataset in self._sets.items()
            if dataset is not None
            for name in _held_ids(dataset, split)
        }

    def is_known(self, name: str) -> bool:
        """Whether a name means something here, be it held out."""
        return bool(name) and any(self.is_id(found) for found in self.meanings(name))

    def is_id(self, name: str) -> bool:
        """Whether this is an id, of whichever set."""
        return name in self.rows or name in self.held

    def find(self, name: str | int) -> str:
        """The id that a name means, or what it would be if it were one.

        Raises:
            DataError: If it may mean several samples, or a number may be no row.
        """
        text = str(name).strip()
        if text in self.rows:
            return text
        found = self.meanings(text)
        if len(found) > 1:
            shown = ", ".join(repr(one) for one in found[:5])
            raise DataError(
                f"{_cut(text)} could be any of {len(found)} samples, such as {shown}; write the "
                "path from the folder of the data"
            )
        if found:
            return found[0]
        number = whole_number(text)
        if number is not None and self.made_up:
            raise DataError(
                f"{text} could be a row of the training file or a key of your own: this data "
                f"has no ids. Write 'train/{number}' for the row; for a key, name its column "
                "with data.arguments.id_column, or give forget.mapping, a table of id and sample"
            )
        return text

    def meanings(self, text: str) -> list[str]:
        """The ids that a name may mean; of a number, the row, whether there is one or not."""
        if self.is_id(text):
            return [text]
        number = whole_number(text)
        if number is not None:
            if self.is_id(number):
                return [number]
            if self.root is None:
                return [] if self.made_up else [f"train/{number}"]
        return self._paths(text) if self.root is not None else []

    def _paths(self, text: str) -> list[str]:
        path = posixpath.normpath(text.replace("\\", "/"))  # ./cat//0.png is cat/0.png
        if ".." in path.split("/"):
            return []
        for start in self._starts:
            if path.startswith(start) and self.is_id(path[len(start) :]):
                return [path[len(start) :]]
        if path.startswith("/"):
            return []
        return [path] if self.is_id(path) else self._short.get(path, [])

    @cached_property
    def _starts(self) -> list[str]:
        """What may stand before an id: the folder, in full and as it was given."""
        assert self.root is not None  # asked for paths only
        given = Path(self.root)
        forms = (given, given.absolute(), given.resolve(), Path(given.resolve().name))
        return [f"{one.as_posix()}/" for one in forms if one.parts]

    @cached_property
    def _short(self) -> dict[str, list[str]]:
        """Ids by each of their shorter forms: without leading folders, with or without ending."""
        found = defaultdict(list)
        for name in (*self.rows, *self.held):
            short, bare = name, posixpath.splitext(name)[0]
            while True:
                found[short].append(name)
                if bare != short:
                    found[bare].append(name)
                folder, slash, short = short.partition("/")
                if not slash:
                    break
                bare = bare[len(folder) + 1 :]
        return found


def _held_ids(dataset: Any, name: str) -> list[str]:
    if isinstance(dataset, IdentifiedSet):
        return ids_of(dataset)
    return [f"{name}/{row}" for row in range(len(dataset))]


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")

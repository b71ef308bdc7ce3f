"""Methods of other packages, which announce them by an entry point."""

import dataclasses
import re
import warnings
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from ...core.method import Method

GROUP = "expunge.methods"


def plugins(known: Mapping[str, type[Method]]) -> dict[str, type[Method]]:
    """Methods that installed packages add, by their command-line names.

    A package announces a class in its ``pyproject.toml``::

        [project.entry-points."expunge.methods"]
        my-method = "my_package:MyMethod"

    One that cannot be used is left out with a warning that names the package, so that a
    defect there takes nothing away from others.

    Args:
        known: The methods that are there already; their names cannot be taken.
    """
    return load(entry_points(group=GROUP), known)


def load(
    points: Iterable[EntryPoint], known: Mapping[str, type[Method]]
) -> dict[str, type[Method]]:
    """The classes behind entry points; see ``plugins``."""
    found: dict[str, type[Method]] = {}
    for point in points:
        try:
            cls = point.load()
            problem = _problem(point.name, cls, {**known, **found})
        except Exception as error:  # a foreign package may raise anything
            problem = f"{type(error).__name__}: {error}"
        if problem is None:
            found[point.name] = cls
        else:
            package = point.dist.name if point.dist else point.value
            warnings.warn(
                f"the method {point.name!r} of the package {package} is left out: {problem}",
                stacklevel=2,
            )
    return found


def _problem(name: str, cls: object, known: Mapping[str, type[Method]]) -> str | None:
    """Why a class is no usable method, or None."""
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        return f"expected a dataclass, got {cls!r}"
    if absent := [part for part in ("name", "reads", "reference") if not hasattr(cls, part)]:
        return f"it lacks the class attribute {absent[0]}"
    if not any("__call__" in vars(base) for base in cls.__mro__):
        return "it cannot be called with (model, task, data, run)"
    own = getattr(cls, "name", None)
    if own != name or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        return f"expected its name {own!r} to be that of its entry point, in kebab case"
    if name in known:
        return "there is a method of that name already"
    return None

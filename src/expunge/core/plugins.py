"""What other packages add to a registry: they announce it by an entry point."""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

Check = Callable[[str, Any], str | None]
"""Says why an object cannot be used under a name, or None."""


def plugins(kind: str, known: Mapping[str, Any], check: Check) -> dict[str, Any]:
    """What installed packages add to the registry ``known`` of one kind, by name.

    A package announces an object in its ``pyproject.toml``; for the kind ``"method"``::

        [project.entry-points."expunge.methods"]
        my-method = "my_package:MyMethod"

    One that cannot be used is left out with a warning that names the package, so that a
    defect there takes nothing away from others.

    Args:
        kind: ``"method"`` or ``"metric"``; the group of entry points is its plural.
        known: What is there already; these names cannot be taken.
        check: Looks at each object before it is taken.
    """
    return load(entry_points(group=f"expunge.{kind}s"), kind, known, check)


def load(
    points: Iterable[EntryPoint], kind: str, known: Mapping[str, Any], check: Check
) -> dict[str, Any]:
    """The objects behind entry points; see ``plugins``."""
    found: dict[str, Any] = {}
    for point in points:
        try:
            made = point.load()
            problem = check(point.name, made)
        except Exception as error:  # a foreign package may raise anything
            problem = f"{type(error).__name__}: {error}"
        if point.name in known or point.name in found:
            problem = f"there is a {kind} of that name already"
        if problem is None:
            found[point.name] = made
        else:
            package = point.dist.name if point.dist else point.value
            warnings.warn(
                f"the {kind} {point.name!r} of the package {package} is left out: {problem}",
                stacklevel=2,
            )
    return found


def misnamed(name: str, own: object, form: str, words: str) -> str | None:
    """Why an object's ``own`` name does not do for the entry point ``name``, or None.

    ``form`` is the pattern of names of its kind, and ``words`` says it.
    """
    if own == name and re.fullmatch(form, name):
        return None
    return f"expected its name {own!r} to be that of its entry point, in {words}"

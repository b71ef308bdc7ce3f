"""Values as requests hold them: those of Python, whatever they came as."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any


def plain(values: Any) -> Any:
    """A tuple, array or series as a list of Python's own numbers and texts."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        return values
    return [
        int(one) if isinstance(one, Integral) and not isinstance(one, bool) else one
        for one in values
    ]


def text_of(path: Any) -> Any:
    """A path as text; anything else as it is."""
    return str(path) if isinstance(path, Path) else path


def leaves_some(fraction: float) -> float:
    """A share of the training set that is not all of it."""
    if fraction >= 1:
        raise ValueError(
            f"expected a share below 1, got {fraction:g}: that is the whole training "
            "set, so nothing would be left to retain; delete the model instead, or forget fewer"
        )
    return fraction

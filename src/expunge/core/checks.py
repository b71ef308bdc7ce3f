"""One-line checks whose messages name the argument (or package), the value and the fix."""

import difflib
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from .errors import InputError


def check_positive(**values: float | None) -> None:
    """Raise unless every value is > 0 and finite (``None`` is passed over)."""
    for name, value in values.items():
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"expected {name} > 0, got {value!r}")


def check_not_negative(**values: float | None) -> None:
    """Raise unless every value is >= 0 and finite (``None`` is passed over)."""
    for name, value in values.items():
        if value is not None and not 0 <= value < float("inf"):
            raise InputError(f"expected {name} >= 0, got {value!r}")


def check_share(**values: float | None) -> None:
    """Raise unless every value lies strictly between 0 and 1."""
    for name, value in values.items():
        if value is not None and not 0 < value < 1:
            raise InputError(
                f"expected {name} to be a share between 0 and 1 (both excluded), "
                f"got {value!r}; 3 % is written 0.03"
            )


def check_choice(choices: Iterable[str], **values: str | None) -> None:
    """Raise unless every value is one of ``choices``, and suggest the nearest."""
    known = list(choices)
    for name, value in values.items():
        if value is not None and value not in known:
            raise InputError(
                f"expected {name} to be one of {', '.join(known)}; "
                f"got {value!r}{did_you_mean(value, known)}"
            )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, or an empty text."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def require(package: str, extra: str, purpose: str, error: type[InputError] = InputError) -> Any:
    """Import a package, or say what to install.

    Args:
        package: As it is imported; may name a module inside.
        extra: Of expunge, which brings it.
        purpose: What needs it, as the beginning of a sentence.
        error: What to raise.

    Raises:
        InputError: Or ``error``, if it cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as missing:
        raise error(
            f"{purpose} needs {package}, which cannot be imported ({missing}); "
            f'run: pip install "expunge[{extra}]"'
        ) from missing

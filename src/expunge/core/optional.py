"""Packages that only some uses need."""

from importlib import import_module
from typing import Any

from .errors import InputError


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

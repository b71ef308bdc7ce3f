"""The optional packages of diffusion models: imported with a remedy, kept quiet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...core import checks


def require(package: str) -> Any:
    """Import a package of the extra ``diffusion``.

    Raises:
        InputError: If it is missing; says how to install it.
    """
    return checks.require(package, "diffusion", "text-to-image")


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, transformers and diffusers show no bars; they would break up those of a command."""
    kinds = [require("transformers").utils.logging, require("diffusers").utils.logging]
    shown = [logs for logs in kinds if logs.is_progress_bar_enabled()]
    for logs in shown:
        logs.disable_progress_bar()
    try:
        yield
    finally:
        for logs in shown:
            logs.enable_progress_bar()

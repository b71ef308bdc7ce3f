"""What all pages share: the template engine, the package's own files, writing."""

from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from expunge.core.arguments import path_of
from expunge.core.errors import InputError
from expunge.core.storage.files import write_whole

PACKAGE = "expunge.reporting"


@cache
def environment() -> Environment:
    """The templates of all pages; text is escaped and a gap is an error."""
    return Environment(
        loader=PackageLoader(PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def own_files(*names: str) -> Markup:
    """Style sheets or scripts of this package, one after the other, as they are."""
    folder = resources.files(PACKAGE) / "templates"
    texts = [(folder / name).read_text(encoding="utf-8") for name in names]
    return Markup("".join(texts))  # noqa: S704  our own files


def check_page(path: str | Path) -> None:
    """Raise unless a page would be written to a file of pages, and over nothing else.

    Raises:
        InputError: If the name does not end in .html.
    """
    if path_of(path, "the page").suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected the name of a page to end in .html, got {path}")


def write_page(text: str, path: str | Path) -> None:
    """Write a page, whole or not at all.

    Raises:
        InputError: If the folder cannot be written or the disk is full.
    """
    write_whole(path, text)

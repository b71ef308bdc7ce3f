"""What all pages share: the template engine, the package's own files, writing."""

from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from expunge.core.checkpoint import write_whole

REPORT = "expunge.report"


@cache
def environment(package: str = REPORT) -> Environment:
    """Templates of a package, and of the report, where text is escaped and a gap is an error."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in (package, REPORT)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def own_files(*names: str, package: str = REPORT) -> Markup:
    """Style sheets or scripts of a package of ours, one after the other, as they are."""
    folder = resources.files(package) / "templates"
    texts = [(folder / name).read_text(encoding="utf-8") for name in names]
    return Markup("".join(texts))  # noqa: S704  our own files


def write_page(text: str, path: str | Path) -> None:
    """Write a page, whole or not at all.

    Raises:
        InputError: If the folder cannot be written or the disk is full.
    """
    write_whole(path, text)

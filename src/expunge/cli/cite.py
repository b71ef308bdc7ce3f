"""``expunge cite``."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

import expunge

if TYPE_CHECKING:
    from expunge.core import Reference

NEEDS_ARGUMENTS = False


def command(
    method: Annotated[
        str | None, typer.Argument(metavar="[METHOD]", help="A name; all methods if absent.")
    ] = None,
) -> None:
    """Print the BibTeX entry of a method, or of all.

    Example: expunge cite scissorhands
    """
    known = expunge.METHODS
    if method is not None:
        from expunge.core.checks import check_choice  # noqa: PLC0415  a slow import

        check_choice(known, method=method)
    names = list(known) if method is None else [method]
    print("\n\n".join(bibtex(known[name].reference) for name in names))


def bibtex(reference: "Reference") -> str:
    """One entry; its key is the first author's family name and the year."""
    authors = [name.strip() for name in reference.authors.split(",")]
    others = authors[-1].endswith(" et al.")
    authors[-1] = authors[-1].removesuffix(" et al.")
    family = re.sub(r"\W", "", authors[0].split()[-1]).lower()
    written = " and ".join([*authors, *(["others"] if others else [])])
    return (
        f"@inproceedings{{{family}{reference.year},\n"
        f"  author = {{{written}}},\n"
        f"  title = {{{{{reference.title}}}}},\n"
        f"  booktitle = {{{reference.venue}}},\n"
        f"  year = {{{reference.year}}},\n"
        f"  url = {{{reference.url}}},\n"
        "}"
    )

"""The files that a bench leaves beside its store."""

from pathlib import Path

from ...core.schemas.results import Bench
from ..templating import write_page
from .concepts import concept_tables
from .leaderboard import leaderboard
from .rows import is_of_generators
from .tables import latex, markdown

RESULTS, MARKDOWN, LATEX, LEADERBOARD = "bench.json", "table.md", "table.tex", "leaderboard.html"


def write_results(bench: Bench, out: Path) -> None:
    """Write ``bench.json`` and the tables in text; quick enough for after every result.

    Raises:
        InputError: If the folder cannot be written.
    """
    bench.save(out / RESULTS)
    if is_of_generators(bench):
        write_page(concept_tables(bench), out / MARKDOWN)
        return
    write_page(markdown(bench), out / MARKDOWN)
    write_page(latex(bench), out / LATEX)


def write_pages(bench: Bench, out: Path) -> None:
    """Write everything that is rendered from a bench; takes a second for the leaderboard.

    Raises:
        InputError: If the folder cannot be written.
    """
    write_results(bench, out)
    leaderboard(bench, out / LEADERBOARD)

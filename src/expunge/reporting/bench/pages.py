"""The files that a bench leaves beside its store."""

from pathlib import Path

from ...core.schemas.results import Bench
from ..templating import write_page
from .concepts import concept_tables
from .gap_plot import gap_plot
from .leaderboard import leaderboard
from .rows import is_of_generators, sections
from .tables import latex, markdown

RESULTS, MARKDOWN, LATEX, LEADERBOARD = "bench.json", "table.md", "table.tex", "leaderboard.html"
PLOT = "gap.svg"


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
    if is_of_generators(bench):
        return
    plots = [plot for one in sections(bench) if (plot := gap_plot(one, key=True)) is not None]
    for number, plot in enumerate(plots, start=1):
        write_page(plot, out / (PLOT if len(plots) == 1 else f"gap-{number}.svg"))

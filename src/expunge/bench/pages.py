"""The files that a bench leaves beside its store."""

from pathlib import Path

from .result import Bench

RESULTS = "bench.json"


def write_pages(bench: Bench, out: Path) -> None:
    """Write ``bench.json`` and everything that is rendered from it.

    Raises:
        InputError: If the folder cannot be written.
    """
    bench.save(out / RESULTS)

"""``expunge report``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

NEEDS_ARGUMENTS = True


def command(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record.json of a run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="report.html beside it by default."),
    ] = None,
) -> None:
    """Write the report on a run again, from its record alone.

    Example: expunge report runs/demo/record.json --out report.html
    """
    path = out if out is not None else record.parent / "report.html"
    expunge.report(expunge.Record.load(record), path)
    print(f"Report: {path}")

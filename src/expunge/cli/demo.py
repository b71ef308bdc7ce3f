"""``expunge demo``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

from . import show
from .errors import COMMAND
from .options import Json, Overrides, Resume
from .progress import progress

NEEDS_ARGUMENTS = False


def command(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where results go.")
    ] = Path("runs/demo"),
    overrides: Overrides = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a small net on real images, forget a tenth of them, and compare with retraining.

    Takes a minute or so on two cores, and needs no network.

    Example: expunge demo
    """
    with progress() as listen:
        record = expunge.demo(
            out, resume=resume, on_log=listen, command=COMMAND.get(), overrides=overrides or []
        )
    if json:
        print(record.to_json(), end="")
    else:
        show.summary(record, out)

"""``expunge demo``."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import expunge

from .shared import show
from .shared.errors import COMMAND
from .shared.options import Json, Overrides, Resume, Track
from .shared.progress import followed

NEEDS_ARGUMENTS = False


class DemoTask(StrEnum):
    """What the demonstration's model does."""

    CLASSIFICATION = "classification"
    TEXT_TO_IMAGE = "text-to-image"


def command(
    task: Annotated[
        DemoTask, typer.Option(help="What the net does: classify digits, or draw them from words.")
    ] = DemoTask.CLASSIFICATION,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="runs/demo, or runs/demo-TASK."),
    ] = None,
    overrides: Overrides = None,
    resume: Resume = False,
    track: Track = None,
    json: Json = False,
) -> None:
    """Train a small net on real images, forget a tenth of them, and compare with retraining.

    Takes a minute or so on two cores (drawing: some minutes), and needs no network.

    Example: expunge demo --task text-to-image
    """
    draws = task is DemoTask.TEXT_TO_IMAGE
    out = out or Path(f"runs/demo-{task.value}" if draws else "runs/demo")
    if draws and overrides:
        raise expunge.InputError(
            f"--set does not apply to --task {task.value}, which has no config"
        )
    with followed(track, out) as (listen, finish):
        run = (
            expunge.text_to_image_demo
            if draws
            else partial(expunge.demo, overrides=overrides or [])
        )
        record = run(out, resume=resume, on_log=listen, command=COMMAND.get())
        finish(record)
    if json:
        print(record.to_json(), end="")
    else:
        show.summary(record, out)

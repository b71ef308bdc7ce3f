"""``expunge memorisation``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

from .shared import show
from .shared.options import CheckpointSeconds, ConfigPath, Json, Overrides, Resume
from .shared.progress import progress

NEEDS_ARGUMENTS = True


def command(
    config: ConfigPath,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="A .parquet or .csv to write.")
    ],
    models: Annotated[
        int, typer.Option(help="How many to train on halves of the data; an even number.")
    ] = 4,
    store: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Keeps what each model says of every sample."),
    ] = Path("runs/store"),
    overrides: Overrides = None,
    resume: Resume = False,
    checkpoint_seconds: CheckpointSeconds = 20.0,
    json: Json = False,
) -> None:
    """Measure how much the net of CONFIG memorises each training sample.

    Trains models on random halves of the training set. The file that it writes serves
    forget = { kind = "most-memorised", scores = FILE, fraction = 0.1 }.

    Example: expunge memorisation configs/cifar10-random10.toml --models 8 --out scores.parquet
    """
    request = expunge.load_config(config, overrides or [])
    with progress() as listen:
        found = expunge.measure_memorisation(
            request,
            out,
            models=models,
            store=store,
            resume=resume,
            on_log=listen,
            checkpoint_seconds=checkpoint_seconds,
        )
    if json:
        show.as_json(found)
        return
    print(f"Samples: {found['samples']}, by {found['models']} models")
    quantiles = ", ".join(
        f"{100 * float(level):g} % below {value:.3f}" for level, value in found["quantiles"].items()
    )
    print(f"Scores:  mean {found['mean']:.3f}; {quantiles}")
    print(f"File:    {found['file']}")

"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one key of the config, e.g. method.trim=0.05; may be repeated.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Where results go; runs/NAME by default."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a stopped run left off.")]
CheckpointSeconds = Annotated[
    float,
    typer.Option("--checkpoint-seconds", min=0, help="Least time between two checkpoints."),
]


def output_folder(out: Path | None, config: Path) -> Path:
    """The folder asked for, or ``runs/`` and the name of the config."""
    return out if out is not None else Path("runs") / config.stem

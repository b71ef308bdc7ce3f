"""Arguments that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import expunge

if TYPE_CHECKING:
    from expunge.config import Config

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file.")]
OptionalConfig = Annotated[Path | None, typer.Argument(metavar="CONFIG", help="A TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one key of the config, e.g. method.trim=0.05; may be repeated.",
    ),
]


def _named(text: str) -> Path:
    if not text:
        raise typer.BadParameter("expected the name of a folder, got an empty one")
    return Path(text)


Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FOLDER", parser=_named,
        help="Where results go; runs/NAME by default.",
    ),
]  # fmt: skip
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only forecast what it will cost, from trials of seconds."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a stopped run left off.")]
CheckpointSeconds = Annotated[
    float,
    typer.Option("--checkpoint-seconds", min=0, help="Least time between two checkpoints."),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME",
        help="Follow in mlflow, tensorboard, trackio or wandb; may be repeated.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="NAME", help="A net, or package.module:factory."),
]
Weights = Annotated[
    Path | None, typer.Option("--weights", "-w", metavar="FILE", help="Its trained weights.")
]
Data = Annotated[
    str | None,
    typer.Option("--data", "-d", metavar="DATA", help="A folder, a source, or a factory."),
]
Forget = Annotated[
    Path | None, typer.Option("--forget", "-f", metavar="FILE", help="Lists what to forget.")
]
Users = Annotated[
    str | None,
    typer.Option("--users", metavar="COLUMN", help="The list names persons, told by this column."),
]


def from_options(
    model: str | None,
    weights: Path | None,
    data: str | None,
    forget: Path | None,
    users: str | None,
) -> dict[str, Any]:
    """The tables of a config from the options that stand for one.

    Raises:
        InputError: If one is missing, or names what is not there.
    """
    given = {"--model": model, "--data": data, "--forget": forget}
    if missing := [name for name, value in given.items() if value is None]:
        raise expunge.InputError(
            "expected a CONFIG, or --model, --data and --forget in its place; add "
            f"{', '.join(missing)}"
        )
    from expunge.config.starter import starter_table  # noqa: PLC0415  (--help needs no config)
    from expunge.data import SOURCES  # noqa: PLC0415  (likewise)

    return starter_table(
        data=str(data), forget=str(forget), model=str(model), users=users, known=tuple(SOURCES),
        weights=None if weights is None else str(weights),
    )  # fmt: skip


def load_request(config: Path | None, options: Any, overrides: list[str] | None) -> "Config":
    """The config of a file, or of the options that stand for one.

    Raises:
        InputError: If both are given, or one is wrong.
    """
    if config is None:
        from expunge.config import parse_config  # noqa: PLC0415  (--help needs no config)

        return parse_config(from_options(*options), overrides or [])
    if any(option is not None for option in options):
        raise expunge.InputError(
            f"expected either a CONFIG or --model, --weights, --data, --forget and --users, got "
            f"{config} and some of these; change the config, or use --set"
        )
    return expunge.load_config(config, overrides or [])


def output_folder(out: Path | None, config: Path | None) -> Path:
    """The folder asked for, or ``runs/`` and the name of the config."""
    return out if out is not None else Path("runs") / ("unlearn" if config is None else config.stem)

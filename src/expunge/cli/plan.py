"""``expunge plan``."""

import sys
from typing import Annotated, Any

import typer

import expunge

from .shared import show
from .shared.options import ConfigPath, Json, Overrides

NEEDS_ARGUMENTS = True


def command(
    config: ConfigPath,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=1, help="About how long to try; more is surer.")
    ] = 10.0,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Try the parts of a run for some seconds, and forecast time and memory of the whole.

    Example: expunge plan configs/cifar10-random10.toml
    """
    print(f"Trying {config} for about {seconds:g} s …", file=sys.stderr, flush=True)
    found = expunge.forecast(expunge.load_config(config, overrides or []), seconds=seconds)
    if json:
        show.as_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    rows = [[part, _time(value)] for part, value in found["seconds"].items()]
    show.table(rows, ["part", "time"])
    if found["passes"] is not None:
        print(f"\nTraining takes {found['passes']:g} passes over the training set.")
    if found["peak_megabytes"] is not None:
        print(f"Memory: {found['peak_megabytes']:,} MB at the peak of the trials.")
    print(found["advice"])


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"

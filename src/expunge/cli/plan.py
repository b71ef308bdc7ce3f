"""``expunge plan``."""

import sys
from pathlib import Path
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

    CONFIG may be that of a run, of a bench or of expunge erase; nothing is written.

    Example: expunge plan configs/cifar10-random10.toml
    """
    print(f"Trying {config} for about {seconds:g} s …", file=sys.stderr, flush=True)
    show.forecast(_forecast(config, overrides or [], seconds), json)


def _forecast(path: Path, overrides: list[str], seconds: float) -> dict[str, Any]:
    from expunge.config import read_toml  # noqa: PLC0415  (--help needs no config)

    table = read_toml(path)
    if "seeds" in table:
        return expunge.forecast_bench(expunge.load_bench(path, overrides), seconds=seconds)
    if "forget" in table:
        request = expunge.load_erase(path, overrides=overrides)
        return expunge.forecast(request, seconds=seconds)
    return expunge.forecast(expunge.load_config(path, overrides), seconds=seconds)

"""``expunge init``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

from .shared.options import Data, Forget, Model, Users, Weights, from_options

NEEDS_ARGUMENTS = True


def command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The file to write.")],
    model: Model = None,
    weights: Weights = None,
    data: Data = None,
    forget: Forget = None,
    users: Users = None,
) -> None:
    """Write a commented CONFIG for a model, its weights, data and a list of what to forget.

    Example: expunge init pets.toml -m mynet:build -w net.pt -d pets -f ids.csv
    """
    if config.exists():
        raise expunge.InputError(f"{config} is there already; name another file, or delete it")
    from expunge.config.starter import starter_text  # noqa: PLC0415  (--help needs no config)
    from expunge.core.storage.files import write_whole  # noqa: PLC0415  (likewise)

    text = starter_text(from_options(model, weights, data, forget, users), str(config))
    write_whole(config, text)
    print(f"Wrote {config}. Next: expunge check {config}")

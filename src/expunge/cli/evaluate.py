"""``expunge evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

from .shared import show
from .shared.options import ConfigPath, Json, Overrides

NEEDS_ARGUMENTS = True


def command(
    config: ConfigPath,
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A .safetensors, .pt, .pth or .th file.")
    ],
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Score any weights on the forget, retain and test set of CONFIG.

    Example: expunge evaluate configs/cifar10-class.toml runs/cifar10-class/model.safetensors
    """
    found = expunge.evaluate_weights(expunge.load_config(config, overrides or []), weights)
    if json:
        show.as_json(found)
    else:
        show.scores({weights.name: found["scores"]})

"""``expunge explain``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

from .shared import show
from .shared.options import ConfigPath, Json, Overrides, output_folder

NEEDS_ARGUMENTS = True


def command(
    config: ConfigPath,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="FOLDER", help="The finished run of CONFIG; runs/NAME by default."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="gradcam.html in FOLDER by default."),
    ] = None,
    images: Annotated[int, typer.Option(metavar="N", help="Images of each group, 1 to 10.")] = 6,
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The module whose maps are shown; else the last one."),
    ] = None,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Show where the models of a finished run look, on forgotten and on kept images (Grad-CAM).

    Writes one HTML file. Needs captum: pip install 'expunge[explain]'

    Example: expunge explain configs/cifar10-class.toml --images 4
    """
    request = expunge.load_config(config, overrides or [])
    found = expunge.explain(request, output_folder(folder, config), out, images=images, layer=layer)
    if json:
        show.as_json(found)
        return
    for note in found["notes"]:
        print(f"Note: {note}")
    print(f"Layer: {found['layer']}")
    print(f"Page:  {found['page']}")

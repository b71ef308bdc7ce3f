"""``expunge verify``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

NEEDS_ARGUMENTS = True


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of a finished run.")],
) -> None:
    """Hash every file of a run again, and say whether any has changed since it ended.

    Exit code 2 if one has, or is missing.

    Example: expunge verify runs/demo
    """
    manifest = expunge.verify_folder(folder)
    print(f"{len(manifest.files)} files of {folder} are as the run left them.")

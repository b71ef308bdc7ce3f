"""``expunge purge``."""

from pathlib import Path
from typing import Annotated

import typer

import expunge

NEEDS_ARGUMENTS = True


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of a finished run, or a store")],
) -> None:
    """Remove from a run, or a store, what still holds the model before or the forgotten data.

    Leaves the unlearned model, the record without pictures, the report, and a receipt; of a
    store, the results. Not what lies elsewhere: copies, backups, the data itself.

    Example: expunge purge runs/demo
    """
    before = len(expunge.holders(folder))
    receipt = expunge.purge(folder)
    for one in receipt.removed[len(receipt.removed) - before :]:
        print(f"removed {folder / one.file}: {one.held}")
    if not before:
        print(f"{folder} holds nothing of that kind.")

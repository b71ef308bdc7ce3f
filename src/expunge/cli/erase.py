"""``expunge erase``."""

from pathlib import Path
from typing import Annotated, Any

import typer

import expunge

from .shared import show
from .shared.errors import COMMAND
from .shared.options import DryRun, Json, Out, Overrides, Resume, Track
from .shared.progress import followed

NEEDS_ARGUMENTS = True


def command(
    concept: Annotated[
        str | None,
        typer.Argument(metavar="CONCEPT", help='What to forget: "church", or "church, tench".'),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="PATH", help="Folder or .safetensors file, or a hub's name."
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="What the model must go on drawing as well."),
    ] = None,
    neighbours: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="What is close to it, to be looked at alone."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="A TOML file.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="What a single file is built like (diffusers)."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: scissorhands.")
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Also write the original checkpoint layout.")
    ] = False,
    lora: Annotated[
        int | None, typer.Option(metavar="RANK", min=1, help="Train adapters, and write them.")
    ] = None,
    out: Out = None,
    overrides: Overrides = None,
    resume: Resume = False,
    track: Track = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a text-to-image model forget a concept, and show what it draws before and after.

    Leaves pipeline/, a folder of diffusers, report.html and record.json.

    Example: expunge erase church --model ./sd14 --keep "golf ball, dog, street"
    """
    changes: dict[str, Any] = {
        "model": model,
        "base": base,
        "forget": _concepts(concept),
        "keep": _concepts(keep),
        "neighbours": [said[0] for said in (_concepts(neighbours) or {}).values()] or None,
        "method": None if method is None else {"name": method},
        "single_file": single_file or None,
        "lora": lora,
    }
    request = expunge.load_erase(config, changes=changes, overrides=overrides or [])
    if dry_run:
        show.forecast(expunge.forecast(request), json)
        return
    folder = out or Path("runs") / f"erase-{_slug(next(iter(request.forget)))}"
    with followed(track, folder) as (listen, finish):
        record = expunge.erase(request, folder, resume=resume, on_log=listen, command=COMMAND.get())
        finish(record)
    if json:
        print(record.to_json(), end="")
    else:
        show.summary(record, folder)


def _concepts(text: str | None) -> dict[str, list[str]] | None:
    """Wordings of each concept in a list with commas."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    return {name: expunge.wordings(name) for name in names}


def _slug(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name.lower()).strip("-")

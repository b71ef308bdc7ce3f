"""``expunge unlearn``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import expunge

from .shared import show
from .shared.errors import COMMAND
from .shared.options import (
    CheckpointSeconds,
    Data,
    Forget,
    Json,
    Model,
    OptionalConfig,
    Out,
    Overrides,
    Resume,
    Track,
    Users,
    Weights,
    load_request,
    output_folder,
)
from .shared.progress import followed

if TYPE_CHECKING:
    from expunge.core import Record

NEEDS_ARGUMENTS = True


def command(
    config: OptionalConfig = None,
    model: Model = None,
    weights: Weights = None,
    data: Data = None,
    forget: Forget = None,
    users: Users = None,
    out: Out = None,
    overrides: Overrides = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N,N,…", help="Repeat with these seeds, around one original: 0,1,2"),
    ] = None,
    resume: Resume = False,
    checkpoint_seconds: CheckpointSeconds = 20.0,
    track: Track = None,
    json: Json = False,
) -> None:
    """Remove the influence of the forget set of CONFIG, and evaluate what is left of it.

    Without a CONFIG, --model, --weights, --data and --forget say what it would.
    Leaves record.json, report.html and model.safetensors. Exit code 1: the result was refused.

    Example: expunge unlearn configs/cifar10-random10.toml --set method.epochs=1
    """
    folder = output_folder(out, config)
    options = (model, weights, data, forget, users)
    request = load_request(config, options, overrides)
    numbers = None if seeds is None else parse_seeds(seeds)
    if numbers is not None and track:
        raise expunge.InputError(
            f"--track follows one run, but --seeds asks for {len(numbers)}; leave one of them out "
            "(--set seed=N chooses one seed)"
        )
    with followed(track, folder) as (listen, finish):
        how: dict[str, Any] = {
            "resume": resume,
            "on_log": listen,
            "command": COMMAND.get(),
            "checkpoint_seconds": checkpoint_seconds,
        }
        if numbers is None:
            one = expunge.run_unlearn(request, folder, **how)
            finish(one)
        else:
            several = expunge.run_seeds(request, numbers, folder, **how)
    if numbers is None:
        _show_one(one, folder, json)
    elif json:
        show.as_json(several)
    else:
        _show_several(several, folder)


def parse_seeds(text: str) -> list[int]:
    """``"0,1,2"`` as numbers.

    Raises:
        InputError: If it is anything else.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise expunge.InputError(
            f"expected --seeds to be numbers with commas between them, got {text!r}; e.g. 0,1,2"
        ) from error
    if wrong := [number for number in numbers if not 0 <= number < 2**63]:
        raise expunge.InputError(f"expected --seeds from 0 to 2^63 - 1, got {wrong[0]}")
    return numbers


def _show_one(record: "Record", folder: Path, json: bool) -> None:
    if json:
        print(record.to_json(), end="")
    else:
        show.summary(record, folder)


def _show_several(summary: dict[str, Any], folder: Path) -> None:
    print(f"Means of {summary['n']} seeds:\n")
    show.scores(summary["mean"]["scores"])
    if "avg_gap" in summary["mean"]:
        sd = summary["sd"]["avg_gap"]
        spread = "" if sd is None else f" ± {sd:.2f}"
        print(f"\nAverage gap to retraining: {summary['mean']['avg_gap']:.2f}{spread} points.")
    print(f"Summary: {folder / 'summary.json'}")

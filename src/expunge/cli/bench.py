"""``expunge bench``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import expunge

from .shared import show
from .shared.errors import COMMAND, INTERRUPTED
from .shared.options import (
    CheckpointSeconds,
    ConfigPath,
    DryRun,
    Json,
    Out,
    Overrides,
    output_folder,
)
from .shared.progress import progress

if TYPE_CHECKING:
    from expunge.bench import Outcome

NEEDS_ARGUMENTS = True


def command(
    config: ConfigPath,
    out: Out = None,
    store: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Trained nets and results, shared by benches."),
    ] = Path("runs/store"),
    known: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A bench.json whose results count as computed."),
    ] = None,
    overrides: Overrides = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on a Ray cluster; local starts one here."),
    ] = None,
    checkpoint_seconds: CheckpointSeconds = 20.0,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Compare methods over data, nets, scenarios and seeds; go on where a bench was stopped.

    Leaves tables and a leaderboard. Exit code 1: a run could not be carried out.

    Example: expunge bench configs/table1-cifar10-fast.toml --set seeds=[0]
    """
    folder = output_folder(out, config)
    plan = expunge.load_bench(config, overrides or [])
    if dry_run:
        show.forecast(expunge.forecast_bench(plan, store=store), json)
        return
    try:
        with progress() as listen:
            outcome = expunge.run_bench(
                plan,
                folder,
                store=store,
                known=known or [],
                ray=ray,
                on_log=listen,
                command=COMMAND.get(),
                checkpoint_seconds=checkpoint_seconds,
            )
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    if json:
        print(outcome.bench.to_json(), end="")
    else:
        _show(outcome, folder)
    if outcome.failures:
        raise typer.Exit(1)


def _show(outcome: "Outcome", folder: Path) -> None:
    found, planned = len(outcome.bench.results), outcome.bench.planned
    print(f"{found} of {planned} results.")
    for sentence in outcome.failures:
        print(f"Failed: {sentence}")
    tables = [folder / name for name in ("table.md", "table.tex")]
    print(f"Tables:      {', '.join(str(path) for path in tables if path.exists())}")
    print(f"Leaderboard: {folder / 'leaderboard.html'}")

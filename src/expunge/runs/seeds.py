"""The same run for several seeds, around one original, and their summary."""

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..config import Config
from ..core.errors import InputError
from ..core.progress import listening
from ..core.run import Log
from ..core.schemas.record import Record
from ..core.storage.files import write_whole
from .folder import OutputFolder
from .manifest import write_manifest
from .models import RunOptions
from .prepare import load, prepare
from .unlearn import finish, references_of, start_of

SUMMARY_SCHEMA = "expunge.summary/2"


def run_seeds(
    config: Config,
    seeds: Sequence[int],
    out: str | Path,
    *,
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = None,
    checkpoint_seconds: float = 20.0,
) -> dict[str, Any]:
    """Repeat a run in ``out/seed-N`` and write ``out/summary.json``.

    A seed chooses the forget set (if it is drawn) and everything in the method. The
    original is trained once, with the config's seed; so are the references, unless the
    forget set changes.

    Returns:
        The summary: ``records``, and ``mean`` and ``sd`` of what is a number in all.

    Raises:
        InputError: If no seed or the same seed twice is given, or a run cannot be done.
        GuardError: If a result was refused.
    """
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise InputError(f"expected different seeds >= 0, e.g. 0,1,2; got {list(seeds)}")
    options = RunOptions(resume, on_log, command, checkpoint_seconds)
    with listening(options.log("read data and model"), announced=False):
        loaded = load(config)
        runs = [prepare(config.with_seed(seed), loaded) for seed in seeds]
    base, needed = prepare(config, loaded), runs[0].needed_bytes() * (1 + len(seeds))
    fixed = not config.data.forget.is_random
    with OutputFolder(out, needed) as folder:
        start = start_of(base, folder, options)
        shared = references_of(base, folder, options) if fixed else None
        records = []
        for run in runs:
            path = folder.path / f"seed-{run.config.seed}"
            with OutputFolder(path, run.needed_bytes()) as own:
                records.append(finish(run, start, own, options, shared))
        summary = summarise(records, command)
        text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
        write_whole(folder.path / "summary.json", text)
        write_manifest(folder.path)
    return summary


def summarise(records: Sequence[Record], command: str | None) -> dict[str, Any]:
    """Mean and sample standard deviation of every number that all records have."""
    rows = [_numbers(record) for record in records]
    keys = [key for key in rows[0] if all(row.get(key) is not None for row in rows)]
    columns = {key: [row[key] for row in rows] for key in keys}
    mean = {key: statistics.fmean(values) for key, values in columns.items()}
    sd = {
        key: statistics.stdev(values) if len(values) > 1 else None
        for key, values in columns.items()
    }
    return {
        "schema": SUMMARY_SCHEMA,
        "command": command,
        "n": len(records),
        "records": [record.model_dump(mode="json", by_alias=True) for record in records],
        "mean": _nested(mean.items()),
        "sd": _nested(sd.items()),
    }


def _numbers(record: Record) -> dict[tuple[str, ...], Any]:
    """Scores, gaps and costs of one record, by path."""
    numbers: dict[tuple[str, ...], Any] = {
        ("scores", model, name): value
        for model, scores in record.scores.items()
        for name, value in scores.items()
    }
    for name in ("avg_gap", "original_gap", "floor"):
        numbers[name,] = getattr(record, name)
    for name in ("seconds", "retrain_seconds", "rte", "train_seconds"):
        numbers["cost", name] = getattr(record.cost, name)
    return numbers


def _nested(items: Iterable[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in items:
        branch = tree
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
        branch[path[-1]] = value
    return tree

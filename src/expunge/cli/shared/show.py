"""What people read on stdout after a command."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

import expunge

if TYPE_CHECKING:
    from expunge.core import Record

COLUMNS = {
    "forget_accuracy": "forgotten",
    "retain_accuracy": "kept",
    "test_accuracy": "test",
    "mia": "MIA",
}


def as_json(value: Any) -> None:
    """One JSON document on stdout, and nothing else."""
    print(json.dumps(value, indent=1, allow_nan=False))


def table(rows: list[list[str]], head: list[str], *, numbers: bool = True) -> None:
    """A plain table; columns after the first are aligned as ``numbers`` unless they are text."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(head):
        grid.add_column(name, justify="right" if place and numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    Console(markup=False, highlight=False).print(grid)


def scores(found: Mapping[str, Mapping[str, float | None]]) -> None:
    """Accuracies and the attack of several models, in percent."""
    shown = [key for key in COLUMNS if any(one.get(key) is not None for one in found.values())]
    shown = shown or list(COLUMNS)
    rows = [
        [name.replace("_", " "), *(_percent(values.get(key)) for key in shown)]
        for name, values in found.items()
    ]
    table(rows, ["accuracy in %", *(COLUMNS[key] for key in shown)])


def forecast(found: Mapping[str, Any], json: bool) -> None:
    """What a run or a bench will cost."""
    if json:
        as_json(found)
        return
    if "planned" in found:
        missing = ", ".join(f"{number} {kind}" for kind, number in found["missing"].items())
        print(f"{found['known']} of {found['planned']} results are in the store", end="")
        print(f"; missing: {missing}.\n" if missing else ".\n")
    if "images" in found:
        counts = (f"{number:,} {what}" for what, number in found["images"].items())
        print(f"Images to generate: {', '.join(counts)}.\n")
    rows = [[part, _time(value)] for part, value in found["seconds"].items()]
    table(rows, ["part", "time"])
    if found.get("passes") is not None:
        print(f"\nTraining takes {found['passes']:g} passes over the training set.")
    if found.get("peak_megabytes") is not None:
        print(f"Memory: {found['peak_megabytes']:,} MB at the peak of the trials.")
    print(found.get("advice", ""))


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{seconds:.1f} s"


def summary(record: "Record", folder: Path) -> None:
    """Verdict, scores, distance to retraining, cost, and where the report is."""
    told = " ".join([*record.verdict.remarks, *record.verdict.reasons])
    print(f"Verdict: {record.verdict.status}. {told}\n")
    if counts := record.request.counts():
        print(f"{counts}\n")
    found = record.scores
    if any(one.get(key) is not None for one in found.values() for key in COLUMNS):
        scores(found)
        print()
    if record.avg_gap is not None:
        floor = (
            "" if record.floor is None else f"; two retrained models differ by {record.floor:.2f}"
        )
        print(
            f"Average gap to retraining: {record.avg_gap:.2f} points, "
            f"{_percent(record.original_gap)} before{floor}."
        )
    share = "" if record.cost.rte is None else f", {100 * record.cost.rte:.1f} % of retraining"
    if record.cost.rte is not None and (read := record.cost.rte_samples) is not None:
        share += f" ({100 * read:.1f} % in samples read)"
    print(f"Unlearning took {record.cost.seconds or 0.0:.1f} s{share}.")
    for warning in record.warnings:
        print(f"Warning: {warning.text}")
    model = "pipeline" if record.generated else "model.safetensors"
    print(f"Report: {folder / 'report.html'}\nModel:  {folder / model}")
    if left := expunge.holders(folder):
        print("\nThis still holds the model before, or what was to be forgotten:")
        for file, held in left.items():
            print(f"  {folder / file}: {held}")
        print(f"To remove it: expunge purge {folder}")


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"

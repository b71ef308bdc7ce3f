"""Renders the result tables of README.md and docs/results.md from results/*.json.

A result file is ``{"command": "...", "records": [record, ...]}``, such as the ``summary.json``
of ``expunge unlearn --seeds``; the records of one file are the same run with several seeds.
A table stands between the comments ``<!-- results: begin NAME -->`` and
``<!-- results: end -->``, where NAME is a file's name without ``.json``, or ``all``, or
``full`` (all of them with their commands), ``methods`` (which method runs on which task, from
what the methods declare), ``benchmarks`` (results/benchmarks/*.json),
``benches`` (results/bench/*.json, the ``bench.json`` that ``expunge bench`` writes), ``words``
(results/generators/*.json, those of benches of words), or ``bench-NAME`` (the tables of one alone).

    python scripts/tables.py           write the tables
    python scripts/tables.py --check   exit with 1 if one is out of date
"""

import json
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from expunge.bench import Bench
from expunge.core import InputError, Method, Record, Task
from expunge.core.capabilities import satisfies
from expunge.core.method import needs_of, optional_sets
from expunge.core.schemas.convert import upgraded
from expunge.methods import METHODS
from expunge.reporting.bench.concepts import concept_tables
from expunge.reporting.bench.rows import sections
from expunge.reporting.bench.tables import LEGEND, body, pipe_table
from expunge.tasks import CausalLM, Classification, Denoising, Noising, Regression

ROOT = Path(__file__).resolve().parent.parent
BENCHES = ROOT / "results" / "bench"
PAGES = ("README.md", "docs/results.md", "docs/how-to-choose.md")
_SLOT = re.compile(r"(<!-- results: begin ([\w.-]+) -->\n).*?(<!-- results: end -->)", re.DOTALL)
_COLUMNS = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")
_HEAD = "| model | D_f | D_r | D_t | MIA | gap | seconds |"
_RULE = "|---|---:|---:|---:|---:|---:|---:|"


@dataclass(frozen=True)
class Result:
    """One file of ``results/``."""

    name: str
    command: str
    records: list[Record]


def load_results(folder: Path) -> list[Result]:
    """All results of a folder, by name.

    Raises:
        InputError: If a file holds no records, or records of another schema.
    """
    results = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        records = [Record.model_validate(upgraded(entry)) for entry in content.get("records", [])]
        if not records:
            raise InputError(f"{path.name} holds no records; delete it or make it again")
        results.append(Result(path.stem, content.get("command") or "", records))
    return results


def table(results: Sequence[Result]) -> str:
    """One Markdown table over some results; the first row of each names data and request."""
    if not results:
        return "No result has been committed yet."
    lines = [_HEAD, _RULE]
    for result in results:
        lines.append(f"| **{title(result)}** | | | | | | |")
        lines += rows(result.records)
    return "\n".join(lines)


def full(results: Sequence[Result]) -> str:
    """A section per result: its table, how it was run, and the command that made it."""
    if not results:
        return table(results)
    sections = []
    for result in results:
        first = result.records[0]
        recipe = first.cost.retrain_recipe
        note = f"Retrained by the recipe {recipe}. " if recipe else ""
        sections += [
            f"## {result.name}",
            "\n".join([_HEAD, _RULE, *rows(result.records)]),
            f"{title(result)}. {note}Method settings: {settings(first)}.",
            f"```text\n{result.command or 'command not recorded'}\n```",
        ]
    return "\n\n".join(sections)


def title(result: Result) -> str:
    """What was forgotten, from which data and model, in how many runs."""
    first = result.records[0]
    request = {key: value for key, value in first.request.spec.items() if key != "seed"}
    asked = ", ".join(_words(key, value) for key, value in request.items() if value is not None)
    seeds = len(result.records)
    runs = f"{seeds} seeds" if seeds > 1 else "one seed"
    return f"{first.data.name}, {first.model.name}, forget {asked}; {runs}"


def settings(record: Record) -> str:
    """Hyper-parameters as they were used: what the method chose stands for what was asked."""
    values = dict(record.method.hyperparameters)
    values |= {key: choice["value"] for key, choice in record.method.decisions.items()}
    return ", ".join(f"{key} = {value}" for key, value in values.items() if value is not None)


def rows(records: Sequence[Record]) -> list[str]:
    """A line each for the original, the unlearned model and those retrained."""
    lines = []
    names = {
        "original": "original",
        "unlearned": " / ".join(dict.fromkeys(record.method.name for record in records)),
        "retrained": "retrained",
        "retrained_again": "retrained again (floor)",
    }
    gaps = {"original": "original_gap", "unlearned": "avg_gap", "retrained_again": "floor"}
    seconds = {
        "original": "train_seconds",
        "unlearned": "seconds",
        "retrained": "retrain_seconds",
    }
    for key, name in names.items():
        scored = [record for record in records if key in record.scores]
        if not scored:
            continue
        cells = [[record.scores[key].get(column) for record in scored] for column in _COLUMNS]
        cells.append([getattr(record, gaps[key]) for record in scored] if key in gaps else [])
        took = [getattr(record.cost, seconds[key]) for record in scored] if key in seconds else []
        values = " | ".join(spread(cell, 2) for cell in cells)
        lines.append(f"| {name} | {values} | {spread(took, 0)} |")
    return lines


def spread(values: Sequence[float | None], digits: int) -> str:
    """Mean ± standard deviation of the known values; a dash if there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return "\N{EN DASH}"
    mean = f"{statistics.fmean(known):.{digits}f}"
    return f"{mean} ± {statistics.stdev(known):.{digits}f}" if len(known) > 1 else mean


def benchmarks(folder: Path) -> str:
    """A table per benchmark, with the machine and the command that made it."""
    sections = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"### {content['title']}", "", "| what | measured | limit |", "|---|---:|---:|"]
        for row in content["rows"]:
            bound = "at least" if row["at_least"] else "at most"
            limit = "" if row["limit"] is None else f"{bound} {row['limit']:g}"
            lines.append(f"| {row['what']} | {row['value']:.3f} | {limit} |")
        note = f"{content['machine']}.\n\n```text\n{content['command']}\n```"
        sections.append("\n".join([*lines, "", note]))
    return "\n\n".join(sections) or "No benchmark has been committed yet."


def benches(folder: Path) -> str:
    """The tables of every bench, with how they were made."""
    found = [
        f"## {path.stem}\n\n{body(Bench.load(path), 3)}" for path in sorted(folder.glob("*.json"))
    ]
    return "\n\n".join([*found, LEGEND]) if found else "No bench has been committed yet."


def one_bench(folder: Path, name: str) -> str:
    """The tables of one bench and nothing else.

    Raises:
        InputError: If there is none of that name.
    """
    return "\n\n".join(
        pipe_table(section) for section in sections(Bench.load(folder / f"{name}.json"))
    )


def generators(folder: Path) -> str:
    """The tables of every bench of words, with how they were made."""
    found = [concept_tables(Bench.load(path), 3).strip() for path in sorted(folder.glob("*.json"))]
    return "\n\n".join(found) or "No bench of generators has been committed yet."


def tasks() -> dict[str, Task]:
    """One task of each kind, by the name that the table of methods gives it."""
    levels = torch.linspace(0, 1, 2)
    noising = Noising(1 - levels, levels, torch.arange(2), "epsilon")
    return {
        "classification": Classification(num_classes=2),
        "regression": Regression(),
        "causal-lm": CausalLM(vocabulary_size=2),
        "denoising": Denoising(noising, {"class_labels": torch.arange(3)[:, None]}),
    }


def runs_on(method: type[Method], task: Task) -> bool:
    """Whether a task has all that a method declares to need."""
    one = TensorDataset(torch.zeros(1, 1), torch.zeros(1, dtype=torch.long))
    return all(satisfies(task, need, one) for need in needs_of(method))


def methods(known: Mapping[str, type[Method]]) -> str:
    """Which method runs on which task, and the sets that it reads."""
    kinds = tasks()
    lines = [
        f"| method | {' | '.join(kinds)} | reads |",
        f"|---|{':-:|' * len(kinds)}---|",
    ]
    for name, method in sorted(known.items()):
        cells = ["yes" if runs_on(method, task) else "\N{EN DASH}" for task in kinds.values()]
        reads = ", ".join(
            f"{split} (if there is one)" if split in optional_sets(method) else split
            for split in sorted(method.reads)
        )
        lines.append(f"| `{name}` | {' | '.join(cells)} | {reads} |")
    return "\n".join(lines)


def _words(key: str, value: object) -> str:
    if key == "fraction" and isinstance(value, float):
        return f"{100 * value:g} %"
    if isinstance(value, list):
        return f"{key} {', '.join(map(str, value[:5]))}{' …' if len(value) > 5 else ''}"
    return str(value) if key == "kind" else f"{key} {value}"


def fill(page: str, results: Sequence[Result]) -> str:
    """A page with every table made anew.

    Raises:
        InputError: If a comment names a result that does not exist.
    """
    by_name = {result.name: result for result in results}

    def render(match: re.Match[str]) -> str:
        before, name, after = match.groups()
        whole: dict[str, Callable[[], str]] = {
            "all": lambda: table(results),
            "full": lambda: full(results),
            "benches": lambda: benches(BENCHES),
            "benchmarks": lambda: benchmarks(ROOT / "results" / "benchmarks"),
            "methods": lambda: methods(METHODS),
            "generators": lambda: generators(ROOT / "results" / "generators"),
        }
        if name in whole:
            return f"{before}{whole[name]()}\n{after}"
        if name.startswith("bench-"):
            return f"{before}{one_bench(BENCHES, name.removeprefix('bench-'))}\n{after}"
        if name not in by_name:
            known = ", ".join(by_name) or "none"
            raise InputError(f"expected results/{name}.json, found none; there are: {known}")
        return f"{before}{table([by_name[name]])}\n{after}"

    return _SLOT.sub(render, page)


def main(arguments: Sequence[str]) -> int:
    """Write the tables, or with ``--check`` only say whether they are up to date."""
    results = load_results(ROOT / "results")
    outdated = []
    for name in PAGES:
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = fill(old, results)
        if new != old:
            outdated.append(name)
            if "--check" not in arguments:
                path.write_text(new, encoding="utf-8")
    if "--check" in arguments:
        for name in outdated:
            print(f"{name} is out of date; run python scripts/tables.py")
        return 1 if outdated else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

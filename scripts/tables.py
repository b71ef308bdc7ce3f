"""Renders the tables and plots of README.md and docs/results/ from results/*.json.

A result file is ``{"command": "...", "records": [record, ...]}``, such as the ``summary.json``
of ``expunge unlearn --seeds``; the records of one file are the same run with several seeds.
A table stands between the comments ``<!-- results: begin NAME -->`` and
``<!-- results: end -->``, where NAME is a file's name without ``.json``, or ``all``, or
``full`` (all of them with their commands), ``methods`` (which method runs on which task, from
what the methods declare), ``benchmarks`` (results/benchmarks/*.json),
``overview`` (a row per bench), ``bench-NAME`` (results/bench/NAME.json, a ``bench.json`` that
``expunge bench`` wrote), ``short-NAME`` (four rows of it), or ``generators-NAME``
(results/generators/NAME.json). The plots of the benches and docs/expunge.schema.json, the schema
of configs for editors, are written as well.

    python scripts/tables.py           write the tables
    python scripts/tables.py --check   exit with 1 if one is out of date
"""

import json
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_tables import (
    bench_tables,
    benchmarks,
    generator_tables,
    load_benches,
    one_of,
    overview,
    plots_of,
    short_table,
)
from expunge.config import json_schema
from expunge.core import InputError, Record
from expunge.core.schemas.convert import upgraded
from expunge.core.schemas.results import Bench
from expunge.methods import METHODS
from expunge.reporting.bench.gap_plot import shows
from method_table import methods

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
PAGES = (
    "README.md",
    "docs/how-to-choose.md",
    *(f"docs/results/{path.name}" for path in sorted((ROOT / "docs/results").glob("*.md"))),
)
SCHEMA = "docs/expunge.schema.json"
PLOTS = "docs/results/plots"
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
    whole: dict[str, Callable[[], str]] = {
        "all": lambda: table(results),
        "full": lambda: full(results),
        "benchmarks": lambda: benchmarks(RESULTS / "benchmarks"),
        "methods": lambda: methods(METHODS),
        "overview": lambda: overview(load_benches(RESULTS / "bench")),
    }
    kinds: dict[str, Callable[[str], str]] = {
        "bench": lambda name: bench_tables(_bench("bench", name), name),
        "short": lambda name: short_table(_bench("bench", name)),
        "generators": lambda name: generator_tables(_bench("generators", name), name),
    }

    def render(match: re.Match[str]) -> str:
        before, name, after = match.groups()
        kind, _, rest = name.partition("-")
        if name in whole:
            return f"{before}{whole[name]()}\n{after}"
        if kind in kinds:
            return f"{before}{kinds[kind](rest)}\n{after}"
        if name not in by_name:
            known = ", ".join(by_name) or "none"
            raise InputError(f"expected results/{name}.json, found none; there are: {known}")
        return f"{before}{table([by_name[name]])}\n{after}"

    return _SLOT.sub(render, page)


def _bench(folder: str, name: str) -> Bench:
    return one_of(load_benches(RESULTS / folder), name)


def schema_text() -> str:
    """The schema of configs as the file that editors read."""
    return json.dumps(json_schema(), indent=1) + "\n"


def written(results: Sequence[Result]) -> dict[str, str]:
    """Every file that is made here, by its path from the root."""
    texts = {name: fill((ROOT / name).read_text(encoding="utf-8"), results) for name in PAGES}
    found = plots_of(load_benches(RESULTS / "bench"), load_benches(RESULTS / "generators"))
    texts |= {f"{PLOTS}/{name}.svg": svg for name, svg in found.items()}
    return texts | {SCHEMA: schema_text()}


def is_current(path: Path, text: str) -> bool:
    """Whether a file is what would be written now; of a plot, whether it shows the same."""
    if not path.is_file():
        return False
    old = path.read_text(encoding="utf-8")
    return old == text or (path.suffix == ".svg" and shows(old) == shows(text))


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with ``--check`` only say whether they are up to date."""
    outdated = []
    for name, text in written(load_results(RESULTS)).items():
        path = ROOT / name
        if is_current(path, text):
            continue
        outdated.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if "--check" in arguments:
        for name in outdated:
            print(f"{name} is out of date; run python scripts/tables.py")
        return 1 if outdated else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

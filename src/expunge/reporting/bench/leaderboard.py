"""The leaderboard of a bench: one HTML file that sorts, opens offline and asks for nothing."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.schemas.results import Bench, Tuning
from ..charts import Table
from ..formats import (
    clip,
    count,
    fixed,
    moment,
    number,
    plain,
    plural,
    seconds,
    signed,
    size,
)
from ..run.html import runtime
from ..run.words import EVIDENCE, NOTHING
from ..templating import environment, own_files, write_page
from .caption import COST, FLOOR, GAPS, READING, facts, incomplete, tunings
from .charts import numbered, pareto_figure, relearn_figure
from .row import BenchRow, BenchSection, Stat
from .rows import sections

MOST_SECTIONS = 24
MOST_TRIALS = 40
_SCORES = {
    "forget_accuracy": "Acc D_f",
    "retain_accuracy": "Acc D_r",
    "test_accuracy": "Acc D_t",
    "mia": "MIA",
}
COLUMNS = ["Method", "Avg. Gap", *_SCORES.values(), "RTE", "Time", "Seeds"]


@dataclass(frozen=True)
class LeaderboardCell:
    """A formatted mean, its spread and what is below it; ``key`` is what sorting compares."""

    value: str
    spread: str = ""
    below: str = ""
    key: str = ""


@dataclass(frozen=True)
class WhiskerBar:
    """Avg. Gap as a bar with a whisker, in percent of its place; ``over`` if it is cut off."""

    width: float
    low: float
    high: float
    over: bool


@dataclass(frozen=True)
class Line:
    """One row of the leaderboard."""

    row: BenchRow
    number: str
    bar: WhiskerBar | None
    cells: list[LeaderboardCell]


def render(bench: Bench) -> str:
    """The leaderboard as one HTML document with style, charts and their runtime inside.

    Text of the bench is escaped, and a content security policy forbids every request.

    Args:
        bench: The only thing the page reads. Of more than 24 tables, the first are shown.

    Returns:
        HTML, at most 2 MB for a bench of a few hundred rows.

    Raises:
        InputError: If the bench holds the same result twice.
    """
    found = sections(bench)
    return (
        environment()
        .get_template("leaderboard.html.j2")
        .render(
            bench=bench,
            created=moment(bench.created),
            missing=incomplete(bench),
            facts=facts(bench),
            sections=[_section(bench, one, i) for i, one in enumerate(found[:MOST_SECTIONS], 1)],
            hidden=len(found[MOST_SECTIONS:]),
            columns=COLUMNS,
            reading=[READING, GAPS, FLOOR, COST],
            evidence=EVIDENCE,
            style=own_files("style.css", "leaderboard.css", "print.css"),
            runtime=runtime(),
            script=own_files("charts.js", "sort.js"),
        )
    )


def leaderboard(bench: Bench, path: str | Path) -> None:
    """Write the leaderboard, whole or not at all.

    Raises:
        InputError: If the folder cannot be written, or the bench holds a result twice.
    """
    write_page(render(bench), path)


def _section(bench: Bench, section: BenchSection, position: int) -> dict[str, Any]:
    """What the template prints of one table."""
    widest = _widest(section)
    numbers = {row.method: str(i) for i, row in numbered(section)}
    lines = [
        _line(row, numbers[row.method] if row.kind == "unlearned" else "", widest)
        for row in section.shown
    ]
    methods = [line for line in lines if line.number]
    figures = [
        pareto_figure(section, f"pareto-{position}"),
        relearn_figure(section, f"relearn-{position}"),
    ]
    tuned = tunings(bench, section)
    return {
        "id": f"table-{position}",
        "title": section.title,
        "missing": incomplete(bench, section),
        "references": [line for line in lines if not line.number],
        "methods": sorted(methods, key=_by_gap),
        "figures": [one for one in figures if one],
        "problems": [(row.method, text) for row in section.shown for text in row.problems],
        "warnings": [
            (row.method, clip(text, 300)) for row in section.shown for text in row.warnings[:3]
        ],
        "more": _more(section),
        "facts": facts(bench, section)[1:3],
        "tuning": _tuned(tuned),
        "trials": [(one.method, _trials(one)) for one in tuned],
    }


def _widest(section: BenchSection) -> float:
    """The gap that fills a bar: one broken method must not make all others look alike."""
    gaps = [row.avg_gap for row in section.shown if row.kind == "unlearned" and row.avg_gap]
    ends = [gap.mean + (gap.sd or 0.0) for gap in gaps]
    return min(max(ends), 4 * statistics.median(ends)) if ends else 0.0


def _by_gap(line: Line) -> float:
    return line.row.avg_gap.mean if line.row.avg_gap else float("inf")


def _line(row: BenchRow, place: str, widest: float) -> Line:
    gap, rte, took = row.avg_gap, row.stats.get("rte"), row.stats.get("seconds")
    bar = None
    if gap and widest:
        reach = gap.sd or 0.0
        ends = (gap.mean, max(0.0, gap.mean - reach), gap.mean + reach)
        width, low, high = (min(100.0, round(100 * end / widest, 2)) for end in ends)
        bar = WhiskerBar(width, low, high, over=gap.mean > widest)
    cells = [_cell(gap, 2)]
    cells += [_score(row, name) for name in _SCORES]
    cells.append(_cell(rte, 2))
    cells.append(
        LeaderboardCell(
            seconds(took.mean),
            f"± {fixed(took.sd, 0 if took.mean >= 10 else 2)} s" if took.sd is not None else "",
            key=f"{took.mean:.9g}",
        )
        if took
        else LeaderboardCell("")
    )
    cells.append(LeaderboardCell(f"{len(row.seeds)} of {row.planned}", key=str(len(row.seeds))))
    if row.kind == "retrained" and not gap and row.seeds:
        cells[0] = LeaderboardCell("target")
    return Line(row, place, bar, cells)


def _cell(one: Stat | None, digits: int) -> LeaderboardCell:
    if one is None:
        return LeaderboardCell("")
    spread = f"± {fixed(one.sd, digits)}" if one.sd is not None else ""
    return LeaderboardCell(fixed(one.mean, digits), spread, key=f"{one.mean:.9g}")


def _score(row: BenchRow, name: str) -> LeaderboardCell:
    """A score sorts by its distance to retrain, because near to it is what is good."""
    one, distance = row.stats.get(name), row.distance.get(name)
    plain_cell = _cell(one, 2)
    if one is None or distance is None:
        return plain_cell
    return LeaderboardCell(
        plain_cell.value, plain_cell.spread, signed(distance, 2), f"{abs(distance):.9g}"
    )


def _more(section: BenchSection) -> Table:
    """The numbers that the leaderboard has no room for."""
    after = max((step for row in section.shown for step, _ in row.curve), default=0)
    names = {
        "tow": "ToW",
        "forget_loss": "Loss D_f",
        "retain_loss": "Loss D_r",
        "test_loss": "Loss D_t",
        "relearn": f"Accuracy after relearning {plural(after, 'step')}, %",
        "relearn_time": "Steps to relearn",
        "cka": "CKA to retrain",
        "passes": "Passes over the data",
        "rte_paper": "RTE (paper)",
    }
    names = {k: v for k, v in names.items() if any(k in row.stats for row in section.shown)}
    names |= section.titled
    body = []
    for row in section.shown:
        means = NOTHING if row.gap_of_means is None else fixed(row.gap_of_means, 2)
        memory, read = row.stats.get("peak_memory_bytes"), row.stats.get("samples_read")
        body.append([
            row.method,
            means,
            *(_both(row.stats.get(name)) for name in names),
            count(read.mean) if read else NOTHING,
            size(memory.mean) if memory else NOTHING,
        ])  # fmt: skip
    header = ["Method", "Gap of means", *names.values(), "Samples read", "Peak memory"]
    return Table(header, body)


def _both(one: Stat | None) -> str:
    if one is None:
        return NOTHING
    return number(one.mean, 3) + ("" if one.sd is None else f" ± {number(one.sd, 3)}")


def _tuned(found: list[Tuning]) -> Table | None:
    """One line per method: its budget and what was chosen."""
    if not found:
        return None
    body = []
    for one in found:
        values = [trial.value for trial in one.trials if trial.value is not None]
        refused = len(one.trials) - len(values)
        took = [trial.seconds for trial in one.trials if trial.seconds is not None]
        body.append([
            one.method,
            plain(one.best),
            number(min(values)) if values else NOTHING,
            count(len(one.trials)),
            count(refused),
            seconds(sum(took)) if took else NOTHING,
            f"{one.objective}, seed {one.pilot_seed}",
        ])  # fmt: skip
    header = ["Method", "Chosen", "Smallest objective", "Trials", "Refused", "Time", "Objective"]
    return Table(header, body)


def _trials(one: Tuning) -> Table:
    body = [
        [
            str(i),
            plain(trial.settings) + (" (chosen)" if trial.settings == one.best else ""),
            "refused" if trial.value is None else number(trial.value),
            NOTHING if trial.seconds is None else seconds(trial.seconds),
        ]
        for i, trial in enumerate(one.trials[:MOST_TRIALS], start=1)
    ]
    hidden = len(one.trials) - len(body)
    note = f"{plural(hidden, 'more trial')} in the file of the bench." if hidden else ""
    return Table(["Trial", "Settings", one.objective, "Time"], body, note)

"""The results of benches as Markdown that fits a column: few numbers first, the others folded."""

import json
from collections.abc import Sequence
from pathlib import Path

from expunge.core import InputError
from expunge.core.schemas.results import Bench
from expunge.reporting.bench.caption import facts
from expunge.reporting.bench.concepts import concept_tables
from expunge.reporting.bench.flags import FLOOR_FACTOR, FLOOR_SLACK
from expunge.reporting.bench.gap_plot import gap_plot
from expunge.reporting.bench.row import BenchRow, BenchSection
from expunge.reporting.bench.rows import sections
from expunge.reporting.bench.tables import DASH, spread
from expunge.reporting.formats import fixed, signed
from plots import numbers, of_concepts, over_sections

SCORES = {"forget_accuracy": "D_f", "retain_accuracy": "D_r", "test_accuracy": "D_t", "mia": "MIA"}
SIGNS = {
    "within the floor": "\\*",
    "slower than retraining": "†",
    "worse than the untouched original": "‡",
}
PAGES = {
    "table1-cifar10-fast": ("A random tenth of CIFAR-10", "table1.md"),
    "classwise-cifar10-fast": ("Each class of CIFAR-10, mean", "classes.md"),
    "table2-faces-fast": ("A tenth of the people in faces", "faces.md"),
    "resnet18-cifar10-fast": ("ResNet-18, 3,000 images", "resnet18.md"),
}
MOST_COLUMNS = 8
OURS = "Scissorhands"
PLOT = (
    "Low and left is good. The numbers are those of the table; filled: no other method is both "
    "quicker and closer. Whiskers are one standard deviation over {over}."
)
FLOOR_LINE = " Dashed, with the band below it: the gap of a second retrained model."
LINES = " Dotted: the original, untouched. Upright: the time of {retrain}."
SCORE_LEGEND = (
    "Accuracies and MIA in percent, the gap in points; the aim of each is the value of *Retrain*. "
    "RTE is the time over that of the fastest retrain. Bold: the smallest gap. \\* within the "
    f"floor: a gap of at most {FLOOR_FACTOR:g} times that of a second retrained model, and "
    f"{FLOOR_SLACK:g} points. † slower than retraining. ‡ further from it than the untouched "
    "original."
)


def load_benches(folder: Path) -> dict[str, Bench]:
    """The benches of a folder by name."""
    return {path.stem: Bench.load(path) for path in sorted(folder.glob("*.json"))}


def bench_tables(bench: Bench, name: str) -> str:
    """A plot, a table of scores, and the rest of the numbers folded below it."""
    found = sections(bench)
    several = len(found) > 1
    parts = _classes(found) if several else _alone(found[0])
    caption = PLOT.format(over="classes" if several else "seeds")
    if len(bench.config["seeds"]) == 1 and not several:
        caption = caption[: caption.index(" Whiskers")]
    caption += FLOOR_LINE if plotted(bench).floor else ""
    caption += LINES.format(retrain="a retrain, mean" if several else "the fastest retrain")
    plot = f"![Gap to retraining against seconds, one point per method](plots/{name}.svg)"
    return "\n\n".join([plot, caption, *parts, *_made(bench)])


def plotted(bench: Bench) -> BenchSection:
    """What the plot of a bench shows: its section, or the means over several."""
    found = sections(bench)
    return found[0] if len(found) == 1 else over_sections(found, "each class in turn")


def plots_of(benches: dict[str, Bench], generators: dict[str, Bench]) -> dict[str, str]:
    """The SVG of every bench by the name of its file."""
    files = {name: gap_plot(plotted(bench)) for name, bench in benches.items()}
    for name, bench in generators.items():
        section = of_concepts(bench, common_concepts(bench))
        files[name] = gap_plot(section, "distance to retraining, points")
    return {name: plot for name, plot in files.items() if plot is not None}


def short_table(bench: Bench) -> str:
    """Four rows: the original, a retrained model, Scissorhands, and the closest other method."""
    [section] = sections(bench)
    others = [
        row
        for row in section.rows
        if row.kind == "unlearned" and row.avg_gap and not row.method.startswith(OURS)
    ]
    closest = min(others, key=lambda row: row.avg_gap.mean if row.avg_gap else 0.0)
    chosen = [*section.rows[:2], next(row for row in section.rows if row.method == OURS), closest]
    note = f"The gap between two retrained models is {spread(section.floor)} points."
    return f"{_scores(section, chosen, numbered=False)}\n\n{note}"


def overview(benches: dict[str, Bench]) -> str:
    """A row per bench: how far the original is, the closest method, and the floor."""
    lines = _table_head(
        ["Experiment", "Seeds", "Original", "Closest method", "Its gap", "Floor"], 1
    )
    for name, (title, page) in PAGES.items():
        bench = one_of(benches, name)
        section = plotted(bench)
        methods = [row for row in section.rows if row.kind == "unlearned" and row.avg_gap]
        best = min(methods, key=lambda row: row.avg_gap.mean if row.avg_gap else 0.0)
        cells = [f"[{title}]({page})", str(len(bench.config["seeds"]))]
        cells += [spread(section.rows[0].avg_gap), best.method, spread(best.avg_gap)]
        lines.append(_pipes([*cells, spread(section.floor)]))
    return "\n".join(lines)


def generator_tables(bench: Bench, name: str) -> str:
    """A plot over the concepts that all methods have, and the tables, none of them too wide."""
    section = of_concepts(bench, common_concepts(bench))
    listed = ", ".join(f"{number} {label}" for label, number in numbers(section).items())
    alt = "Distance to retrained models against seconds, one point per method"
    text = concept_tables(bench, 2).strip()
    title, rest = text.split("\n\n", 1)
    seconds = "Low and left is good. Whiskers are one standard deviation over concepts and seeds."
    picture = f"![{alt}](plots/{name}.svg)\n\n{seconds} {listed}."
    return f"{title}\n\n{picture}\n\n{narrow(rest)}"


def common_concepts(bench: Bench) -> list[str]:
    """The concepts that every method has forgotten, in the order of the results."""
    by_method: dict[str, set[str]] = {}
    for one in bench.results:
        if one.kind == "unlearned":
            by_method.setdefault(one.method, set()).add(one.scenario)
    common = set.intersection(*by_method.values())
    return [one for one in dict.fromkeys(r.scenario for r in bench.results) if one in common]


def benchmarks(folder: Path) -> str:
    """A table per benchmark, with the machine and the command that made it."""
    parts = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"## {content['title']}", "", "| what | measured | limit |", "|---|---:|---:|"]
        for row in content["rows"]:
            bound = "at least" if row["at_least"] else "at most"
            limit = "" if row["limit"] is None else f"{bound} {row['limit']:g}"
            lines.append(f"| {row['what']} | {row['value']:.3f} | {limit} |")
        note = f"{content['machine']}.\n\n```text\n{content['command']}\n```"
        parts.append("\n".join([*lines, "", note]))
    return "\n\n".join(parts) or "No benchmark has been committed yet."


def narrow(text: str, most: int = MOST_COLUMNS) -> str:
    """Markdown whose wide tables are cut into several, each with the first column."""
    blocks = []
    for block in text.split("\n\n"):
        rows = [line.strip("| ").split(" | ") for line in block.splitlines()]
        if not block.startswith("|") or len(rows[0]) <= most:
            blocks.append(block)
            continue
        parts = -(-(len(rows[0]) - 1) // (most - 1))
        size = -(-(len(rows[0]) - 1) // parts)
        for start in range(1, len(rows[0]), size):
            blocks.append("\n".join(_pipes([row[0], *row[start : start + size]]) for row in rows))
    return "\n\n".join(blocks)


def one_of(benches: dict[str, Bench], name: str) -> Bench:
    """A bench by name.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in benches:
        known = ", ".join(benches) or "none"
        raise InputError(f"expected a bench called {name!r}, found none; there are: {known}")
    return benches[name]


def _alone(section: BenchSection) -> list[str]:
    parts = [_scores(section, section.shown), SCORE_LEGEND, *_problems(section)]
    parts.append(_folded("Differences to retraining, seconds", _differences(section)))
    if any(row.curve for row in section.shown):
        parts.append(_folded("Relearning: accuracy after so many steps", _curves(section)))
    return parts


def _classes(found: Sequence[BenchSection]) -> list[str]:
    """Means over the sections, then each of them folded."""
    whole = over_sections(list(found), "each class in turn")
    parts = [
        f"Means over {len(found)} classes ± the standard deviation over them:",
        _scores(whole, whole.shown),
        SCORE_LEGEND,
        _folded("Relearning: accuracy after so many steps, means over classes", _curves(whole)),
        "Each class by itself:",
    ]
    for one in found:
        tables = [_scores(one, one.shown), _curves(one), *_problems(one)]
        parts.append(_folded(one.scenario, "\n\n".join(tables)))
    return parts


def _scores(section: BenchSection, rows: Sequence[BenchRow], numbered: bool = True) -> str:
    lines = _table_head(["Method", *SCORES.values(), "Gap", "RTE"], 1)
    known = numbers(section) if numbered else {}
    for row in rows:
        cells = [spread(row.stats.get(name)) for name in SCORES]
        cells += [spread(row.avg_gap), spread(row.stats.get("rte"))]
        lines.append(_pipes([_name(row, known, numbered), *cells]))
    return "\n".join(lines)


def _differences(section: BenchSection) -> str:
    names = [f"Δ {name}" for name in SCORES.values()]
    lines = _table_head(["Method", *names, "Gap of means", "Seconds", "RTE (paper)"], 1)
    for row in section.shown:
        cells = [signed(row.distance[name], 2) if name in row.distance else DASH for name in SCORES]
        means = DASH if row.gap_of_means is None else fixed(row.gap_of_means, 2)
        seconds = spread(row.stats.get("seconds"), digits=1)
        cells += [means, seconds, spread(row.stats.get("rte_paper"), digits=3)]
        lines.append(_pipes([row.method, *cells]))
    note = (
        "Gap of means takes the means over seeds first, as the paper does. RTE (paper) divides by "
        "the time that the paper's 182 epochs would take, projected from the passes over the data."
    )
    return "\n".join([*lines, "", note])


def _curves(section: BenchSection) -> str:
    """Accuracy in percent on what was forgotten, while it is relearned: a column per step."""
    steps = next(row.curve for row in section.shown if row.curve)
    lines = _table_head(["Method", *(f"{step} steps" for step, _ in steps)], 1)
    for row in section.shown:
        known = dict(row.curve)
        cells = [fixed(known[step].mean, 0) if step in known else DASH for step, _ in steps]
        lines.append(_pipes([row.method, *cells]))
    return "\n".join(lines)


def _name(row: BenchRow, known: dict[str, int], marked: bool) -> str:
    name = f"**{row.method}**" if row.best and marked else row.method
    name = f"{known[row.method]} · {name}" if row.method in known else name
    signs = "".join(sign for text, sign in SIGNS.items() if text in row.marks and marked)
    missing = next((text for text in row.marks if text[:1].isdigit()), "")
    return name + (f" {signs}" if signs else "") + (f" ({missing})" if missing else "")


def _problems(section: BenchSection) -> list[str]:
    lines = [f"- {row.method}: {text}" for row in section.shown for text in row.problems]
    return ["Not measured:", "\n".join(lines)] if lines else []


def _made(bench: Bench) -> list[str]:
    told = [f"- {name}: {_plain(text)}" for name, text in facts(bench) if name != "Command"]
    command = bench.command or "command not recorded"
    return ["How it was made:", "\n".join(told), f"```text\n{command}\n```"]


def _plain(text: str) -> str:
    return text.replace("_", "\\_")


def _folded(title: str, text: str) -> str:
    return f"<details markdown>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def _table_head(names: Sequence[str], left: int) -> list[str]:
    rule = ["---" if place < left else "---:" for place in range(len(names))]
    return [_pipes(names), _pipes(rule)]


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

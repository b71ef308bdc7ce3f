"""The tables of a bench as Markdown and as LaTeX, laid out as the paper's."""

import re
from collections.abc import Iterable

from ...core.schemas.results import Bench
from ..formats import MINUS, fixed
from .caption import COST, FLOOR, GAPS, PARENTHESES, READING, RELEARN, facts, incomplete
from .row import BenchRow, BenchSection, Stat
from .rows import sections

LEGEND = " ".join([READING, PARENTHESES, GAPS, FLOOR, COST, RELEARN])
DASH = "\u2013"
_SCORES = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "±": r"$\pm$", "\u00d7": r"$\times$", MINUS: "$-$", DASH: "--",
    "\u2026": r"\ldots{}", "'": r"\textquotesingle{}", "`": r"\textasciigrave{}",
}  # fmt: skip
_SIGNS = {
    "slower than retraining": r"\dag",
    "worse than the untouched original": r"\ddag",
    "within the floor": "*",
}


def markdown(bench: Bench) -> str:
    """One Markdown table per data set, model and scenario, with how it was made.

    Args:
        bench: May be interrupted; the header of a table then says INCOMPLETE.

    Returns:
        CommonMark with pipe tables; values as ``mean ± sd (difference to retrain)``, in
        percent, a dash where a value is not known.

    Raises:
        InputError: If the bench holds the same result twice.
    """
    parts = [f"# {_escaped(bench.title)}", _escaped(incomplete(bench)), body(bench), LEGEND]
    return "\n\n".join(part for part in parts if part) + "\n"


def body(bench: Bench, level: int = 2) -> str:
    """The tables of ``markdown`` under headings of a level, and the command that made them."""
    parts = []
    for section in sections(bench):
        missing = incomplete(bench, section)
        parts += [
            f"{'#' * level} {_escaped(section.title)}" + (f" ({missing})" if missing else ""),
            pipe_table(section),
            *_problems(section),
            "How it was made:",
            "\n".join(
                f"- {name}: {_escaped(text)}"
                for name, text in facts(bench, section)
                if name != "Command"
            ),
        ]
    command = bench.command or "command not recorded"
    ticks = max([2, *map(len, re.findall("`+", command))]) + 1
    return "\n\n".join([*parts, f"{'`' * ticks}text\n{command}\n{'`' * ticks}"])


def latex(bench: Bench) -> str:
    r"""One LaTeX table per data set, model and scenario; all text of the bench is escaped.

    Args:
        bench: May be interrupted; the caption of a table then says INCOMPLETE.

    Returns:
        ``table`` environments that need ``\usepackage{booktabs}`` and
        ``\usepackage[T1]{fontenc}``; the smallest Avg. Gap is bold.

    Raises:
        InputError: If the bench holds the same result twice.
    """
    head = "% needs \\usepackage{booktabs}, \\usepackage[T1]{fontenc} and \\usepackage{textcomp}"
    return "\n\n".join([head, *(_tabular(bench, one) for one in sections(bench))]) + "\n"


def escape_latex(text: str) -> str:
    r"""Text that LaTeX prints as it is: specials escaped, line breaks as spaces.

    Control characters are dropped; ``--`` does not become a dash.
    """
    text = "".join(one for one in text if one.isprintable() or one.isspace())
    kept = [_LATEX.get(one, one) for one in " ".join(text.split())]
    return "".join(
        one + "{}" * (one == "-" and after == "-")
        for one, after in zip(kept, [*kept[1:], ""], strict=True)
    )


def pipe_table(section: BenchSection) -> str:
    """One table as Markdown; with a column of relearn curves where there are any."""
    steps = next((row.curve for row in section.shown if row.curve), ())
    relearn = [f"Relearn after {_dotted(step for step, _ in steps)} steps"] if steps else []
    head = ["Method", *_head(), *map(_escaped, section.titled.values()), *relearn]
    head += ["Seeds", "Remarks"]
    lines = [_pipes(head), _pipes(["---", *["---:"] * (len(head) - 2), "---"])]
    for row in section.shown:
        name = _escaped(row.method)
        remarks = ", ".join(f"**{text}**" for text in row.marks)
        if not row.seeds:  # nothing else is known of it
            remarks = _escaped("; ".join(row.problems))
        cells = [f"**{name}**" if row.best else name, *_cells(row, section.titled)]
        if relearn:
            cells.append(_dotted(fixed(one.mean, 0) for _, one in row.curve) or DASH)
        lines.append(_pipes([*cells, f"{len(row.seeds)}/{row.planned}", remarks]))
    return "\n".join(lines)


def _problems(section: BenchSection) -> list[str]:
    lines = [
        f"- {_escaped(f'{one.method}: {text}')}" for one in section.shown for text in one.problems
    ]
    return ["Not measured:", "\n".join(lines)] if lines else []


def _tabular(bench: Bench, section: BenchSection) -> str:
    missing = incomplete(bench, section)
    made = ". ".join(f"{name}: {text}" for name, text in facts(bench, section))
    caption = f"{missing}. " if missing else ""
    caption += f"{section.title}. {READING} {PARENTHESES} {FLOOR} {made}."
    head = [r"Acc $D_f$", r"Acc $D_r$", r"Acc $D_t$", "MIA", "Avg. Gap", "Gap of means"]
    head += ["RTE", "RTE (paper)", "Seconds", *map(escape_latex, section.titled.values()), "$n$"]
    body = [_line(row, section.titled) for row in section.shown]
    ends = sum(row.kind != "unlearned" for row in section.shown)
    body.insert(ends, r"\midrule")
    notes = [f"${sign}$ {text}" for text, sign in _SIGNS.items()]
    notes += [
        escape_latex(f"{row.method}: {text}") for row in section.shown for text in row.problems
    ]
    label = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
    return "\n".join([
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{l{'r' * len(head)}}}",
        r"\toprule",
        " & ".join(["Method", *head]) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip " + "; ".join(notes) + ".",
        r"\end{table}",
    ])  # fmt: skip


def _line(row: BenchRow, titled: Iterable[str]) -> str:
    signs = ",".join(sign for text, sign in _SIGNS.items() if text in row.marks)
    cells = [escape_latex(cell) for cell in _cells(row, titled)]
    if row.best:
        cells[len(_SCORES)] = rf"\textbf{{{cells[len(_SCORES)]}}}"
    name = escape_latex(row.method) + (f"$^{{{signs}}}$" if signs else "")
    return " & ".join([name, *cells, f"{len(row.seeds)}/{row.planned}"]) + r" \\"


def _head() -> list[str]:
    scores = ["Acc D_f", "Acc D_r", "Acc D_t", "MIA"]
    return [*scores, "Avg. Gap", "Gap of means", "RTE", "RTE (paper)", "Seconds"]


def _cells(row: BenchRow, titled: Iterable[str]) -> list[str]:
    cells = [spread(row.stats.get(name), row.distance.get(name)) for name in _SCORES]
    means = DASH if row.gap_of_means is None else fixed(row.gap_of_means, 2)
    seconds = row.stats.get("seconds")
    digits = 1 if seconds and seconds.mean >= 10 else 2
    return [
        *cells,
        spread(row.avg_gap),
        means,
        spread(row.stats.get("rte")),
        spread(row.stats.get("rte_paper"), digits=3),
        spread(seconds, digits=digits),
        *(spread(row.stats.get(name), row.distance.get(name)) for name in titled),
    ]


def spread(one: Stat | None, distance: float | None = None, digits: int = 2) -> str:
    """``91.98 ± .12 (.08)``: mean, standard deviation, absolute distance to retrain.

    What is not known is left out; a dash stands for a missing mean.
    """
    if one is None:
        return DASH
    text = fixed(one.mean, digits)
    if one.sd is not None:
        text += f" ± {_short(one.sd, digits)}"
    return text if distance is None else f"{text} ({_short(abs(distance), digits)})"


def _dotted(values: Iterable[object]) -> str:
    return " · ".join(map(str, values))


def _short(value: float, digits: int) -> str:
    """Without a leading zero, as the paper prints what is small."""
    return fixed(value, digits).removeprefix("0")


def _pipes(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown prints as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>|&~#])", r"\\\1", " ".join(text.split()))

"""Tables as text: the paper's notation, escapes, and never a NaN."""

import re

import pytest
from tests.unit.bench import benches

from expunge.core.schemas.results import Bench
from expunge.reporting.bench.caption import tuning_text
from expunge.reporting.bench.row import Stat
from expunge.reporting.bench.tables import DASH, escape_latex, latex, markdown, spread

HOSTILE = "a|b_c&d%e$f#g{h}i~j^k\\l<m>`n`*o*--p\nq"


@pytest.mark.parametrize(
    ("one", "distance", "text"),
    [
        (Stat(91.98, 0.12, 3), 0.08, "91.98 ± .12 (.08)"),
        (Stat(91.98, 0.12, 3), -0.08, "91.98 ± .12 (.08)"),
        (Stat(5.0, 1.5, 3), 12.0, "5.00 ± 1.50 (12.00)"),
        (Stat(-0.001, None, 1), None, "0.00"),
        (Stat(0.5, None, 1), 0.0, "0.50 (.00)"),
        (None, None, DASH),
    ],
)
def test_values_look_as_in_the_paper(one: Stat | None, distance: float | None, text: str) -> None:
    assert spread(one, distance) == text


def lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith((f"| {name} ", f"| **{name}** "))]


def test_markdown_has_a_table_per_scenario_with_its_flags() -> None:
    text = markdown(benches.full())
    assert text.count("| Method |") == 2
    assert "## cifar10, fast, one class (INCOMPLETE: 32 of 33 in this table, 65 of 66" in text
    assert "**slower than retraining**" in lines(text, "scrub")[0]
    assert "**worse than the untouched original**, **2 of 3 seeds**" in lines(text, "ssd")[0]
    assert benches.REFUSED.split(";")[0] in lines(text, "gradient-ascent")[1]
    assert "l1-sparse: seed 1 not run" in text
    assert len(lines(text, "no\\_t")) == 2
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {14}


def test_relearn_curves_have_a_column_where_there_are_any() -> None:
    bench = benches.full()
    curve = bench.results[0].record.relearn
    steps = curve.steps if curve else []
    assert steps
    head = next(line for line in markdown(bench).splitlines() if line.startswith("| Method"))
    assert f"Relearn after {' · '.join(map(str, steps))} steps" in head
    row = lines(markdown(bench), "salun")[0]
    assert re.search(r"\| \d+( · \d+)+ \| 3/3", row)
    bare = [
        one.model_copy(update={"record": one.record.model_copy(update={"relearn": None})})
        for one in bench.results
    ]
    assert "Relearn after" not in markdown(bench.model_copy(update={"results": bare}))


@pytest.mark.parametrize("write", [markdown, latex])
def test_captions_say_how_the_numbers_were_made(write: object) -> None:
    assert callable(write)
    text = write(benches.full())
    for part in (
        "n = 3: 0, 1, 2",
        "7 methods, objective retrain",
        "6 trials per method",
        "pilot seed 100 (not reported)",
        "recipe = speedrun, epochs = 10",
        "Scale: full",
        "expunge bench",
    ):
        assert part in text, part
    assert "INCOMPLETE" not in write(benches.bare())
    assert "0 of 5 planned results" in markdown(benches.minimal())


@pytest.mark.parametrize("make", [benches.full, benches.bare, benches.minimal])
def test_no_value_is_printed_as_nan_or_none(make: object) -> None:
    assert callable(make)
    for text in (markdown(make()), latex(make())):
        assert not re.search(r"\b(nan|NaN|None|inf|null)\b", text)


def test_the_recipe_is_that_of_the_config_where_no_result_tells() -> None:
    models = [
        {"name": "fast", "training": {"recipe": "quick"}},
        {"name": "x", "training": {"a": 1}},
    ]
    text = markdown(benches.bare().model_copy(update={"config": {"model": models}}))
    assert "Retrain recipe: recipe = quick\n" in text
    assert "Retrain recipe: not recorded" in markdown(benches.bare())


def test_a_pilot_seed_among_the_reported_is_pointed_out() -> None:
    found = list(benches.full().tuning)
    assert "(not reported)" in tuning_text(found, [0, 1])
    assert "optimistic" in tuning_text(found, [0, 100])
    short = found[0].model_copy(update={"trials": found[0].trials[:2]})
    assert "2 to 6 trials" in tuning_text([short, found[1]], [])
    assert tuning_text([], []) == "none; settings as configured"


def test_latex_escapes() -> None:
    assert escape_latex("50 %_&#$") == r"50 \%\_\&\#\$"
    assert escape_latex("{~^\\}") == r"\{\textasciitilde{}\textasciicircum{}\textbackslash{}\}"
    assert escape_latex("a--b---c") == "a-{}-b-{}-{}-c"
    assert escape_latex("\u2212.5 \u2013 \u00d7 1\n\x07 2") == r"$-$.5 -- $\times$ 1 2"


def hostile() -> Bench:
    results = [benches.result("retrained", "retrain", HOSTILE, 0, number=1)]
    results += [benches.result("unlearned", HOSTILE, HOSTILE, seed) for seed in (0, 1)]
    results[-1]["record"]["scores"] = {}
    results[-1] |= {"error": HOSTILE}
    return benches.minimal(
        title=HOSTILE, command=f"{HOSTILE} ```", order=[HOSTILE], results=results
    )


def test_hostile_text_stays_in_its_cell() -> None:
    text = latex(hostile())
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    assert {line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")} == {10}
    bare = re.sub(r"\\[\\&%$#_{}]", "", text.split("\n", 1)[1])
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[#_^~%]", re.sub(r"\$[^$]*\$", "", bare))
    shown = markdown(hostile())
    assert "````text\n" in shown
    assert {
        len(re.findall(r"(?<!\\)\|", line)) for line in shown.splitlines() if line[:2] == "| "
    } == {14}


def test_latex_bolds_the_best_and_marks_the_slow() -> None:
    text = latex(benches.full())
    assert text.count(r"\textbf{") == 2
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert r"scrub$^{\dag}$" in text
    assert r"$\dag$ slower than retraining" in text
    assert r"\label{tab:cifar10-fast-one-class}" in text

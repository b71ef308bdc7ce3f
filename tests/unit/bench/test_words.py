"""A bench of words: its config, its jobs, and its tables."""

from typing import Any

import pytest

from expunge.bench.words.config import parse_word_bench
from expunge.bench.words.jobs import word_jobs
from expunge.bench.words.result import WordBench, WordResult
from expunge.bench.words.tables import DASH, word_rows, word_tables
from expunge.core import ConfigError, InputError
from expunge.core.schemas.record import GenerationProbe, Relearn

METHODS: list[dict[str, Any]] = [
    {"label": "Scissorhands", "name": "scissorhands", "seeds": [0, 1]},
    {"label": "SalUn", "name": "salun", "words": ["church"]},
]
CONFIG: dict[str, Any] = {
    "title": "T", "kind": "words", "scene": "imagenette64", "seeds": [0], "quality": [1.5],
    "words": ["church", "tench"], "method": METHODS,
}  # fmt: skip


def test_jobs_go_word_by_word_with_references_first() -> None:
    plan = parse_word_bench(CONFIG)
    found = [
        (job.kind, job.word, job.method, job.seed, job.guidance)
        for job in word_jobs(plan, ["tench", "church", "dog"])
    ]
    assert found == [
        ("original", "", "original", 0, 3.0),
        ("original", "", "original", 0, 1.5),
        ("retrained", "church", "retrained", 0, 3.0),
        ("unlearned", "church", "Scissorhands", 0, 3.0),
        ("unlearned", "church", "Scissorhands", 1, 3.0),
        ("unlearned", "church", "SalUn", 0, 3.0),
        ("retrained", "tench", "retrained", 0, 3.0),
        ("unlearned", "tench", "Scissorhands", 0, 3.0),
        ("unlearned", "tench", "Scissorhands", 1, 3.0),
    ]
    assert str(word_jobs(plan, ["church", "tench"])[3]) == "Scissorhands (church, seed 0)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": [*METHODS, METHODS[0]]}, "two entries are called 'Scissorhands'"),
        ({"method": [METHODS[0] | {"words": ["dog"]}]}, "words: 'dog' is not among the words"),
        ({"method": [METHODS[0] | {"trim": 2}]}, "method 'Scissorhands': method.trim"),
        ({"seeds": []}, "seeds"),
        ({"drawing": {"guidance": 0}}, "drawing.guidance"),
        ({"probes": {"completion": [1.0]}}, "probes.completion"),
        ({"probes": {"relearn": [20, 0]}}, "probes.relearn: expected increasing numbers of steps"),
    ],
)
def test_problems_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_word_bench(CONFIG | changes)


def test_a_word_that_the_scene_does_not_have() -> None:
    with pytest.raises(ConfigError, match="expected some of tench, dog; got 'church'"):
        word_jobs(parse_word_bench(CONFIG), ["tench", "dog"])


def result(kind: Any, word: str, method: str, seed: int, **values: Any) -> WordResult:
    return WordResult(
        key=f"{kind}{word}{method}{seed}", created="now", versions={}, kind=kind, word=word,
        method=method, seed=seed, guidance=3.0, **values,
    )  # fmt: skip


def bench(*results: WordResult, planned: int = 5) -> WordBench:
    return WordBench(
        title="T", created="now", config=CONFIG | {"drawing": {"images": 30, "steps": 20}},
        judge="J", judge_accuracy=79.4, planned=planned, results=list(results),
    )  # fmt: skip


SOME = (
    result("original", "", "original", 0, others=90.0, fid=100.0),
    result("retrained", "church", "retrained", 0, target=10.0, others=90.0, seconds=900.0),
    result("unlearned", "church", "Scissorhands", 0, target=4.0, others=80.0, seconds=60.0),
    result("unlearned", "church", "Scissorhands", 1, target=12.0, others=90.0, seconds=80.0),
    result("unlearned", "church", "SalUn", 0, error="diverged"),
)


def test_rows_are_means_over_words_and_seeds() -> None:
    rows = {row.method: row for row in word_rows(bench(*SOME))}
    assert list(rows) == ["Original, guidance 3", "Retrained", "Scissorhands", "SalUn"]
    row = rows["Scissorhands"]
    assert row.target is not None
    assert (row.target.mean, row.words, row.results) == (8.0, 1, 2)
    assert row.distance is not None
    assert row.distance.mean == (6 + 2) / 2
    assert row.seconds is not None
    assert row.seconds.mean == 70
    assert rows["SalUn"].target is None
    assert rows["SalUn"].errors == ("diverged",)


def test_the_table_says_what_is_missing_and_what_was_refused() -> None:
    text = word_tables(bench(*SOME, planned=7))
    assert "**INCOMPLETE: 2 of 7 results are missing.**" in text
    assert "- SalUn, church: diverged" in text
    assert "79.4 % of test images right" in text
    assert "| Scissorhands | 8.0 ± 5.7 (4.0) |" in text
    assert "| Method | church |" in text
    assert "INCOMPLETE" not in word_tables(bench(*SOME))


def test_methods_are_compared_over_equal_words_as_well() -> None:
    more = result("unlearned", "tench", "Scissorhands", 0, target=50.0)
    gold = result("retrained", "tench", "retrained", 0, target=0.0)
    first, second = word_tables(bench(*SOME, gold, more)).split(
        "The same over the words of all methods (church):"
    )
    assert "| Scissorhands | 22.0 ± " in first
    assert "| Scissorhands | 8.0 ± 5.7 (4.0) |" in second
    assert "| Retrained | 10.0 |" in second
    assert "The same over" not in word_tables(bench(*SOME))
    assert "The same over" not in word_tables(bench(SOME[0], more, SOME[-1]))


def test_what_is_drawn_with_help_and_once_taught_again_has_columns() -> None:
    def probed(kind: Any, seed: int, *shares: float) -> WordResult:
        help_ = [("completion", 0.3), ("noise", 0.1)]
        probes = [
            GenerationProbe(probe=name, strength=strength, images=30, recognised={"model": share})
            for (name, strength), share in zip(help_, shares[1:], strict=False)
        ]
        curve = Relearn(
            protocol={}, measured_on="drawings", steps=[0, 80], curves={"model": [*shares[3:]]}
        )
        name = "retrained" if kind == "retrained" else "Scissorhands"
        return result(kind, "church", name, seed, target=shares[0], probes=probes, relearn=curve)

    table = word_tables(
        bench(
            probed("retrained", 0, 10.0, 20.0, 30.0, 10.0, 90.0),
            probed("unlearned", 0, 0.0, 10.0, 5.0, 0.0, 50.0),
            probed("unlearned", 1, 4.0, 12.0, 5.0, 4.0, 70.0),
            result("unlearned", "church", "SalUn", 0, target=1.0),
        )
    )
    text = table.replace(DASH, "-")
    assert "| FID | Completion 0.3 | Noise 0.1 | Taught again for 0 · 80 steps | Seconds |" in text
    assert "| 20.0 | 30.0 | 10 · 90 | - | 1 | 1 |" in text
    assert "| 11.0 ± 1.4 | 5.0 ± 0.0 | 2 · 60 | - | 1 | 2 |" in text
    assert "| SalUn | 1.0 (9.0) | - | - | - | - | - | - | - | 1 | 1 |" in text
    assert "Taught again" not in word_tables(bench(*SOME))


def test_it_is_read_as_it_was_written(tmp_path: Any) -> None:
    found = bench(*SOME)
    found.save(tmp_path / "bench.json")
    assert WordBench.load(tmp_path / "bench.json") == found
    with pytest.raises(InputError, match="cannot read the bench"):
        WordBench.load(tmp_path / "absent.json")
    (tmp_path / "other.json").write_text('{"schema": "expunge.bench/1"}')
    with pytest.raises(InputError, match=r"is not a bench of words of schema 'expunge.words/1'"):
        WordBench.load(tmp_path / "other.json")

"""A bench of text-to-image models: its config, its jobs, and its tables."""

from typing import Any

import pytest

from expunge.bench import Bench, Result, parse_bench
from expunge.core import ConfigError, InputError
from expunge.core.schemas.record import GenerationProbe, Record, Relearn
from expunge.core.schemas.results import Judge
from expunge.reporting.bench.concepts import DASH, concept_rows, concept_tables

METHODS: list[dict[str, Any]] = [
    {"label": "Scissorhands", "name": "scissorhands", "seeds": [0, 1]},
    {"label": "SalUn", "name": "salun", "words": ["church"]},
]
CONFIG: dict[str, Any] = {
    "title": "T", "kind": "generator", "scene": "imagenette64", "seeds": [0], "quality": [1.5],
    "words": ["church", "tench"], "method": METHODS,
}  # fmt: skip


def test_jobs_go_concept_by_concept_with_references_first() -> None:
    plan = parse_bench(CONFIG)
    found = [
        (job.kind, job.cell.scenario, job.method, job.seed, job.cell.base.drawing.guidance)
        for job in plan.jobs
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
    assert str(plan.jobs[3]) == "Scissorhands (imagenette64, denoiser, church, seed 0)"
    assert str(plan.jobs[1]) == "original (imagenette64, denoiser, guidance 1.5, seed 0)"


def test_the_former_kind_is_read_as_the_new_one() -> None:
    new, old = (parse_bench(CONFIG | {"kind": kind}) for kind in ("generator", "words"))
    assert [str(job) for job in new.jobs] == [str(job) for job in old.jobs]
    tuned = [METHODS[0] | {"tune": {"lr": [1e-5, 1e-3, "log"]}}]
    plan = parse_bench(CONFIG | {"method": tuned, "tune": {"trials": 2, "seed": 100}})
    assert [job.tuned_as for job in plan.jobs][2:4] == [None, "Scissorhands"]


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
        parse_bench(CONFIG | changes)


def test_a_concept_that_the_scene_does_not_have() -> None:
    with pytest.raises(ConfigError, match=r"expected words to be one of tench.*got 'chruch'"):
        parse_bench(CONFIG | {"words": ["chruch"], "method": METHODS[:1]})
    with pytest.raises(ConfigError, match="expected scene to be one of digits"):
        parse_bench(CONFIG | {"scene": "imagenet"})


def result(
    kind: Any, concept: str, method: str, seed: int, *, error: str | None = None,
    seconds: float | None = None, probes: Any = (), relearn: Relearn | None = None,
    **scores: float,
) -> Result:  # fmt: skip
    names = {"target": "forget_accuracy", "others": "retain_accuracy"}
    record = Record.model_validate({
        "created": "now", "versions": {}, "cost": {"seconds": seconds},
        "scores": {kind: {names.get(name, name): value for name, value in scores.items()}},
        "generation_protocol": {"guidance": 3.0}, "generation_probes": list(probes),
        "relearn": relearn,
    })  # fmt: skip
    return Result(
        key=f"{kind}{concept}{method}{seed}", kind=kind, data="imagenette64", model="denoiser",
        scenario=concept, method=method, seed=seed, record=record, error=error,
    )  # fmt: skip


def bench(*results: Result, planned: int = 5) -> Bench:
    return Bench(
        title="T", created="now", config=CONFIG | {"drawing": {"images": 30, "steps": 20}},
        order=[one["label"] for one in METHODS], judge=Judge(name="J", accuracy=79.4),
        planned=planned, results=list(results),
    )  # fmt: skip


SOME = (
    result("original", "", "original", 0, others=90.0, fid=100.0),
    result("retrained", "church", "retrained", 0, target=10.0, others=90.0, seconds=900.0),
    result("unlearned", "church", "Scissorhands", 0, target=4.0, others=80.0, seconds=60.0),
    result("unlearned", "church", "Scissorhands", 1, target=12.0, others=90.0, seconds=80.0),
    result("unlearned", "church", "SalUn", 0, error="diverged"),
)


def test_rows_are_means_over_concepts_and_seeds() -> None:
    rows = {row.method: row for row in concept_rows(bench(*SOME))}
    assert list(rows) == ["Original, guidance 3", "Retrained", "Scissorhands", "SalUn"]
    row = rows["Scissorhands"]
    assert row.target is not None
    assert (row.target.mean, row.concepts, row.results) == (8.0, 1, 2)
    assert row.distance is not None
    assert row.distance.mean == (6 + 2) / 2
    assert row.seconds is not None
    assert row.seconds.mean == 70
    assert rows["SalUn"].target is None
    assert rows["SalUn"].errors == ("diverged",)


def test_the_table_says_what_is_missing_and_what_was_refused() -> None:
    text = concept_tables(bench(*SOME, planned=7))
    assert "**INCOMPLETE: 2 of 7 results are missing.**" in text
    assert "- SalUn, church: diverged" in text
    assert "79.4 % of test images right" in text
    assert "| Scissorhands | 8.0 ± 5.7 (4.0) |" in text
    assert "| Method | church |" in text
    assert "INCOMPLETE" not in concept_tables(bench(*SOME))


def test_methods_are_compared_over_equal_concepts_as_well() -> None:
    more = result("unlearned", "tench", "Scissorhands", 0, target=50.0)
    gold = result("retrained", "tench", "retrained", 0, target=0.0)
    first, second = concept_tables(bench(*SOME, gold, more)).split(
        "The same over the concepts of all methods (church):"
    )
    assert "| Scissorhands | 22.0 ± " in first
    assert "| Scissorhands | 8.0 ± 5.7 (4.0) |" in second
    assert "| Retrained | 10.0 |" in second
    assert "The same over" not in concept_tables(bench(*SOME))
    assert "The same over" not in concept_tables(bench(SOME[0], more, SOME[-1]))


def test_probes_and_relearning_have_columns() -> None:
    def probed(kind: Any, seed: int, *shares: float) -> Result:
        help_ = [("completion", 0.3), ("noise", 0.1)]
        probes = [
            GenerationProbe(probe=name, strength=strength, images=30, recognised={kind: share})
            for (name, strength), share in zip(help_, shares[1:], strict=False)
        ]
        curve = Relearn(
            protocol={}, measured_on="images", steps=[0, 80], curves={kind: [*shares[3:]]}
        )
        name = "retrained" if kind == "retrained" else "Scissorhands"
        return result(kind, "church", name, seed, target=shares[0], probes=probes, relearn=curve)

    table = concept_tables(
        bench(
            probed("retrained", 0, 10.0, 20.0, 30.0, 10.0, 90.0),
            probed("unlearned", 0, 0.0, 10.0, 5.0, 0.0, 50.0),
            probed("unlearned", 1, 4.0, 12.0, 5.0, 4.0, 70.0),
            result("unlearned", "church", "SalUn", 0, target=1.0),
        )
    )
    text = table.replace(DASH, "-")
    assert "| FID | Completion 0.3 | Noise 0.1 | Relearned for 0 · 80 steps | Seconds |" in text
    assert "| 20.0 | 30.0 | 10 · 90 | - | 1 | 1 |" in text
    assert "| 11.0 ± 1.4 | 5.0 ± 0.0 | 2 · 60 | - | 1 | 2 |" in text
    assert "| SalUn | 1.0 (9.0) | - | - | - | - | - | - | - | 1 | 1 |" in text
    assert "Relearned" not in concept_tables(bench(*SOME))


def test_it_is_read_as_it_was_written(tmp_path: Any) -> None:
    found = bench(*SOME)
    found.save(tmp_path / "bench.json")
    assert Bench.load(tmp_path / "bench.json") == found
    with pytest.raises(InputError, match="cannot read the bench"):
        Bench.load(tmp_path / "absent.json")
    (tmp_path / "other.json").write_text('{"schema": "expunge.record/2"}')
    with pytest.raises(InputError, match=r"is not a bench of schema 'expunge.bench/2'"):
        Bench.load(tmp_path / "other.json")

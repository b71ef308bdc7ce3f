"""Rows against plain numpy, and the flags against hand-made benches."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.bench import benches

from expunge.core.errors import InputError
from expunge.core.schemas.results import Bench, Result
from expunge.reporting.bench.row import BenchRow, Stat, stat
from expunge.reporting.bench.rows import planned_seeds, rows, sections

PLACE = benches.SCENARIOS[0]


def find(bench: Bench, method: str, scenario: str = PLACE) -> BenchRow:
    (row,) = [one for one in rows(bench) if (one.method, one.scenario) == (method, scenario)]
    return row


def small(gaps: dict[str, list[float]], **changes: Any) -> Bench:
    """Each model has all four scores at 50 plus its gap, so that the gap is its Avg. Gap."""
    results = []
    kinds = {"Original": ("original", 0), "Retrain": ("retrained", 1), "Second": ("retrained", 2)}
    for name, values in ({"Retrain": [0.0] * 9} | gaps).items():
        kind, number = kinds.get(name, ("unlearned", 0))
        for seed, gap in enumerate(values[: len(gaps["Original"])]):
            scores = dict.fromkeys(benches.NAMES, 50 + gap)
            results.append(
                benches.result(kind, name, PLACE, seed, number=number, scores=scores, cka={})
            )
    order = [name for name in gaps if name not in kinds]
    payload = {"title": "t", "created": "c", "config": {}, "order": order, "results": results}
    return Bench.model_validate(payload | {"planned": len(results)} | changes)


def test_the_order_is_that_of_the_config() -> None:
    found = rows(benches.full(config={"scenario": [{"kind": "one class"}, {"label": PLACE}]}))
    names = ["Original", "Retrain", "Retrain (second)", *benches.METHODS]
    assert [row.method for row in found] == names * 2
    assert [row.scenario for row in found[:: len(names)]] == ["one class", PLACE]


def test_a_restricted_method_has_a_row_only_where_it_is_planned() -> None:
    bench = benches.minimal(
        order=["a", "b", "c"],
        config={"seeds": [0, 1], "retrain": 2, "method": [
            {"label": "a", "name": "x", "scenario": ["one class"]}, {"name": "b", "data": ["svhn"]},
            {"name": "c", "model": ["fast"]},
        ]},
        results=[benches.result("original", "original", one, 0) for one in benches.SCENARIOS],
    )  # fmt: skip
    found = [(row.scenario, row.method) for row in rows(bench) if row.kind == "unlearned"]
    assert found == [("one class", "a"), ("one class", "c"), (PLACE, "c")]
    assert [section.counts for section in sections(bench)] == [(1, 10), (1, 8)]


def test_an_untrained_model_only_anchors_the_curves() -> None:
    bench = benches.full()
    extra = Result.model_validate(benches.result("untrained", "untrained", PLACE, 0))
    (section, _) = sections(bench.model_copy(update={"results": [*bench.results, extra]}))
    assert [row.method for row in section.rows if row not in section.shown] == ["Untrained"]
    assert "rte" not in section.rows[3].stats
    assert section.counts == (34, 36)


def test_an_unlisted_method_and_a_third_retrain_get_rows() -> None:
    bench = benches.full(order=list(benches.METHODS[1:]))
    extra = Result.model_validate(benches.result("retrained", "retrain", PLACE, 0, number=3))
    found = rows(bench.model_copy(update={"results": [*bench.results, extra]}))
    first = [row.method for row in found if row.scenario == PLACE]
    assert first[3] == "Retrain (3)"
    assert first[-1] == "fine-tune"


def test_means_spreads_gaps_and_rte_against_numpy() -> None:
    bench = benches.full()
    here = [one for one in bench.results if one.scenario == PLACE]

    def table(kind: str, number: int, method: str) -> np.ndarray[Any, Any]:
        chosen = [
            one for one in here if (one.kind, one.number, one.method) == (kind, number, method)
        ]
        return np.array([[one.scores[name] for name in benches.NAMES] for one in chosen])

    fastest = min(
        took for one in here if one.kind == "retrained" and (took := one.record.cost.seconds)
    )
    truth = table("retrained", 1, "retrain")
    models = {
        "Original": ("original", 0, "original"),
        "Retrain (second)": ("retrained", 2, "retrain"),
    }
    models |= {name: ("unlearned", 0, name) for name in ("fine-tune", "salun", "scrub")}
    for name, key in models.items():
        row, values = find(bench, name), table(*key)
        for column, field in enumerate(benches.NAMES):
            one = row.stats[field]
            assert one.mean == pytest.approx(values[:, column].mean())
            assert one.sd == pytest.approx(values[:, column].std(ddof=1))
            assert one.n == 3
            change = values[:, column].mean() - truth[:, column].mean()
            assert row.distance[field] == pytest.approx(change)
        gaps = np.abs(values - truth).mean(axis=1)
        assert row.avg_gap is not None
        assert row.avg_gap.mean == pytest.approx(gaps.mean())
        assert row.avg_gap.sd == pytest.approx(gaps.std(ddof=1))
        means = np.abs(values.mean(axis=0) - truth.mean(axis=0)).mean()
        assert row.gap_of_means == pytest.approx(means)
        took = np.array([
            one.record.cost.seconds
            for one in here
            if (one.kind, one.number, one.method) == key
        ])  # fmt: skip
        if name != "Original":
            assert row.stats["rte"].mean == pytest.approx((took / fastest).mean())
            assert row.stats["rte"].sd == pytest.approx((took / fastest).std(ddof=1))
    assert "rte" not in find(bench, "Original").stats
    assert find(bench, "Retrain").avg_gap is None


def test_a_missing_seed_leaves_the_other_pairs() -> None:
    row = find(benches.full(), "ssd")
    bench = benches.full()
    here = [one for one in bench.results if one.scenario == PLACE and one.scores and one.seed < 2]
    mine = {one.seed: one.scores for one in here if one.method == "ssd"}
    truth = {one.seed: one.scores for one in here if one.number == 1}
    diffs = np.array([[mine[s][f] - truth[s][f] for f in benches.NAMES] for s in (0, 1)])
    assert row.avg_gap is not None
    assert row.avg_gap.n == 2
    assert row.avg_gap.mean == pytest.approx(np.abs(diffs).mean())
    assert row.gap_of_means == pytest.approx(np.abs(diffs.mean(axis=0)).mean())
    assert row.seeds == (0, 1)
    assert row.problems == [f"failed on seed 2: {benches.REFUSED}"]
    assert "2 of 3 seeds" in row.marks


def test_the_gap_of_means_cancels_where_the_mean_of_gaps_does_not() -> None:
    row = find(small({"Original": [9.0, 9.0], "m": [3.0, -3.0]}), "m")
    assert row.avg_gap == Stat(3.0, 0.0, 2)
    assert row.gap_of_means == 0.0


def test_errors_and_results_that_were_not_run_are_told_apart() -> None:
    failed = find(benches.full(), "gradient-ascent", "one class")
    assert failed.stats == {}
    assert failed.avg_gap is None
    assert failed.problems == [f"failed on seeds 0, 1, 2: {benches.REFUSED}"]
    missing = find(benches.full(), "l1-sparse", "one class")
    assert missing.problems == ["seed 1 not run"]
    assert [section.counts for section in sections(benches.full())] == [(33, 33), (32, 33)]


def test_planned_seeds_come_from_the_config_or_the_results() -> None:
    assert planned_seeds(benches.full(config={"seeds": [0, 1, 2, 3]})) == [0, 1, 2, 3]
    assert planned_seeds(benches.full(config={})) == [0, 1, 2]
    assert find(benches.full(config={"seeds": [0, 1, 2, 3]}), "salun").problems == [
        "seed 3 not run"
    ]


@pytest.mark.parametrize(
    ("gap", "flags"),
    [
        (1.9, {"within_floor": True, "worse_than_original": False}),
        (2.0, {"within_floor": True, "worse_than_original": False}),  # 1.5 x 1 + 0.5
        (2.1, {"within_floor": False, "worse_than_original": False}),
        (5.0, {"within_floor": False, "worse_than_original": False}),
        (5.1, {"within_floor": False, "worse_than_original": True}),
    ],
)
def test_flags_of_the_gap(gap: float, flags: dict[str, bool]) -> None:
    bench = small({"Original": [5.0, 5.0], "Second": [1.0, 1.0], "m": [gap, gap], "n": [9.0, 9.0]})
    row = find(bench, "m")
    assert {name: getattr(row, name) for name in flags} == flags
    assert row.best == (gap < 9)
    assert not any(one.best or one.within_floor for one in rows(bench) if one.kind != "unlearned")


def test_the_best_is_judged_on_as_many_seeds_as_any() -> None:
    bench = small({"Original": [5.0, 5.0], "lucky": [0.1], "steady": [0.5, 0.5]})
    assert [row.method for row in rows(bench) if row.best] == ["steady"]


@pytest.mark.parametrize(("seconds", "slower"), [(99.9, False), (100.0, True), (150.0, True)])
def test_slower_is_judged_by_the_fastest_retrain(seconds: float, slower: bool) -> None:
    def timed(one: Result) -> Result:
        took = {1: 200.0, 2: 100.0 + one.seed}.get(one.number, seconds)
        cost = one.record.cost.model_copy(update={"seconds": took})
        return one.model_copy(update={"record": one.record.model_copy(update={"cost": cost})})

    bench = small({"Original": [5.0, 5.0], "Second": [1.0, 1.0], "m": [2.0, 2.0]})
    bench = bench.model_copy(update={"results": [timed(one) for one in bench.results]})
    row = find(bench, "m")
    assert row.stats["rte"].mean == pytest.approx(seconds / 100)
    assert row.slower == slower
    assert ("slower than retraining" in row.marks) == slower
    assert not find(bench, "Retrain").slower


def test_what_is_not_known_or_not_finite_has_no_entry() -> None:
    row = find(benches.bare(), "ssd")
    assert set(row.stats) == {"forget_accuracy", "retain_accuracy"}
    assert row.stats["forget_accuracy"] == Stat(90.0, None, 1)
    assert (row.avg_gap, row.gap_of_means, row.curve) == (None, None, ())
    bench = small({"Original": [5.0, 5.0], "m": [float("nan"), 1.0]})
    one = find(bench, "m")
    assert one.avg_gap == Stat(1.0, None, 1)
    assert one.stats["mia"].n == 1
    assert stat([float("inf"), None, "x"]) is None


def test_curves_are_averaged_step_by_step() -> None:
    row = find(benches.full(), "salun")
    curves = np.array([
        one.relearn_curve
        for one in benches.full().results
        if one.method == "salun" and one.scenario == PLACE and one.record.relearn
    ])  # fmt: skip
    assert [step for step, _ in row.curve] == [0, 3, 6, 9, 12]
    assert [one.mean for _, one in row.curve] == pytest.approx(curves.mean(axis=0))
    assert row.stats["relearn"].mean == pytest.approx(curves[:, -1].mean())


def test_the_same_result_twice_is_refused() -> None:
    bench = benches.full()
    with pytest.raises(InputError, match=r"two results of 'original'.*seed 0; remove one"):
        rows(bench.model_copy(update={"results": [*bench.results, bench.results[0]]}))


def test_a_bench_without_results_has_no_rows() -> None:
    assert rows(benches.minimal()) == []


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_the_order_of_results_does_not_matter(seed: int) -> None:
    bench = benches.full()
    shuffled = list(bench.results)
    random.Random(seed).shuffle(shuffled)
    assert rows(bench.model_copy(update={"results": shuffled})) == rows(bench)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_stat_is_that_of_numpy(values: list[float]) -> None:
    found = stat(values)
    assert found is not None
    assert found.mean == pytest.approx(np.mean(values), abs=1e-6)
    if len(values) > 1:
        assert found.sd == pytest.approx(np.std(values, ddof=1), abs=1e-6)

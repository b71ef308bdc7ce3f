"""Grids: what they expand to, and every mistake in one message."""

import copy
from typing import Any

import pytest

from expunge.bench import parse_bench
from expunge.core import ConfigError

BASE: dict[str, Any] = {
    "title": "A grid",
    "seeds": [0, 1],
    "retrain": 2,
    "data": [{"source": "digits"}, {"label": "few digits", "source": "digits", "limit": 300}],
    "model": [{"name": "small", "training": {"recipe": "quick"}}],
    "scenario": [
        {"label": "tenth", "kind": "random", "fraction": 0.1},
        {"label": "three", "kind": "classes", "classes": [3], "data": ["digits"]},
    ],
    "method": [
        {"label": "FT", "name": "fine-tune"},
        {"label": "UNSIR", "name": "unsir", "scenario": ["three"]},
    ],
}


def grid(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(BASE) | changes


def problems(raw: dict[str, Any], *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_bench(raw, overrides)
    return caught.value.problems


def test_the_grid_is_a_product_that_restrictions_cut() -> None:
    plan = parse_bench(grid())
    places = [(one.data, one.scenario) for one in plan.cells]
    assert places == [("digits", "tenth"), ("digits", "three"), ("few digits", "tenth")]
    assert [list(one.methods) for one in plan.cells] == [["FT"], ["FT", "UNSIR"], ["FT"]]
    assert plan.order == ["FT", "UNSIR"]
    found = [(job.cell.scenario, job.seed, job.method, job.number) for job in plan.jobs]
    assert found[:5] == [
        ("tenth", 0, "original", 0),
        ("tenth", 0, "untrained", 0),
        ("tenth", 0, "retrained", 1),
        ("tenth", 0, "retrained", 2),
        ("tenth", 0, "FT", 0),
    ]
    assert len(found) == 2 * (5 + 6 + 5)


def test_a_seed_draws_the_forget_set_and_seeds_the_method() -> None:
    setting = parse_bench(grid(seed=4)).cells[0]
    assert setting.base.seed == 4
    run = setting.run(7, setting.methods["FT"])
    assert (run.seed, run.data.forget.seed) == (7, 7)
    assert run.build_method().name == "fine-tune"
    assert run.reference.retrain == 2


def test_overrides_change_what_is_no_list() -> None:
    plan = parse_bench(grid(), ["seeds=[5]", "evaluation.relearn=false"])
    assert plan.table["seeds"] == [5]
    assert plan.evaluation.relearn is False


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seeds": []}, "seeds: expected at least 1"),
        ({"seeds": [1, 1]}, "seeds: expected different numbers, got [1, 1]"),
        ({"retrain": 3}, "retrain: expected less than or equal to 2, got 3"),
        ({"sedes": [1]}, "sedes: unknown key; did you mean 'seeds'?"),
        ({"method": []}, "method: expected at least 1"),
        (
            {"method": [{"label": "A", "name": "fine-tune"}, {"label": "A", "name": "salun"}]},
            "method: two entries are called 'A'; give each its own label",
        ),
        (
            {"method": [{"name": "fine-tun"}]},
            "method 'fine-tun': method.name: expected one of",
        ),
        ({"method": [{"name": "salun", "shar": 0.5}]}, "unknown key; did you mean 'share'?"),
        (
            {"method": [{"name": "salun", "scenario": ["tent"]}]},
            "method 'salun': scenario: there is no scenario called 'tent'; did you mean 'tenth'?",
        ),
        (
            {"method": [{"name": "salun", "scenario": "tenth"}]},
            "method 'salun': scenario: expected a list of labels, got 'tenth'",
        ),
        (
            {"method": [{"name": "salun", "tune": {"lr": [0.1, 0.2]}}]},
            "tune: there is no budget for it; add tune = { trials = 8, seed = 100 } at the top",
        ),
        (
            {
                "tune": {"trials": 2, "seed": 1},
                "method": [{"name": "salun", "tune": {"lr": [0.1, 0.2]}}],
            },
            "tune.seed: 1 is one of the seeds that are reported",
        ),
        (
            {
                "tune": {"trials": 2, "seed": 9},
                "method": [{"name": "salun", "tune": "SalUn"}],
            },
            "method 'salun': tune: there is no tuned method called 'SalUn' here",
        ),
        ({"tune": {"trials": 0, "seed": 9}}, "tune.trials: expected greater than or equal to 1"),
        (
            {
                "scenario": [{"kind": "random", "fraction": 2.0}],
                "method": [{"name": "fine-tune"}],
            },
            "data.forget.fraction",
        ),
        ({"model": [{"name": "small", "training": {"recipe": "quik"}}]}, "training.recipe"),
    ],
)
def test_a_mistake_is_named_with_its_place(changes, expected) -> None:
    assert any(expected in line for line in problems(grid(**changes))), problems(grid(**changes))


def test_all_mistakes_come_at_once_and_each_once() -> None:
    lines = problems(grid(seeds=[1, 1], method=[{"name": "salun", "shar": 1}]), "x")
    assert len(lines) == 3
    assert len({line for line in lines if "shar" in line}) == 1

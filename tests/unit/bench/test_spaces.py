"""Ranges and choices of a tune table, and the search itself."""

import sys

import pytest

from expunge.bench.spaces import Choice, Range, read_space
from expunge.bench.tune import tune
from expunge.core import InputError
from expunge.core.schemas.results import Trial


def read(table, method=None) -> tuple[dict, list[str]]:
    problems: list[str] = []
    return read_space(table, method or {}, "M", problems), problems


def test_the_three_forms() -> None:
    space, problems = read(
        {"lr": [1e-4, 0.1, "log"], "epochs": [1, 3], "mask": ["a", "b"], "k": [1, 2, 4]}
    )
    assert problems == []
    assert space == {
        "lr": Range(1e-4, 0.1, log=True),
        "epochs": Range(1, 3),
        "mask": Choice(("a", "b")),
        "k": Choice((1, 2, 4)),
    }
    assert 0.01 in space["lr"]
    assert 1.0 not in space["lr"]
    assert "a" not in space["lr"]
    assert "a" in space["mask"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, "expected a table such as"),
        ([1, 2], "expected a table such as"),
        ({"lr": 0.1}, "tune.lr: expected [low, high]"),
        ({"lr": [0.1]}, "tune.lr: expected [low, high]"),
        ({"lr": [0.2, 0.1]}, "tune.lr: expected low < high, got [0.2, 0.1]"),
        ({"lr": [0.0, 0.1, "log"]}, "tune.lr: expected low < high and low > 0"),
        ({"lr": [0.1, [0.2]]}, "tune.lr: expected numbers, texts or true and false"),
        ({"lr": [0.1, 0.2, "log"]}, "tune.lr: it is set to 0.3 as well; delete one"),
    ],
)
def test_mistakes_name_the_field(table, expected) -> None:
    _, problems = read(table, {"lr": 0.3})
    assert any(expected in line for line in problems), problems


def bowl(settings) -> Trial:
    value = abs(settings["lr"] - 0.3) + (settings["kind"] == "b")
    return Trial(settings=dict(settings), value=value)


SPACE = {"lr": Range(0.01, 1.0, log=True), "kind": Choice(("a", "b"))}


def test_the_search_starts_at_the_defaults_and_repeats_itself() -> None:
    defaults = {"lr": 0.5, "kind": "b"}
    best, trials = tune(bowl, SPACE, defaults, trials=12, seed=3)
    assert trials[0].settings == defaults
    assert best == min(trials, key=lambda trial: trial.value).settings
    assert tune(bowl, SPACE, defaults, trials=12, seed=3) == (best, trials)
    assert tune(bowl, SPACE, defaults, trials=12, seed=4)[1] != trials


def test_defaults_outside_the_space_are_left_out() -> None:
    _, trials = tune(bowl, SPACE, {"lr": 5.0, "kind": None}, trials=2, seed=3)
    assert all(0.01 <= trial.settings["lr"] <= 1 for trial in trials)


def test_refused_trials_are_never_best() -> None:
    def refused(settings) -> Trial:
        return Trial(settings=dict(settings), value=None)

    best, trials = tune(refused, SPACE, {"lr": 0.5, "kind": "a"}, trials=3, seed=3)
    assert best == {}
    assert len(trials) == 3


def test_whole_numbers_stay_whole() -> None:
    seen = []

    def judge(settings) -> Trial:
        seen.append(settings["epochs"])
        return Trial(settings=dict(settings), value=0.0)

    tune(judge, {"epochs": Range(1, 3)}, {"epochs": 2}, trials=5, seed=0)
    assert all(isinstance(one, int) and 1 <= one <= 3 for one in seen)


def test_without_optuna_the_message_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"expunge\[tuning\]"):
        tune(bowl, SPACE, {"lr": 0.5, "kind": "a"}, trials=1, seed=0)

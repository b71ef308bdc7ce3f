"""Thinning, plain values, names: the small parts of a record."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from expunge.evaluation.details import class_name, plain, samples, spaced, thinned
from expunge.evaluation.score import SetScores


def rows(**stages: int) -> list[dict[str, object]]:
    return [
        {"stage": stage, "step": step, "loss": step / 2}
        for stage, count in stages.items()
        for step in range(count)
    ]


def test_short_histories_stay_whole() -> None:
    history = rows(trim=1, repair=499)
    assert thinned(history) == history
    assert thinned([]) == []


def test_long_histories_are_thinned_evenly() -> None:
    kept = thinned(rows(repair=10_000))
    assert 490 <= len(kept) <= 500
    steps = [row["step"] for row in kept]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 9_999)
    assert max(np.diff(steps)) <= 25


def test_the_ends_of_short_stages_are_kept() -> None:
    kept = thinned(rows(trim=1, repair=5_000, polish=2), limit=20)
    assert len(kept) <= 20
    found = [(row["stage"], row["step"]) for row in kept]
    for end in [("trim", 0), ("repair", 0), ("repair", 4_999), ("polish", 0), ("polish", 1)]:
        assert end in found


def test_more_stages_than_rows() -> None:
    history = rows(**{f"stage{i}": 1 for i in range(50)})
    assert len(thinned(history, limit=10)) == 10


def test_history_holds_no_nan() -> None:
    history = [{"stage": "a", "step": 0, "loss": float("nan"), "v": [1.0, float("inf")]}]
    assert thinned(history) == [{"stage": "a", "step": 0, "loss": None, "v": [1.0, None]}]


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(0, 12, []), (1, 12, [0]), (3, 12, [0, 1, 2]), (12, 3, [0, 6, 11]), (100, 1, [0])],
)
def test_evenly_spaced_positions(total: int, count: int, expected: list[int]) -> None:
    assert spaced(total, count) == expected


def test_values_become_what_json_has() -> None:
    value = {
        "tuple": (1, 2.5),
        "set": frozenset({"b", "a"}),
        "range": range(3),
        "tensor": torch.tensor([1.0, 2.0]),
        "number": np.float64(0.5),
        "flag": True,
        "nothing": None,
        "infinite": float("-inf"),
        "path": Path("a/b"),
        "fraction": Fraction(1, 3),
        "function": spaced,
        3: "key",
    }
    expected = {
        "tuple": [1, 2.5],
        "set": ["a", "b"],
        "range": [0, 1, 2],
        "tensor": [1.0, 2.0],
        "number": 0.5,
        "flag": True,
        "nothing": None,
        "infinite": "-inf",
        "path": "a/b",
        "fraction": "1/3",
        "function": "spaced",
        "3": "key",
    }
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected


def test_class_names() -> None:
    assert class_name(1, ["cat", "dog"]) == "dog"
    assert class_name(2, ["cat", "dog"]) == "2"
    assert class_name(-1, ["cat", "dog"]) == "-1"
    assert class_name(1, None) == "1"


def test_pictures_without_labels_or_probabilities() -> None:
    from PIL import Image

    class Album:
        def __len__(self) -> int:
            return 2

        def picture(self, index: int) -> Image.Image:
            return Image.new("L", (400, 200), index)

    scores = {"original": {"forget": SetScores(torch.zeros(2))}}
    found = samples(Album(), scores, None, None)
    assert [(sample.label, sample.probability) for sample in found] == [("", {}), ("", {})]

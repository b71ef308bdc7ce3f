"""ToW, relearn time, canaries, and the distance to retraining, worked out by hand."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
import torch
from torch import Tensor

from expunge.core import InputError
from expunge.core.schemas.record import Scores
from expunge.metrics import (
    METRICS,
    TOW_FIELDS,
    canary_memorisation,
    canary_recovery,
    distance,
    relearn_time,
    tug_of_war,
)

RETRAIN = Scores(forget_accuracy=90, retain_accuracy=100, test_accuracy=92)
ORIGINAL = Scores(forget_accuracy=100, retain_accuracy=99, test_accuracy=94, mia=3)


def test_tow_is_the_product_of_three_closenesses() -> None:
    assert tug_of_war(ORIGINAL, RETRAIN) == pytest.approx(0.9 * 0.99 * 0.98)
    assert tug_of_war(RETRAIN, RETRAIN) == 1.0
    lost = RETRAIN | {"retain_accuracy": 0}
    assert tug_of_war(lost, RETRAIN) == 0.0


@pytest.mark.parametrize("missing", TOW_FIELDS)
def test_tow_is_unknown_if_one_of_the_three_is(missing: str) -> None:
    holed = ORIGINAL | {missing: None}
    assert tug_of_war(holed, RETRAIN) is None
    assert tug_of_war(RETRAIN, holed) is None


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        ([99, 99, 99], 0),  # the original itself
        ([98, 50, 50], 0),  # the tolerance counts
        ([78, 98, 100], 10),
        ([88, 100, 100], 10 * 10 / 12),
        ([0, 96, 100], 10 + 30 * 2 / 4),
        ([0, 99, 50], 10 * 98 / 99),  # the first crossing
        ([0, 50, 97.9], None),
    ],
)
def test_relearn_time_is_read_between_the_points(
    accuracy: list[float], expected: float | None
) -> None:
    found = relearn_time([0, 10, 40], accuracy, 99)
    assert found == (None if expected is None else pytest.approx(expected))


def test_relearn_time_is_where_a_fine_grid_meets_the_goal() -> None:
    steps, accuracy = [0, 4, 9, 30], [10.0, 35.0, 30.0, 95.0]
    grid = np.linspace(0, 30, 300_001)
    values = np.interp(grid, steps, accuracy)
    for target in (11.0, 20.0, 34.0, 60.0, 94.0):
        expected = grid[np.argmax(values >= target)]
        assert relearn_time(steps, accuracy, target, tolerance=0) == pytest.approx(
            expected, abs=2e-4
        )


def test_relearn_time_of_one_point_and_of_a_late_start() -> None:
    assert relearn_time([0], [50], 51) == 0
    assert relearn_time([0], [50], 51, tolerance=0) is None
    assert relearn_time([3, 6], [99, 99], 99) == 3


@pytest.mark.parametrize(
    ("steps", "accuracy", "target", "tolerance", "message"),
    [
        ([], [], 90, 1, "at least one, got 0 steps"),
        ([0, 1], [5.0], 90, 1, "2 steps and 1 accuracies"),
        ([0, 0], [5.0, 5.0], 90, 1, "increasing"),
        ([-1, 0], [5.0, 5.0], 90, 1, ">= 0"),
        ([0, 1], [5.0, nan], 90, 1, "finite percentages"),
        ([0, 1], [5.0, 6.0], inf, 1, "finite percentages"),
        ([0, 1], [5.0, 6.0], 90, -1, "tolerance >= 0"),
    ],
)
def test_curves_that_are_none(
    steps: list[int], accuracy: list[float], target: float, tolerance: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        relearn_time(steps, accuracy, target, tolerance=tolerance)


def test_canaries_are_counted_by_what_they_are_taken_for() -> None:
    wrong, true = torch.tensor([1, 1, 2, 0]), torch.tensor([0, 2, 0, 1])
    predictions = torch.tensor([1, 2, 1, 1], dtype=torch.int32)
    assert canary_memorisation(predictions, wrong) == 25.0
    assert canary_recovery(predictions, true) == 50.0
    expected = sum(int(p == w) for p, w in zip(predictions, wrong, strict=True)) / 4
    assert canary_memorisation(predictions, wrong) == 100 * expected
    assert canary_memorisation(wrong, wrong) == 100.0
    assert canary_recovery(wrong, true) == 0.0


@pytest.mark.parametrize(
    ("predictions", "labels", "message"),
    [
        (torch.zeros(2, 3).long(), torch.zeros(2).long(), r"predictions to be .* argmax\(1\)"),
        (torch.zeros(2), torch.zeros(2).long(), "got torch.float32"),
        (torch.zeros(2).long(), torch.zeros(2).bool(), "_labels to be the classes"),
        (torch.zeros(2).long(), torch.zeros(3).long(), "2 predictions and 3"),
        (torch.zeros(0).long(), torch.zeros(0).long(), "at least one sample"),
    ],
)
@pytest.mark.parametrize("share", [canary_memorisation, canary_recovery])
def test_what_is_no_canary(
    share: object, predictions: Tensor, labels: Tensor, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        share(predictions, labels)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("metric", "value", "reference", "expected"),
    [
        ("forget_accuracy", 95, 90, 5),
        ("forget_accuracy", 80, 90, 10),  # forgotten too much
        ("forget_loss", -2.0, 1.0, 3),
        ("forget_loss", inf, 1.0, inf),
        ("relearn_time", 0, inf, inf),
        ("relearn_time", inf, inf, 0),
        ("avg_gap", 3, 0, 3),
        ("avg_gap", 3, 1, 2),
        ("avg_gap", 0.5, 1, 0),  # nearer than the floor is no better than the floor
        ("rte", 0.1, 1, 0),
        ("rte", 1.5, 1, 0.5),
        ("tow", 0.75, 1, 0.25),
        ("cka", 1, 0.5, 0),
        ("cka", 0.25, 0.5, 0.25),
    ],
)
def test_distance_by_hand(metric: str, value: float, reference: float, expected: float) -> None:
    assert distance(metric, value, reference) == expected
    assert distance(METRICS[metric], value, reference) == expected


def test_distance_of_a_metric_of_ones_own() -> None:
    own = replace(METRICS["tow"], name="own", high=5, direction="close to retrain")
    assert distance(own, 4, 1) == 3


@pytest.mark.parametrize(
    ("metric", "value", "reference", "message"),
    [
        ("toww", 1, 1, "did you mean 'tow'"),
        ("tow", 90, 1, r"value of tow to be between 0 and 1 \(share\), got 90"),
        ("mia", 50, -1, "reference of mia to be between 0 and 100"),
        ("test_loss", nan, 1, "value of test_loss .* got nan"),
    ],
)
def test_distances_that_mean_nothing(
    metric: str, value: float, reference: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        distance(metric, value, reference)


def test_comparisons_aim_at_the_end_of_their_range() -> None:
    assert {name for name, m in METRICS.items() if m.direction == "high"} == {"tow", "cka"}
    assert {name for name, m in METRICS.items() if m.direction == "low"} == {"avg_gap", "rte"}
    for metric in METRICS.values():
        assert metric.unit
        assert metric.reference
        assert metric.direction != "high" or metric.high == 1
        assert metric.direction != "low" or metric.low == 0

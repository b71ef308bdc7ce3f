"""Accuracy, gaps, histograms and cost, against values worked out by hand."""

import pytest
import torch

from expunge.core import InputError
from expunge.core.schemas.record import Scores
from expunge.metrics import (
    GAP_FIELDS,
    METRICS,
    SetScores,
    accuracy,
    average_gap,
    confidence_edges,
    histogram,
    loss_edges,
    mean_scores,
    run_time_efficiency,
    summarise,
)

RETRAIN = Scores(forget_accuracy=92, retain_accuracy=100, test_accuracy=91, mia=12, test_loss=0.5)
ORIGINAL = Scores(forget_accuracy=100, retain_accuracy=99, test_accuracy=92, mia=2, test_loss=0.3)


def test_accuracy_is_in_percent() -> None:
    assert accuracy(torch.tensor([True, False, True, True])) == 75.0


def test_accuracy_of_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one sample"):
        accuracy(torch.zeros(0, dtype=torch.bool))


def test_gap_is_the_mean_of_four_differences() -> None:
    assert average_gap(ORIGINAL, RETRAIN) == pytest.approx((8 + 1 + 1 + 10) / 4)


def test_gap_of_the_reference_to_itself_is_zero() -> None:
    assert average_gap(RETRAIN, RETRAIN) == 0.0


@pytest.mark.parametrize("missing", GAP_FIELDS[:3])
def test_gap_is_unknown_if_an_accuracy_is(missing: str) -> None:
    holed = ORIGINAL | {missing: None}
    assert average_gap(holed, RETRAIN) is None
    assert average_gap(RETRAIN, holed) is None


def test_gap_without_an_attack_is_the_mean_of_the_accuracies() -> None:
    """Of the reference: then no model has the term. Of a model alone it would be a way out."""
    without = RETRAIN | {"mia": None}
    for one in (ORIGINAL, ORIGINAL | {"mia": None}):
        assert average_gap(one, without) == pytest.approx((8 + 1 + 1) / 3)
    assert average_gap(ORIGINAL | {"mia": None}, RETRAIN) is None
    assert average_gap({"mia": 3.0}, {"mia": None}, ("mia",)) is None
    assert average_gap({"mia": 3.0}, {"mia": 4.0}, ("mia",)) == 1.0


def test_losses_do_not_count_in_the_gap() -> None:
    far = RETRAIN | {"test_loss": 9.0}
    assert average_gap(far, RETRAIN) == 0.0


def test_mean_of_several_references() -> None:
    mean = mean_scores([ORIGINAL, RETRAIN])
    assert (mean["forget_accuracy"], mean["mia"], mean["test_loss"]) == (96, 7, pytest.approx(0.4))
    assert "retain_loss" not in mean
    assert mean_scores([RETRAIN]) == RETRAIN


def test_mean_is_unknown_where_one_model_has_no_value() -> None:
    assert mean_scores([RETRAIN, (RETRAIN | {"mia": None})])["mia"] is None


def test_mean_of_no_model_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one model"):
        mean_scores([])


def test_histogram_puts_each_value_in_its_bin() -> None:
    values = torch.tensor([0.0, 0.1, 0.25, 0.5, 1.0])
    assert histogram(values, [0.0, 0.25, 0.5, 1.0]) == [2, 1, 2]


def test_histogram_counts_outliers_in_the_outer_bins() -> None:
    assert histogram(torch.tensor([-5.0, 0.5, 7.0]), [0.0, 0.25, 0.75, 1.0]) == [1, 1, 1]


def test_histogram_of_nothing_is_all_zero() -> None:
    assert histogram(torch.empty(0), confidence_edges(4)) == [0, 0, 0, 0]


def test_confidence_edges_span_zero_to_one() -> None:
    edges = confidence_edges()
    assert (len(edges), edges[0], edges[-1]) == (21, 0.0, 1.0)
    assert edges[1] == pytest.approx(0.05)


def test_loss_edges_cover_the_sample_that_reaches_farthest() -> None:
    edges = loss_edges([torch.tensor([1.0, 2.0]), torch.full((50,), 5.0), torch.empty(0)], bins=4)
    assert edges == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])


def test_loss_edges_leave_outliers_to_the_last_bin() -> None:
    losses = torch.cat([torch.linspace(0, 1, 999), torch.tensor([1e6])])
    edges = loss_edges([losses])
    assert edges[-1] < 1.1
    assert sum(histogram(losses, edges)) == 1000


def test_equal_losses_get_bins_of_some_width() -> None:
    assert loss_edges([torch.full((3,), 2.0)], bins=2) == pytest.approx([2.0, 2.5, 3.0])


def test_loss_edges_of_nothing_are_an_error() -> None:
    with pytest.raises(InputError, match="at least one loss"):
        loss_edges([torch.empty(0)])


def test_run_time_efficiency_is_a_share_of_the_retrain() -> None:
    assert run_time_efficiency(5.0, 20.0) == 0.25
    assert run_time_efficiency(5.0, None) is None
    assert run_time_efficiency(5.0, 0.0) is None


SETS = {name: SetScores(torch.ones(3)) for name in ("forget", "retain")}


def test_every_score_of_a_record_is_declared() -> None:
    assert set(summarise(SETS)) < set(METRICS)
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.low < metric.high
        assert metric.reference


def test_scores_aim_at_retrain_and_distances_at_zero() -> None:
    assert {METRICS[name].direction for name in summarise(SETS)} == {"close to retrain"}
    assert METRICS["avg_gap"].direction == "low"

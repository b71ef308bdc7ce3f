"""What must hold of metrics whatever the scores are."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from expunge.core.schemas.record import Scores
from expunge.metrics import (
    GAP_FIELDS,
    METRICS,
    average_gap,
    confidence_edges,
    distance,
    histogram,
    linear_cka,
    loss_edges,
    mean_scores,
    membership_svc,
    relearn_time,
    run_time_efficiency,
    tug_of_war,
)

percent = st.floats(0, 100)
scores = st.builds(Scores, **dict.fromkeys(GAP_FIELDS, percent))
probability = st.floats(0, 1, width=32)
relaxed = settings(deadline=None)  # other processes may hold the cores
metric_names = st.sampled_from(list(METRICS))


def tensors(low: int = 1, high: int = 20) -> st.SearchStrategy[Tensor]:
    return st.lists(probability, min_size=low, max_size=high).map(torch.tensor)


@relaxed
@given(scores, scores)
def test_gap_is_symmetric_bounded_and_zero_to_itself(one: Scores, other: Scores) -> None:
    gap = average_gap(one, other)
    assert gap is not None
    assert 0 <= gap <= 100
    assert gap == average_gap(other, one)
    assert average_gap(one, one) == 0


@relaxed
@given(scores, scores, scores)
def test_gap_obeys_the_triangle_inequality(a: Scores, b: Scores, c: Scores) -> None:
    direct, first, second = average_gap(a, c), average_gap(a, b), average_gap(b, c)
    assert direct is not None
    assert first is not None
    assert second is not None
    assert direct <= first + second + 1e-9


@relaxed
@given(scores, scores)
def test_an_original_never_scores_better_than_the_retrain(original: Scores, gold: Scores) -> None:
    gap = average_gap(original, gold)
    assert gap is not None
    assert average_gap(gold, gold) == 0 <= gap


def within(name: str) -> st.SearchStrategy[float]:
    """Any value that the metric can have."""
    return st.floats(METRICS[name].low, METRICS[name].high, allow_nan=False)


@relaxed
@given(st.data(), metric_names)
def test_no_value_of_an_original_beats_that_of_retraining(data: st.DataObject, name: str) -> None:
    original, gold = data.draw(within(name)), data.draw(within(name))
    assert distance(name, original, gold) >= distance(name, gold, gold) == 0
    if METRICS[name].direction == "close to retrain" and original != gold:
        assert distance(name, original, gold) > 0  # on either side


@relaxed
@given(st.data(), metric_names)
def test_farther_from_retraining_is_never_nearer(data: st.DataObject, name: str) -> None:
    first, middle, last = sorted(data.draw(within(name)) for _ in range(3))
    assert distance(name, first, last) >= distance(name, middle, last)
    assert distance(name, last, first) >= distance(name, middle, first)


@relaxed
@given(scores, scores, st.floats(0.1, 1e6))
def test_retraining_is_ideal_where_a_number_compares_with_it(
    original: Scores, gold: Scores, seconds: float
) -> None:
    ideal = {"avg_gap": average_gap(gold, gold), "tow": tug_of_war(gold, gold)}
    assert ideal == {"avg_gap": 0, "tow": 1}
    for name, found in {
        "avg_gap": average_gap(original, gold),
        "tow": tug_of_war(original, gold),
    }.items():
        assert found is not None
        assert ideal[name] is not None
        end = METRICS[name].low if METRICS[name].direction == "low" else METRICS[name].high
        assert distance(name, found, ideal[name]) == abs(found - end)  # nothing is hidden
    assert run_time_efficiency(seconds, seconds) == 1


@relaxed
@given(scores, scores)
def test_tow_is_a_symmetric_share_and_below_each_factor(one: Scores, other: Scores) -> None:
    tow = tug_of_war(one, other)
    assert tow is not None
    assert tow == tug_of_war(other, one)
    for name in ("forget_accuracy", "retain_accuracy", "test_accuracy"):
        assert 0 <= tow <= 1 - abs(one[name] - other[name]) / 100


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(1, 15), st.integers(1, 15), st.integers(0, 99))
def test_cka_is_a_symmetric_share_and_one_to_itself(
    samples: int, left: int, right: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = (torch.randn(samples, width, generator=generator) for width in (left, right))
    value = linear_cka(one, other)
    assert 0 <= value <= 1
    assert linear_cka(other, one) == pytest.approx(value)
    assert linear_cka(one, one) == pytest.approx(METRICS["cka"].high)


@relaxed
@given(st.lists(percent, min_size=1, max_size=8), percent, percent)
def test_a_harder_target_is_never_relearnt_sooner(
    accuracy: list[float], one: float, other: float
) -> None:
    easy, hard = sorted([one, other])
    steps = list(range(0, 3 * len(accuracy), 3))
    soon, late = (relearn_time(steps, accuracy, target, tolerance=0) for target in (easy, hard))
    assert late is None or (soon is not None and 0 <= soon <= late + 1e-9)
    assert relearn_time(steps, accuracy, accuracy[0]) == 0  # the original, by construction


@relaxed
@given(st.lists(scores, min_size=1, max_size=4))
def test_mean_lies_between_the_extremes(references: list[Scores]) -> None:
    mean = mean_scores(references)
    for name in GAP_FIELDS:
        values = [one[name] for one in references]
        assert min(values) - 1e-9 <= mean[name] <= max(values) + 1e-9


@relaxed
@given(tensors(low=0), st.integers(1, 30))
def test_histograms_lose_nothing(values: Tensor, bins: int) -> None:
    counts = histogram(values, confidence_edges(bins))
    assert len(counts) == bins
    assert sum(counts) == len(values)


@relaxed
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30).map(torch.tensor))
def test_loss_edges_increase_and_start_at_the_smallest(losses: Tensor) -> None:
    edges = loss_edges([losses])
    assert edges[0] == float(losses.min())
    assert all(left <= right for left, right in pairwise(edges))
    assert sum(histogram(losses, edges)) == len(losses)


@settings(max_examples=25, deadline=None)
@given(tensors(), tensors(), tensors(), st.randoms(use_true_random=False))
def test_the_attack_is_a_percentage_that_order_cannot_change(
    members: Tensor, others: Tensor, targets: Tensor, random: object
) -> None:
    value = membership_svc(members, others, targets)
    assert value is None or 0 <= value <= 100
    order = list(range(len(members)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert membership_svc(members[order], others.flip(0), targets.flip(0)) == value


@settings(max_examples=12, deadline=None)
@given(tensors(), tensors(), tensors())
def test_the_attack_judges_each_target_by_itself(
    members: Tensor, others: Tensor, targets: Tensor
) -> None:
    alone = [membership_svc(members, others, target[None]) for target in targets]
    value = membership_svc(members, others, targets)
    assert (
        alone == [None] * len(targets)
        if value is None
        else value == pytest.approx(sum(one for one in alone if one is not None) / len(alone))
    )

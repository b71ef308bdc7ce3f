"""What must hold of metrics whatever the scores are."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from expunge.core.record import Scores
from expunge.metrics import (
    GAP_FIELDS,
    average_gap,
    confidence_edges,
    histogram,
    loss_edges,
    mean_scores,
    membership_svc,
)

percent = st.floats(0, 100)
scores = st.builds(Scores, **dict.fromkeys(GAP_FIELDS, percent))
probability = st.floats(0, 1, width=32)
relaxed = settings(deadline=None)  # other processes may hold the cores


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


@relaxed
@given(st.lists(scores, min_size=1, max_size=4))
def test_mean_lies_between_the_extremes(references: list[Scores]) -> None:
    mean = mean_scores(references)
    for name in GAP_FIELDS:
        values = [getattr(one, name) for one in references]
        assert min(values) - 1e-9 <= getattr(mean, name) <= max(values) + 1e-9


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
    assert 0 <= value <= 100
    order = list(range(len(members)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert membership_svc(members[order], others.flip(0), targets.flip(0)) == value


@settings(max_examples=12, deadline=None)
@given(tensors(), tensors(), tensors())
def test_the_attack_judges_each_target_by_itself(
    members: Tensor, others: Tensor, targets: Tensor
) -> None:
    alone = [membership_svc(members, others, target[None]) for target in targets]
    assert membership_svc(members, others, targets) == pytest.approx(sum(alone) / len(alone))

"""The gate by hand: means and standard errors of short sequences."""

import math
from statistics import fmean

import pytest

from expunge.methods.scissorhands.gate import Gate


def moments(losses):
    return fmean(losses), fmean(loss**2 for loss in losses)


def test_first_step_against_the_standard_error_by_hand():
    held_out = moments([0.0, 0.0, 0.0, 4.0])  # mean 1, variance 3
    for size in (12, 300):
        level = 1 - math.sqrt(3 / size)
        assert Gate({}, size).open(level - 0.01, *held_out) is True
        assert Gate({}, size).open(level + 0.01, *held_out) is False


def test_a_few_outliers_of_a_small_set_are_no_evidence():
    held_out = moments([5.0] + 49 * [0.0])  # all but one of fifty fitted to perfection
    assert Gate({}, 50).open(0.01, *held_out) is False
    assert Gate({}, 5000).open(0.01, *held_out) is True


def test_running_means_have_full_weight_from_the_first_step():
    gate = Gate({}, 1000)
    assert gate.open(0.4, *moments([0.5])) is True
    gate.keep("retain", 0.1)
    for _ in range(60):
        gate.keep("retain", 0.6)
        opened = gate.open(0.4, *moments([0.5]))
    assert opened is False  # the ascent has taken D_r along


def test_its_numbers_live_in_the_state_it_is_given():
    state: dict[str, float] = {}
    losses = [(0.1, moments([0.2, 0.9])), (0.3, moments([0.1, 0.4]))]
    for forget, held_out in losses:
        Gate(state, 10).open(forget, *held_out)
    whole: dict[str, float] = {}
    gate = Gate(whole, 10)
    for forget, held_out in losses:
        gate.open(forget, *held_out)
    assert state == whole
    assert state["forget"] == pytest.approx(0.9 * (0.1 * 0.1) + 0.1 * 0.3)

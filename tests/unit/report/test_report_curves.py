"""Curves out of logged rows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.reporting.run import curves


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=1500), st.integers(4, 400))
def test_thinning_keeps_ends_and_extremes(heights: list[float], longest: int) -> None:
    points = [(float(i), y) for i, y in enumerate(heights)]
    kept = curves.thin(points, longest)
    assert len(kept) <= longest or len(kept) == len(points) <= longest
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    assert set(kept) <= set(points)
    assert max(y for _, y in kept) == max(heights)
    assert min(y for _, y in kept) == min(heights)


def test_smoothing_is_the_mean_of_the_neighbours() -> None:
    points = [(float(i), float(i % 2)) for i in range(800)]
    smooth = curves.smooth(points)
    reach = 10
    for i in (0, 5, 400, 799):
        near = [points[j][1] for j in range(max(0, i - reach), min(800, i + reach + 1))]
        assert smooth[i] == pytest.approx((points[i][0], sum(near) / len(near)))


def test_rows_are_told_apart_by_stage_in_order() -> None:
    rows = [{"stage": "trim"}, {"stage": "repair"}, {"stage": "trim"}, {}]
    assert [(name, len(part)) for name, part in curves.stages(rows).items()] == [
        ("trim", 2),
        ("repair", 1),
        ("steps", 1),
    ]


def test_unknown_values_leave_gaps() -> None:
    rows = [{"step": 0, "v": 1.0}, {"step": 1, "v": math.nan}, {"step": 2, "v": None}, {"v": 4}]
    assert curves.curve(rows, "v") == [(0.0, 1.0), (3.0, 4.0)]


def test_plain_numbers_are_one_curve() -> None:
    assert curves.curves([{"step": 0, "v": 1}], "v") == {"": [(0.0, 1.0)]}
    assert curves.curves([{"step": 0}], "v") == {}
    assert curves.constraints([{"v": 1}], "v") == 1


def test_lists_are_one_curve_per_constraint() -> None:
    rows = [{"step": 0, "v": [1, 2]}, {"step": 1, "v": [3]}, {"step": 2, "v": 5}]
    assert curves.curves(rows, "v") == {
        "constraint 1": [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)],
        "constraint 2": [(0.0, 2.0)],
    }
    many = [{"step": 0, "v": list(range(20))}]
    assert len(curves.curves(many, "v")) == curves.MOST_CONSTRAINTS
    assert curves.constraints(many, "v") == 20
    assert curves.curves([{"step": 0, "v": [None]}], "v") == {}


def test_share_of_active_steps() -> None:
    rows = [{"step": i, "active": i < 250} for i in range(1000)]
    assert curves.active_steps(rows) == (250, 1000)
    shares = curves.active_share(rows, longest=10)
    assert [x for x, _ in shares] == [100.0 * i for i in range(10)]
    assert [y for _, y in shares] == [100, 100, 50, *[0] * 7]


def test_any_active_constraint_makes_the_step_active() -> None:
    rows = [{"step": 0, "active": [False, True]}, {"step": 1, "active": [0, 0]}]
    assert curves.active_steps([*rows, {"step": 2, "active": []}, {"step": 3}]) == (1, 2)
    assert curves.active_share([{"step": 0}]) == []

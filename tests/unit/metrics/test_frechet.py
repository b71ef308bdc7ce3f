"""Fréchet distance against scipy's matrix square root and against closed forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from expunge.core import InputError
from expunge.metrics import frechet_distance


def features(seed: int, count: int, size: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(size, size, generator=generator)
    return torch.randn(count, size, generator=generator) @ mixed + shift


def naive(first: torch.Tensor, second: torch.Tensor) -> float:
    a, b = (one.double() for one in (first, second))
    product = torch.cov(a.T).numpy() @ torch.cov(b.T).numpy()
    root = sqrtm(product).real.trace()
    trace = torch.cov(a.T).trace() + torch.cov(b.T).trace() - 2 * root
    return float((a.mean(0) - b.mean(0)).square().sum() + trace)


@pytest.mark.parametrize(("first", "second"), [(40, 60), (200, 30)])
def test_it_is_that_of_the_matrix_square_root(first: int, second: int) -> None:
    sets = features(0, first, 6), features(1, second, 6, shift=0.5)
    assert frechet_distance(*sets) == pytest.approx(naive(*sets), rel=1e-6)


def test_one_feature_has_a_closed_form() -> None:
    first, second = torch.tensor([[0.0], [2.0]]), torch.tensor([[10.0], [18.0]])
    spreads = math.sqrt(2.0), math.sqrt(32.0)
    expected = 13.0**2 + (spreads[0] - spreads[1]) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.floats(-3, 3))
def test_it_is_symmetric_and_zero_for_the_same(seed: int, size: int, shift: float) -> None:
    # Fewer samples than features: covariances are singular, as they often are for FID.
    sets = features(seed, 5, size), features(seed + 1, 7, size, shift)
    there, back = frechet_distance(*sets), frechet_distance(sets[1], sets[0])
    assert there == pytest.approx(back, rel=1e-5, abs=1e-5)
    assert there >= 0
    assert frechet_distance(sets[0], sets[0].flip(0)) == pytest.approx(0, abs=1e-4)


def test_a_shift_adds_its_square() -> None:
    one = features(3, 50, 4)
    assert frechet_distance(one, one + 2) == pytest.approx(4 * 4.0, rel=1e-5)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (torch.zeros(1, 3), r"at least two samples each, got \(4, 3\) and \(1, 3\)"),
        (torch.zeros(4, 2), r"got \(4, 3\) and \(4, 2\)"),
        (torch.full((4, 3), float("nan")), "expected finite features"),
    ],
)
def test_bad_features_are_refused(second: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        frechet_distance(torch.zeros(4, 3), second)

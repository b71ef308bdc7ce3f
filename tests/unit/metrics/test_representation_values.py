"""Linear CKA against the centring matrix of the paper, and values known in closed form."""

import pytest
import torch
from torch import Tensor

from expunge.core import InputError
from expunge.metrics import linear_cka


def features(samples: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(samples, width, generator=torch.Generator().manual_seed(seed))


def naive(one: Tensor, other: Tensor) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K, L Gram matrices and H = 1 - 1/N."""
    count = len(one)
    h = torch.eye(count).double() - 1 / count
    k, l_ = (h @ x.double() @ x.double().T @ h for x in (one, other))
    return float((k @ l_).trace() / ((k @ k).trace() * (l_ @ l_).trace()).sqrt())


@pytest.mark.parametrize(("left", "right"), [(3, 5), (1, 1), (3, 40), (20, 20), (40, 60), (7, 19)])
def test_both_forms_agree_with_the_definition(left: int, right: int) -> None:
    one, other = features(20, left) + 3, features(20, right, seed=1)
    other[:, :1] += one[:, :1]
    assert linear_cka(one, other) == pytest.approx(naive(one, other), rel=1e-9)
    assert linear_cka(other, one) == pytest.approx(linear_cka(one, other), rel=1e-9)


def test_features_too_many_for_one_block() -> None:
    one, other = features(6, 5000), features(6, 3, seed=1)
    assert linear_cka(one, other) == pytest.approx(naive(one, other), rel=1e-9)


@pytest.mark.parametrize("width", [4, 50])
def test_rotation_scale_and_shift_are_not_seen(width: int) -> None:
    one = features(30, width)
    rotation, _ = torch.linalg.qr(features(width, width, seed=2))
    assert linear_cka(one, one) == pytest.approx(1)
    assert linear_cka(one, -7 * one @ rotation + 2) == pytest.approx(1, abs=1e-6)
    assert linear_cka(one, one * torch.arange(1, width + 1)) < 0.99  # not any linear map


def test_uncorrelated_features_have_nothing_in_common() -> None:
    one = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    other = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    assert linear_cka(one, other) == 0
    assert linear_cka(one, torch.cat([one, other], 1)) == pytest.approx(2**-0.5)


def test_two_single_features_have_their_squared_correlation() -> None:
    one, other = features(50, 1), features(50, 1, seed=1)
    r = torch.corrcoef(torch.cat([one, other], 1).T)[0, 1]
    assert linear_cka(one, other) == pytest.approx(float(r) ** 2, rel=1e-4)


@pytest.mark.parametrize("width", [2, 20])
def test_a_dead_layer_is_like_a_dead_layer_only(width: int) -> None:
    dead, alive = torch.full((10, width), 0.1), features(10, width)
    assert linear_cka(dead, 3 * dead) == 1
    assert linear_cka(dead, alive) == linear_cka(alive, dead) == 0
    assert linear_cka(torch.zeros(10, width), dead * (1 + 1e-7 * alive)) == 1


def test_half_precision_is_accumulated_in_double() -> None:
    one = (features(64, 8) + 30).bfloat16()
    assert linear_cka(one, features(64, 3, 1)) == pytest.approx(naive(one, features(64, 3, 1)))


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (torch.zeros(3), torch.zeros(3, 1), r"one to be features of shape \(N, D\)"),
        (torch.zeros(3, 1), torch.zeros(3, 2, 2), "other to be features"),
        (torch.zeros(1, 4), torch.zeros(1, 4), "N >= 2"),
        (torch.zeros(3, 0), torch.zeros(3, 1), "D >= 1"),
        (torch.full((3, 1), torch.nan), torch.zeros(3, 1), "one to be finite"),
        (torch.zeros(3, 1), torch.full((3, 1), torch.inf), "other to be finite"),
        (torch.zeros(3, 1), torch.zeros(4, 1), "got 3 in one and 4 in other"),
    ],
)
def test_what_cannot_be_compared(one: Tensor, other: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        linear_cka(one, other)

"""The membership attack, against scikit-learn called in the plainest way."""

import time

import numpy as np
import pytest
import torch
from sklearn.svm import SVC
from torch import Tensor

from expunge.core import InputError
from expunge.metrics import SetScores, membership_svc
from expunge.metrics.set_scores import membership


def plain(members: Tensor, others: Tensor, targets: Tensor) -> float:
    """The definition, sample by sample."""
    features = torch.cat([members, others]).double().numpy()[:, None]
    is_member = np.array([1] * len(members) + [0] * len(others))
    machine = SVC(kernel="rbf", C=3, gamma="auto").fit(features, is_member)
    return float(100 * np.mean(machine.predict(targets.double().numpy()[:, None]) == 0))


def confidences(count: int, mean: float, spread: float, seed: int) -> Tensor:
    """Probabilities whose logits are normal: saturated if the mean is high."""
    generator = torch.Generator().manual_seed(seed)
    return (mean + spread * torch.randn(count, generator=generator)).sigmoid()


@pytest.mark.parametrize(
    ("member_mean", "other_mean", "spread"),
    [(8, 4, 3), (14, 12, 6), (20, 15, 6), (3, 2.5, 2), (2, 2, 1), (5, 9, 4)],
)
def test_equals_plain_sklearn(member_mean: float, other_mean: float, spread: float) -> None:
    members = confidences(400, member_mean, spread, 0)
    others = confidences(400, other_mean, spread, 1)
    targets = confidences(150, (member_mean + other_mean) / 2, spread, 2)
    assert membership_svc(members, others, targets, groups=None) == pytest.approx(
        plain(members, others, targets), abs=1e-9
    )


def test_equals_plain_sklearn_where_most_values_coincide() -> None:
    members = confidences(500, 16, 8, 3)
    others = (confidences(500, 6, 8, 4) * 50).round() / 50
    assert len(torch.unique(members)) < 300
    targets = torch.cat([members[:40], others[:60]])
    assert membership_svc(members, others, targets, groups=None) == plain(members, others, targets)


def test_weights_are_counts_and_not_ignored() -> None:
    often, seldom = torch.tensor([0.5] * 9), torch.tensor([0.5] * 3)
    low, high = torch.tensor([0.1] * 4), torch.tensor([0.9] * 4)
    members, others = torch.cat([often, high]), torch.cat([seldom, low])
    assert membership_svc(members, others, seldom) == 0.0
    assert membership_svc(torch.cat([seldom, high]), torch.cat([often, low]), seldom) == 100.0


def test_a_separable_case() -> None:
    sure, unsure = torch.full((20,), 0.99), torch.full((20,), 0.2)
    assert membership_svc(sure, unsure, unsure) == 100.0
    assert membership_svc(sure, unsure, sure) == 0.0
    assert membership_svc(sure, unsure, torch.cat([sure, unsure[:5]])) == 20.0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_one_value_for_all_teaches_nothing(count: int, value: float) -> None:
    same = torch.full((count,), value)
    assert membership_svc(same, same, torch.tensor([value, 0.3])) is None


def test_fewer_members_than_others_would_answer_for_any_model() -> None:
    """What ``membership`` must not do: the answer is what is more frequent, 100 % of D_f."""
    retain, test = confidences(120, 3, 2, 0), confidences(900, 2.7, 2, 1)
    for forget in (retain[:50], test[:50], confidences(50, 6, 1, 2)):
        assert membership_svc(retain, test, forget) is None
        sets = {
            name: SetScores(torch.zeros(len(found)), None, found)
            for name, found in (("forget", forget), ("retain", retain), ("test", test))
        }
        balanced = membership(sets)
        assert balanced is not None
        assert balanced < 100.0


@pytest.mark.parametrize(
    ("member_mean", "other_mean", "spread"),
    [(8, 4, 3), (14, 12, 6), (10, 9, 3), (3, 2.5, 2), (2, 1.5, 1), (5, 9, 4), (7, 6.5, 1.5)],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_groups_are_within_a_quarter_of_a_point(
    member_mean: float, other_mean: float, spread: float, seed: int
) -> None:
    members = confidences(2_000, member_mean, spread, 10 * seed)
    others = confidences(2_000, other_mean, spread, 10 * seed + 1)
    targets = confidences(20_000, (member_mean + other_mean) / 2, spread, 10 * seed + 2)
    exact = membership_svc(members, others, targets, groups=None)
    assert exact is not None
    assert membership_svc(members, others, targets) == pytest.approx(exact, abs=0.25)


@pytest.mark.parametrize("name", ["members", "others", "targets"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.empty(0), "at least one probability"),
        (torch.full((2, 2), 0.5), "1-D"),
        (torch.tensor([0.5, 1.5]), r"in \[0, 1\]"),
        (torch.tensor([0.5, float("nan")]), r"in \[0, 1\]"),
    ],
)
def test_bad_probabilities_are_named(name: str, bad: Tensor, message: str) -> None:
    good = {key: torch.tensor([0.1, 0.9]) for key in ("members", "others", "targets")}
    with pytest.raises(InputError, match=f"expected {name} to be.*{message}"):
        membership_svc(**{**good, name: bad})


def test_a_hundred_thousand_samples_take_seconds() -> None:
    members, others = confidences(100_000, 3, 2, 5), confidences(100_000, 2.5, 2, 6)
    started = time.process_time()
    value = membership_svc(members, others, confidences(50_000, 2.7, 2, 7))
    assert value is not None
    assert 0 < value < 100
    assert time.process_time() - started < 10

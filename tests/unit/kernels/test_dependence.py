"""The coefficient of Azadkia and Chatterjee against its definition, and what it must tell."""

import math

import pytest
import torch

from expunge.core import InputError
from expunge.kernels import dependence, forward_selection, repeat_samples


def by_definition(y, z, x=None):
    """Loops over samples; ties among neighbours are averaged."""
    n = len(y)
    rank = [sum(bool(other <= own) for other in y) for own in y]
    lower = [sum(bool(other >= own) for other in y) for own in y]

    def nearest(points, i):
        gaps = [sum((a - b) ** 2 for a, b in zip(points[i], p, strict=True)) for p in points]
        least = min(gap for j, gap in enumerate(gaps) if j != i)
        near = [j for j, gap in enumerate(gaps) if j != i and gap == least]
        return sum(min(rank[i], rank[j]) for j in near) / len(near)

    if x is None:
        above = sum(n * nearest(z.tolist(), i) - lower[i] ** 2 for i in range(n))
        return above / sum(low * (n - low) for low in lower)
    both = torch.cat([x, z], 1).tolist()
    without = [nearest(x.tolist(), i) for i in range(n)]
    above = sum(nearest(both, i) - without[i] for i in range(n))
    return above / sum(rank[i] - without[i] for i in range(n))


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_definition_says(seed, levels):
    y, z, x = draw(25, seed=seed), draw(25, 2, seed=seed + 9), draw(25, 2, seed=seed + 99)
    if levels:  # ties, in ranks and among neighbours
        y, z, x = (value.mul(levels).round() for value in (y, z, x))
    assert dependence(y, z) == pytest.approx(by_definition(y, z))
    assert dependence(y, z, x) == pytest.approx(by_definition(y, z, x))


def test_it_tells_independence_from_functional_dependence():
    y, z = draw(1500), draw(1500, seed=1)
    assert abs(dependence(y, z)) < 0.08
    assert dependence(z.square(), z) > 0.95  # no monotone trend is needed


@pytest.mark.parametrize("correlation", [0.3, 0.6, 0.9])
def test_of_two_normal_variables_it_is_known(correlation):
    y, z = draw(1500), draw(1500, seed=1)
    mixed = correlation * z + math.sqrt(1 - correlation**2) * y
    known = 3 / math.pi * math.asin((1 + correlation**2) / 2) - 0.5
    assert dependence(mixed, z) == pytest.approx(known, abs=0.08)


def test_what_is_given_can_hide_and_reveal():
    x, z, y = draw(1500), draw(1500, seed=1), draw(1500, seed=2)
    assert abs(dependence(x * z.sign(), z)) < 0.08  # alone it says nothing
    assert dependence(x * z.sign(), z, x) > 0.7
    assert dependence(x + y, x + 0.01 * z) > 0.1
    assert abs(dependence(x + y, x + 0.01 * z, x)) < 0.08  # nothing new


def test_a_monotone_change_of_the_target_changes_nothing():
    y, z, x = draw(40), draw(40, seed=1), draw(40, seed=2)
    assert dependence(y, z, x) == dependence(y.exp(), z, x)


def test_a_constant_explains_nothing_and_is_explained_by_nothing():
    y = draw(50)
    assert dependence(y, torch.ones(50)) < 0
    assert dependence(torch.ones(50), y) == 0
    assert dependence(torch.ones(50), y, y) == 0


def test_the_selection_finds_what_the_target_is_made_of():
    columns = draw(300, 8)
    y = 1.5 * columns[:, 5] + columns[:, 2]
    found = forward_selection(y, columns * torch.logspace(-3, 3, 8), 8)
    assert found[:2] == [5, 2]
    assert forward_selection(y, columns, 1) == [5]


@pytest.mark.parametrize("seed", range(3))
def test_each_turn_takes_the_largest_coefficient(seed):
    columns, y = draw(30, 5, seed=seed), draw(30, seed=seed + 50)
    scaled = (columns - columns.mean(0)) / columns.std(0, correction=0)
    expected = [max(range(5), key=lambda j: dependence(y, scaled[:, j]))]
    while rest := [j for j in range(5) if j not in expected]:
        gains = {j: dependence(y, scaled[:, j], scaled[:, expected]) for j in rest}
        best = max(gains, key=gains.__getitem__)
        if gains[best] <= 0:
            break
        expected.append(best)
    assert forward_selection(y, columns, 5) == expected


def test_a_selection_from_nothing_but_constants_takes_one():
    assert forward_selection(draw(20), torch.ones(20, 3), 3) == [0]
    assert len(forward_selection(torch.ones(20), draw(20, 3), 3)) == 1


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"shape \(n,\) with n >= 2, got \(3, 1\)"):
        dependence(torch.ones(3, 1), torch.ones(3))
    with pytest.raises(InputError, match=r"n = 3, the length of the target.*got \(4,\)"):
        dependence(torch.ones(3), torch.ones(4))
    with pytest.raises(InputError, match=r"finite values .* got NaN"):
        forward_selection(torch.ones(3), torch.full((3, 1), torch.nan), 1)
    with pytest.raises(InputError, match="expected most > 0, got 0"):
        forward_selection(torch.ones(3), torch.ones(3, 1), 0)


def test_a_batch_is_repeated_whatever_its_form():
    inputs, labels = torch.arange(4).view(2, 2), torch.tensor([7, 8])
    twice = repeat_samples({"x": inputs, "pair": (labels, ["a", "b"]), "flag": True}, 2)
    assert twice["x"].tolist() == [[0, 1], [2, 3], [0, 1], [2, 3]]
    assert twice["pair"][0].tolist() == [7, 8, 7, 8]
    assert twice["pair"][1] == ["a", "b", "a", "b"]
    assert twice["flag"] is True
    with pytest.raises(InputError, match="a batch that holds tensors, got str"):
        repeat_samples("ab", 2)

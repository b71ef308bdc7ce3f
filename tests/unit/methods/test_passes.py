"""Passes that hold every sample once."""

import pytest
import torch
from torch.utils.data import TensorDataset

from expunge.core import Run
from expunge.methods._shared.passes import Pass


def values(count, size, samples=None):
    batches = Pass(Run(0), "set", TensorDataset(torch.arange(count)), size, samples)
    return [batches[step][0].tolist() for step in range(len(batches))]


@pytest.mark.parametrize(("count", "size"), [(1, 8), (7, 8), (8, 8), (9, 8), (24, 7), (120, 32)])
def test_every_sample_comes_once_in_batches_of_nearly_one_size(count, size):
    found = values(count, size)
    assert sorted([v for batch in found for v in batch]) == list(range(count))
    sizes = {len(batch) for batch in found}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("samples", "size", "expected"), [(20, 8, 16), (5, 8, 5), (200, 8, 120)])
def test_fewer_samples_are_drawn_without_repetition(samples, size, expected):
    drawn = [v for batch in values(120, size, samples) for v in batch]
    assert len(drawn) == len(set(drawn)) == expected

"""The memorisation score against a plain loop, and everything that it refuses."""

import re

import pytest
import torch

from expunge.core import InputError
from expunge.metrics import memorisation_scores

WITH = torch.tensor([[1.0, 0.9, 0.5], [0.8, 0.9, 0.1]])
WITHOUT = torch.tensor([[0.1, 0.9, 0.6], [0.2, 0.8, 1.0], [0.0, 1.0, 0.2]])


def test_it_is_the_difference_of_means_per_sample() -> None:
    scores = memorisation_scores(WITH, WITHOUT)
    expected = []
    for sample in range(3):
        inside = sum(float(WITH[model, sample]) for model in range(2)) / 2
        outside = sum(float(WITHOUT[model, sample]) for model in range(3)) / 3
        expected.append(inside - outside)
    assert scores.tolist() == pytest.approx(expected)
    assert scores.tolist() == pytest.approx([0.8, 0.0, -0.3], abs=1e-6)
    assert scores.dtype == torch.float64


@pytest.mark.parametrize(
    ("inside", "outside", "message"),
    [
        (WITH[0], WITHOUT, "expected probabilities_in of shape (models, samples)"),
        (WITH, WITHOUT[:0], "probabilities_out of shape (models, samples) with at least one"),
        (WITH, WITHOUT[:, :2], "as many samples in probabilities_out as in probabilities_in (3)"),
        (WITH * 2, WITHOUT, "expected probabilities_in between 0 and 1, got 2.0 for model 0 and"),
        (WITH, WITHOUT * float("nan"), "got nan for model 0 and sample 0; give softmax"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(inside, outside, message) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        memorisation_scores(inside, outside)

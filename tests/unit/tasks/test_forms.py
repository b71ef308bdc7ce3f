"""Batches of every form: inputs exchanged, one sample repeated, two batches joined."""

import pytest
import torch

from expunge.core import DataError
from expunge.tasks.batches import join_batches, repeat_sample, with_inputs

OLD, NEW, LABELS = torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([4, 5])


def test_inputs_are_exchanged_and_all_else_stays():
    inputs, labels, names = with_inputs((OLD, LABELS, ["a", "b"]), NEW)
    assert inputs is NEW
    assert labels is LABELS
    assert names == ["a", "b"]
    batch = {"label": LABELS, "image": OLD}
    assert with_inputs(batch, NEW) == {"label": LABELS, "image": NEW}
    assert batch["image"] is OLD


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (OLD, "got Tensor"),
        ({"words": OLD, "label": LABELS}, r"got keys \['label', 'words'\]"),
        ((OLD[:1], LABELS), r"shape \(2, 3\), got shape \(1, 3\)"),
        ((["a", "b"], LABELS), "got tuple"),
    ],
)
def test_other_forms_are_refused(batch, found):
    with pytest.raises(DataError, match=f"{found}; let the data set"):
        with_inputs(batch, NEW)


def test_a_sample_is_repeated_in_its_form():
    one = {"x": OLD[:1], "y": (LABELS[:1], ["a"])}
    found = repeat_sample(one, 3)
    assert found["x"].shape == (3, 3)
    assert found["y"][0].tolist() == [4, 4, 4]
    assert found["y"][1] == ("a", "a", "a")


def test_batches_are_joined_in_their_form():
    first = (OLD, {"label": LABELS}, ["a", "b"])
    second = (NEW[:1], {"label": LABELS[:1]}, ["c"])
    inputs, labels, names = join_batches(first, second)
    assert inputs.sum() == 3
    assert labels["label"].tolist() == [4, 5, 4]
    assert names == ("a", "b", "c")

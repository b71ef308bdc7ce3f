"""What Scissorhands tries again by itself: learning rates, repairs, trims."""

import copy

import pytest
import torch
from tests.unit.methods.test_scissorhands import by_class

from expunge.core import Guard, Run, unlearn
from expunge.methods import Scissorhands
from expunge.methods.scissorhands import method as scissorhands
from expunge.methods.scissorhands.rate import choose_rate

LENIENT = Guard(max_retain_drop=100)


def stages(result):
    return list(dict.fromkeys(row["stage"] for row in result.history))


@pytest.mark.parametrize(("start", "same"), [(0.01, True), (1e4, False)])
def test_a_harmful_rate_is_lowered_and_a_harmless_one_kept(blob_model, blobs, task, start, same):
    before = copy.deepcopy(blob_model.state_dict())
    with torch.random.fork_rng():
        rate, reason = choose_rate(blob_model, task, blobs, Run(0), start=start, batch=16)
    assert (rate == start) is same
    assert rate > 0
    assert "trial" in reason
    assert all(torch.equal(before[key], value) for key, value in blob_model.state_dict().items())


def test_a_repair_that_cost_too_much_starts_again_at_a_third_of_the_rate(
    blob_model, blobs, task, monkeypatch
):
    monkeypatch.setattr(scissorhands, "_BEARABLE", -101.0)  # nothing is good enough
    found = unlearn(blob_model, blobs, Scissorhands(epochs=1), task=task, guard=LENIENT)
    assert stages(found) == ["repair", "repair-2", "repair-3", "repair-4"]
    assert found.decisions["lr"]["value"] == pytest.approx(0.1 / 27)
    assert "larger rates" in found.decisions["lr"]["reason"]


def test_a_rate_that_was_asked_for_is_never_changed(blob_model, blobs, task, monkeypatch):
    monkeypatch.setattr(scissorhands, "_BEARABLE", -101.0)
    method = Scissorhands(lr=0.01, epochs=1)
    found = unlearn(blob_model, blobs, method, task=task, guard=LENIENT)
    assert stages(found) == ["repair"]


def test_a_class_that_comes_back_is_trimmed_again(blob_model, blobs, task, monkeypatch):
    monkeypatch.setattr(scissorhands, "_GONE", -1.0)  # it always "comes back"
    found = unlearn(blob_model, by_class(blobs, 1), Scissorhands(), task=task, guard=LENIENT)
    assert stages(found) == ["repair", "repair-2", "repair-3"]
    assert found.decisions["trim"]["value"] == 0.1


def test_an_asked_share_is_trimmed_once(blob_model, blobs, task, monkeypatch):
    monkeypatch.setattr(scissorhands, "_GONE", -1.0)
    method = Scissorhands(trim=0.02)
    found = unlearn(blob_model, by_class(blobs, 1), method, task=task, guard=LENIENT)
    assert stages(found) == ["repair"]


def test_by_default_a_forgotten_class_is_never_predicted(blob_model, blobs, task):
    data = by_class(blobs, 1)
    found = unlearn(blob_model, data, Scissorhands(), task=task, guard=LENIENT)
    inputs, _ = data.forget[list(range(len(data.forget)))]
    with torch.no_grad():
        assert (found.model(inputs).argmax(1) == 1).float().mean() <= 0.02

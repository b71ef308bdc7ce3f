"""EraseDiff: the multiplier keeps its promise, and one step by hand."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny

from expunge.core import Guard, InputError, Run, unlearn
from expunge.methods import EraseDiff
from expunge.methods.diffusion.erase_diff import multiplier

LENIENT = Guard(max_loss_factor=1e6)


@given(seed=st.integers(0, 2**31), share=st.floats(0.01, 10))
def test_a_step_lowers_q_by_the_share_and_by_no_more_than_needed(seed, share):
    generator = torch.Generator().manual_seed(seed)
    keep, erase = (torch.randn(2, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    weight = multiplier([keep], [erase], share)
    norm = erase.square().sum()
    gain = ((keep + weight * erase) * erase).sum()
    assert weight >= 0
    assert gain >= share * norm - 1e-9 * norm
    if weight > 0:
        assert gain == pytest.approx(float(share * norm), rel=1e-9)


def test_without_a_slope_there_is_no_multiplier():
    assert multiplier([torch.ones(3)], [torch.zeros(3)], 0.1) == 0.0


def test_one_step_by_hand():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task(dropout=0.0)
    method = EraseDiff(lr=1e-3, epochs=0.01, batch_size=8, momentum=0.0, share=0.5)
    result = unlearn(model, data, method, task=task, seed=2, guard=LENIENT)
    row = result.history[0]
    # Adam without momentum and decay moves each weight by its rate against the sign.
    steps = torch.cat([
        (new - old).flatten()
        for new, old in zip(result.model.parameters(), model.parameters(), strict=True)
    ])  # fmt: skip
    assert steps.abs().max() <= 1.01e-3
    assert (steps.abs() > 0.9e-3).float().mean() > 0.5
    assert row["multiplier"] >= 0
    student = copy.deepcopy(model).train()
    batch = Run(2).batches("retain", data.retain, 8)[0]
    found = torch.stack([task.loss(student, batch).mean() for _ in range(40)]).detach()
    assert (row["retain_loss"] - found.mean()).abs() < 6 * found.std()


@pytest.mark.slow
def test_it_forgets_what_it_should():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task()
    method = EraseDiff(lr=1e-3, epochs=20, batch_size=16, share=1.0)
    health = unlearn(model, data, method, task=task, guard=LENIENT).health
    assert health["after"]["forget"].loss > health["after"]["retain"].loss


def test_a_classifier_is_refused(blob_model, blobs, task):
    with pytest.raises(InputError, match="erase-diff needs a diffusion model"):
        unlearn(blob_model, blobs, EraseDiff(), task=task)

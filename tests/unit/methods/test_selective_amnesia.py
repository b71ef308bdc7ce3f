"""Selective Amnesia: the pull by hand, what stands in for D_f, and that it holds."""

import pytest
import torch

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny

from expunge.core import Guard, InputError, unlearn
from expunge.methods import SelectiveAmnesia
from expunge.methods.diffusion.selective_amnesia import consolidation

LENIENT = Guard(max_loss_factor=1e6)
FAST = {"lr": 1e-3, "epochs": 2, "batch_size": 8, "samples": 16}


def test_the_pull_is_the_gradient_of_the_penalty():
    generator = torch.Generator().manual_seed(0)
    weight, start, fisher = (torch.rand(3, 4, generator=generator) for _ in range(3))
    weight.requires_grad_()
    value = 7.0 / 2 * (fisher * (weight - start).square()).sum()
    [expected] = torch.autograd.grad(value, weight)
    [found] = consolidation([weight], [start], [fisher], 7.0)
    torch.testing.assert_close(found, expected)


@pytest.mark.slow
def test_a_strong_penalty_holds_what_matters():
    model, data, task = tiny.text_unet(), tiny.class_data(), tiny.text_task()
    distance = {}
    for penalty in (0.0, 1e6):
        method = SelectiveAmnesia(**FAST, penalty=penalty)
        result = unlearn(model, data, method, task=task, guard=LENIENT).model
        pairs = zip(result.parameters(), model.parameters(), strict=True)
        distance[penalty] = sum(float((a - b).detach().square().sum()) for a, b in pairs)
    assert distance[1e6] < 0.7 * distance[0.0]


@pytest.mark.slow
@pytest.mark.parametrize("surrogate", ["noise", "other"])
def test_of_d_f_only_the_conditions_are_used(surrogate):
    model, data = tiny.text_unet(), tiny.class_data()
    task, given = tiny.text_task(), []
    plain = task.loss

    def remembering(model, batch):
        if model.training:
            given.append(batch)
        return plain(model, batch)

    task.loss = remembering
    method = SelectiveAmnesia(**FAST, surrogate=surrogate)
    unlearn(model, data, method, task=task, guard=LENIENT, precision="fp32")
    wrong = [inputs for inputs, labels in given if (labels == 2).all()]
    assert len(wrong) == len(given) / 2
    seen = torch.cat(wrong).flatten(1)
    forgotten, kept = (part.tensors[0].flatten(1) for part in (data.forget, data.retain))
    assert torch.cdist(seen, forgotten).min() > 0.1
    if surrogate == "noise":
        assert seen.abs().max() <= 1
    else:
        assert torch.cdist(seen, kept).min(1).values.max() < 0.05


def test_a_classifier_is_refused(blob_model, blobs, task):
    with pytest.raises(InputError, match="selective-amnesia needs a diffusion model"):
        unlearn(blob_model, blobs, SelectiveAmnesia(), task=task)

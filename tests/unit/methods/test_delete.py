"""DELETE: the slope of the masked divergence, which is p minus the masked teacher."""

import copy

import pytest
import torch

from expunge.core import Guard, InputError, Run, unlearn
from expunge.methods import DELETE
from expunge.methods.delete import _masked_divergence

LENIENT = Guard(max_retain_drop=100)
ONE_STEP = {"lr": 0.01, "epochs": 0.01, "batch_size": 12, "momentum": 0.0, "weight_decay": 0.0}


def test_the_divergence_in_numbers():
    # The teacher (1/2, 1/4, 1/4) without class 0 is (0, 1/2, 1/2); the student is even.
    teacher = torch.tensor([[0.5, 0.25, 0.25]]).log()
    found = _masked_divergence(teacher, torch.zeros(1, 3), torch.tensor([0]))
    torch.testing.assert_close(found, torch.tensor([1.5]).log())
    with pytest.raises(InputError, match="at least 2 classes"):
        _masked_divergence(torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([0]))


def test_one_step_by_hand(blob_conv_model, blobs, task):
    result = unlearn(
        blob_conv_model, blobs, DELETE(**ONE_STEP), task=task, seed=2, guard=LENIENT
    ).model
    model = copy.deepcopy(blob_conv_model).train()
    inputs, labels = Run(2).batches("forget", blobs.forget, 12)[0]
    target = blob_conv_model.eval()(inputs).softmax(1).detach()
    target[torch.arange(12), labels] = 0
    target /= target.sum(1, keepdim=True)
    logits = model(inputs)
    # The gradient of KL(t || softmax(z)) in z is softmax(z) - t.
    logits.backward((logits.softmax(1) - target).detach() / 12)
    for (name, new), old in zip(result.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.01 * old.grad, rtol=0, atol=1e-6, msg=name)
    for new, old in zip(result.buffers(), blob_conv_model.buffers(), strict=True):
        assert torch.equal(new, old)


@pytest.mark.slow
def test_the_true_class_is_forgotten(blob_model, blobs, task):
    result = unlearn(blob_model, blobs, DELETE(lr=0.05, epochs=30), task=task, guard=LENIENT).model
    inputs, labels = blobs.forget.tensors
    before, after = (
        net(inputs).softmax(1).gather(1, labels[:, None]).mean() for net in (blob_model, result)
    )
    assert after < before - 0.2

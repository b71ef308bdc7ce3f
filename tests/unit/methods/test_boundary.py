"""Both kinds of boundary unlearning against plain loops."""

import copy
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from tests.unit.methods.by_hand import same, step_by_hand
from torch import nn
from torch.utils.data import Subset, TensorDataset

from expunge.core import Guard, ModelError, Run, UnlearningData, unlearn
from expunge.data import ImageSet
from expunge.methods import BoundaryExpanding, BoundaryShrink
from expunge.methods._shared.teachers import frozen_copy
from expunge.methods.boundary_shrink import _Movable, _nearest_wrong
from expunge.tasks import Classification

LENIENT = Guard(max_retain_drop=100)
STEPS = {"lr": 0.05, "epochs": 1, "batch_size": 8, "momentum": 0.0, "weight_decay": 0.0}


def test_shrinking_is_descent_towards_the_nearest_wrong_class(blob_conv_model, blobs, task):
    method = BoundaryShrink(epsilon=0.7, **STEPS)
    found = unlearn(blob_conv_model, blobs, method, task=task, seed=2, guard=LENIENT).model

    model, original = copy.deepcopy(blob_conv_model).train(), blob_conv_model.eval()
    stream = Run(2).batches("forget", blobs.forget, 8)
    for step in range(3):
        inputs, labels = stream[step]
        inputs = inputs.clone().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(original(inputs), labels), inputs)
        scores = original(inputs.detach() + 0.7 * slope.sign())
        scores[torch.arange(8), labels] = -torch.inf
        loss = F.cross_entropy(model(inputs.detach()), scores.argmax(1))
        step_by_hand(model.parameters(), loss)
    same(found, model)


def test_the_target_is_never_the_label(blob_model, blobs, task):
    original = _Movable(frozen_copy(blob_model), 1e-9, blobs.forget)
    targets = _nearest_wrong(original, task.logits, blobs.forget.tensors)
    inputs, labels = blobs.forget.tensors
    ranked = blob_model(inputs).argsort(1, descending=True)
    runner_up = torch.where(ranked[:, 0] == labels, ranked[:, 1], ranked[:, 0])
    assert torch.equal(targets, runner_up)


def test_mappings_are_moved_too(blob_model, blobs, task):
    inputs, labels = blobs.forget.tensors
    original = _Movable(frozen_copy(blob_model), 0.7, blobs.forget)
    pairs = _nearest_wrong(original, task.logits, (inputs, labels))
    mapped = _nearest_wrong(original, task.logits, {"pixel_values": inputs, "labels": labels})
    assert torch.equal(pairs, mapped)


@pytest.mark.parametrize("wrap", [lambda data: data, lambda data: Subset(data, [0])])
def test_pixels_move_on_their_own_scale_and_stay_between_black_and_white(wrap):
    pixels = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    data = ImageSet(pixels.contiguous(), torch.zeros(1, dtype=torch.long), mean=mean, std=std)
    movable = _Movable(nn.Identity(), 0.1, wrap(data))
    movable.slope = torch.ones(1, 3, 1, 3)
    inputs = data.batch(torch.arange(1), None)[0]
    back = movable(inputs) * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]
    expected = torch.tensor([0.1, 128 / 255 + 0.1, 1.0]).expand(1, 3, 1, 3)
    torch.testing.assert_close(back, expected)


def widened(model, run):
    """The same net whose last layer has the shadow unit as a row of its own."""
    wide, head = copy.deepcopy(model), model[-1]
    wide[-1] = nn.Linear(head.in_features, head.out_features + 1)
    generator, bound = run.generator("shadow"), head.in_features**-0.5
    fresh = [
        torch.empty(s).uniform_(-bound, bound, generator=generator)
        for s in ((1, head.in_features), (1,))
    ]
    with torch.no_grad():
        wide[-1].weight.copy_(torch.cat([head.weight, fresh[0]]))
        wide[-1].bias.copy_(torch.cat([head.bias, fresh[1]]))
    return wide.train()


def test_expanding_is_descent_of_a_wider_net_that_is_cut_back(blob_conv_model, blobs, task):
    result = unlearn(
        blob_conv_model, blobs, BoundaryExpanding(**STEPS), task=task, seed=2, guard=LENIENT
    )
    run = Run(2)
    wide = widened(blob_conv_model, run)
    stream = run.batches("forget", blobs.forget, 8)
    for step in range(3):
        loss = F.cross_entropy(wide(stream[step][0]), torch.full((8,), 3))
        step_by_hand(wide.parameters(), loss)
    head = nn.Linear(wide[-1].in_features, 3)
    with torch.no_grad():
        head.weight.copy_(wide[-1].weight[:3])
        head.bias.copy_(wide[-1].bias[:3])
    wide[-1] = head
    same(result.model, wide)


def test_expanding_leaves_no_trace_of_the_shadow(blob_model, blobs, task):
    found = unlearn(blob_model, blobs, BoundaryExpanding(lr=0.05), task=task, guard=LENIENT)
    assert repr(found.model) == repr(blob_model)
    assert found.model(blobs.test.tensors[0]).shape == (48, 3)
    for module in found.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    losses = [row["shadow_loss"] for row in found.history]
    assert losses[-1] < losses[0] / 4
    assert all(b < a + 1 for a, b in pairwise(losses))


def test_expanding_says_so_where_no_layer_makes_the_logits():
    model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten())
    data = TensorDataset(torch.randn(8, 1, 2, 2), torch.arange(8) % 3)
    sets = UnlearningData.split(data, range(4))
    with pytest.raises(ModelError, match=r"makes its 3 logits.*use boundary-shrink"):
        unlearn(model, sets, BoundaryExpanding(), task=Classification(3))

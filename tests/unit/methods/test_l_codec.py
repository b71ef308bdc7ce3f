"""L-CODEC: the Newton step against dense algebra, and the blocks that it chooses."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from expunge.core import Guard, GuardError, InputError, ModelError, UnlearningData, unlearn
from expunge.kernels import forward_selection
from expunge.methods import LCODEC
from expunge.methods._shared.rows import block_of, perturbed, row_layers
from expunge.tasks import Regression

LENIENT = Guard(max_retain_drop=100, max_loss_factor=1e6)
SMALL = {"perturbations": 10, "rows": 3, "damping": 10.0, "samples": 32, "iterations": 3}
FORGET, RETAIN = 4, 60


@pytest.fixture
def line():
    """Data of a noisy line, a net at its least-squares optimum, and design and targets."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(FORGET + RETAIN, 3, generator=generator)
    targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    targets += torch.randn(targets.shape, generator=generator)
    parts = zip(inputs.split([FORGET, RETAIN]), targets.split([FORGET, RETAIN]), strict=True)
    design = torch.cat([inputs, torch.ones(len(inputs), 1)], 1).double()
    model = nn.Linear(3, 1).eval()
    write(model, least_squares(design, targets.double()))
    return model, UnlearningData(*(TensorDataset(*part) for part in parts)), design, targets


def least_squares(design, targets):
    return torch.linalg.solve(design.T @ design, design.T @ targets.double()).squeeze(1)


def write(model, vector):
    nn.utils.vector_to_parameters(vector.float(), model.parameters())


def flat(model):
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()]).double()


def whole(**changes):
    """Settings under which the curvature is exact: all of D_r, and no ridge."""
    return LCODEC(**{"damping": 1e-7, "samples": 10**6, "iterations": 30, **changes})


def test_on_a_quadratic_one_step_is_the_retrained_optimum(line):
    model, data, design, targets = line
    result = unlearn(model, data, whole(batch_size=4), task=Regression(), guard=LENIENT).model
    retrained = least_squares(design[FORGET:], targets[FORGET:])
    assert (flat(model) - retrained).norm() > 0.02
    torch.testing.assert_close(flat(result), retrained, rtol=0, atol=2e-5)


def test_a_damped_step_is_the_dense_closed_form(line):
    model, data, design, targets = line
    method = whole(batch_size=4, damping=0.7, scale=3.0)
    result = unlearn(model, data, method, task=Regression(), guard=LENIENT).model
    errors = design @ flat(model).unsqueeze(1) - targets.double()
    gradient = 2 * (design[:FORGET] * errors[:FORGET]).sum(0)
    hessian = 2 * design[FORGET:].T @ design[FORGET:] / RETAIN
    step = 3 * torch.linalg.solve(hessian + 0.7 * torch.eye(4).double(), gradient) / RETAIN
    torch.testing.assert_close(flat(result) - flat(model), step, rtol=1e-3, atol=1e-6)


def test_samples_leave_one_after_another(line):
    model, data, design, targets = line
    result = unlearn(model, data, whole(), task=Regression(), guard=LENIENT)
    assert len(result.history) == FORGET
    hessian = 2 * design[FORGET:].T @ design[FORGET:] / RETAIN
    order = [int(torch.where(data.forget.tensors[1] == y)[0]) for y in seen(data)]
    vector = flat(model)
    for place, index in enumerate(order):
        error = design[index] @ vector - targets[index].double()
        left = FORGET + RETAIN - 1 - place
        vector = vector + torch.linalg.solve(hessian, 2 * error * design[index]) / left
    torch.testing.assert_close(flat(result.model), vector, rtol=0, atol=2e-5)


def seen(data):
    """Targets of D_f in the order in which a run of seed 0 takes them out."""
    from expunge.core import Run
    from expunge.methods._shared.passes import Pass

    leaving = Pass(Run(0), "l-codec-forget", data.forget, 1)
    return [leaving[step][1] for step in range(len(leaving))]


def test_the_step_stays_in_the_chosen_rows_and_is_that_of_the_dense_block(blob_model, blobs, task):
    with torch.no_grad():
        worst = int(task.loss(blob_model, blobs.forget.tensors).argmax())
    data = UnlearningData(TensorDataset(*blobs.forget[worst : worst + 1]), blobs.retain)
    settings = {"samples": 10**6, "iterations": 60, "damping": 1.0, "scale": 10.0}
    method = LCODEC(**{**SMALL, **settings})
    result = unlearn(blob_model, data, method, task=task, guard=LENIENT)
    changed = [new != old for new, old in zip(*params(result.model, blob_model), strict=True)]
    assert 1 <= result.history[0]["rows"] <= 3
    rows = torch.cat([changed[i].any(1) | changed[i + 1] for i in (0, 2, 4)]).nonzero().flatten()
    assert len(rows) <= result.history[0]["rows"]

    picked = torch.cat([mask.flatten() for mask in changed]).nonzero().flatten()
    start = torch.cat([p.detach().flatten() for p in blob_model.parameters()]).double()
    double = copy.deepcopy(blob_model).double()

    def loss(block, dataset):
        vector = start.index_put((picked,), block)
        parts = vector.split([p.numel() for p in double.parameters()])
        named = {
            name: part.view_as(p)
            for (name, p), part in zip(double.named_parameters(), parts, strict=True)
        }
        logits = torch.func.functional_call(double, named, dataset.tensors[0].double())
        return F.cross_entropy(logits, dataset.tensors[1])

    block = start[picked]
    gradient = torch.autograd.functional.jacobian(lambda v: loss(v, data.forget), block)
    hessian = torch.autograd.functional.hessian(lambda v: loss(v, data.retain), block)
    step = torch.linalg.solve(hessian + torch.eye(len(block)).double(), gradient) * 10 / 120
    moved = torch.cat([p.detach().flatten() for p in result.model.parameters()]).double() - start
    torch.testing.assert_close(moved[picked], step, rtol=1e-3, atol=1e-6)


def params(*models):
    return [[p.detach() for p in model.parameters()] for model in models]


def test_perturbed_passes_are_those_one_at_a_time(blob_conv_model, blobs, task):
    layers = row_layers(blob_conv_model)
    inputs, labels = (column[:3] for column in blobs.forget.tensors)
    found, losses = perturbed(
        blob_conv_model,
        task,
        (inputs, labels),
        layers,
        size=3,
        count=100,  # more than one forward pass holds
        noise=0.5,
        generator=torch.Generator().manual_seed(1),
    )
    generator = torch.Generator().manual_seed(1)
    assert found.shape == (100, 16 + 3)
    noises = [torch.randn(3 * part, 4, generator=generator) for part in (85, 15)]
    for row, noise in enumerate(torch.cat(noises).view(100, 3, 4)[:90]):
        noisy = (inputs + 0.5 * noise).unflatten(1, (1, 2, 2))
        conv = blob_conv_model[1](noisy).mean((0, 2, 3))
        logits = blob_conv_model(inputs + 0.5 * noise)
        expected = torch.cat([conv, logits.mean(0)])
        torch.testing.assert_close(found[row], expected.detach(), rtol=0, atol=1e-5)
        torch.testing.assert_close(losses[row], F.cross_entropy(logits, labels).detach())
    assert not blob_conv_model._forward_pre_hooks
    assert not any(layer.module._forward_hooks for layer in layers)


def test_the_block_is_chosen_by_what_the_loss_depends_on(line):
    # Three of four outputs are copies of noise; the loss sees the last.
    model = nn.Linear(3, 4)
    batch = (torch.randn(1, 3), torch.zeros(1, 1))
    net = nn.Sequential(model, Last())
    layers = row_layers(net)
    assert [layer.rows for layer in layers] == [4]
    options = {"size": 1, "count": 200, "noise": 1.0}
    generator = torch.Generator().manual_seed(0)
    found, losses = perturbed(net, Regression(), batch, layers, generator=generator, **options)
    assert forward_selection(losses, found, 1) == [3]


class Last(nn.Module):
    def forward(self, inputs):
        return inputs[:, 3:]


def test_rows_are_found_across_layers_with_frozen_and_shared_weights(blob_model):
    blob_model[0].bias.requires_grad_(False)
    blob_model.append(nn.Linear(32, 32))
    blob_model[6].weight = blob_model[3].weight
    layers = row_layers(blob_model)
    weights, masks = block_of(layers, [1, 31, 32 + 5, 67 + 7])
    names = {id(p): name for name, p in blob_model.named_parameters()}
    assert [names[id(weight)] for weight in weights] == ["0.weight", "3.weight", "3.bias", "6.bias"]
    rows = [mask.view(len(mask), -1).any(1).nonzero().flatten().tolist() for mask in masks]
    assert rows == [[1, 31], [5, 7], [5], [7]]
    assert masks[0].sum() == 8


def test_the_cost_is_told_before_the_first_step(blob_model, blobs, task):
    result = unlearn(blob_model, blobs, LCODEC(**SMALL, batch_size=6), task=task, guard=LENIENT)
    cost = result.decisions["cost"]
    assert cost["value"] == 24 * 10 + 3 * 4 * 3 * 32
    assert "4 steps" in cost["reason"]
    assert "67 rows to choose from" in cost["reason"]


def test_what_cannot_be_done_is_said(blob_model, blobs, task):
    class Downwards(type(task)):
        def loss(self, model, batch):
            return -super().loss(model, batch)

    tiny = LCODEC(**{**SMALL, "damping": 1e-9})
    with pytest.raises(GuardError, match=r"curves downwards[\s\S]*larger damping"):
        unlearn(blob_model, blobs, tiny, task=Downwards(3), guard=LENIENT)
    with pytest.raises(InputError, match="expected perturbations >= 2, got 1"):
        LCODEC(perturbations=1)
    words = TensorDataset(torch.tensor([[1], [2], [0]]), torch.tensor([0, 1, 2]))
    others = TensorDataset(words.tensors[0] + 3, words.tensors[1])
    net = nn.Sequential(nn.Embedding(6, 4), nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(InputError, match=r"floating tensor.*got torch\.int64"):
        unlearn(
            net,
            UnlearningData(words, others),
            LCODEC(**SMALL),
            task=task,
            guard=LENIENT,
        )
    bare = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4))
    with pytest.raises(ModelError, match=r"nn\.Linear or convolutional layer"):
        row_layers(bare)

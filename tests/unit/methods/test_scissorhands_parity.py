"""The published reading against a plain loop that knows nothing of the library."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from expunge.core import Guard, Run, UnlearningData, unlearn
from expunge.methods import Scissorhands
from expunge.tasks import Classification

BATCH, RATE, WEIGHT, MARGIN, RIDGE, MOMENTUM, DECAY = 8, 0.02, 0.05, 0.5, 1e-3, 0.9, 5e-4


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class SmallResNet(nn.Module):
    """torchvision's names at a tenth of the width."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(BasicBlock(4, 4, 1))
        self.layer2 = nn.Sequential(BasicBlock(4, 6, 2))
        self.layer3 = nn.Sequential(BasicBlock(6, 8, 2))
        self.layer4 = nn.Sequential(BasicBlock(8, 8, 1))
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def world():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(104, 3, 8, 8, generator=generator)
    labels = torch.randint(4, (104,), generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SmallResNet()
    data = UnlearningData.split(TensorDataset(images, labels), range(20))
    return model, data, Classification(num_classes=4)


def plain_epoch(model, data, task, run):
    """One repair epoch of the authors' code as the reference describes it."""
    late = [name.startswith(("layer3", "layer4", "fc")) for name, _ in model.named_parameters()]
    weights = list(model.parameters())
    velocity = [torch.zeros_like(w) for w in weights]
    retain = run.batches("retain", data.retain, BATCH)
    forget = run.batches("forget", data.forget, BATCH)
    loss = lambda batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731

    model.eval()
    anchor = torch.autograd.grad(loss(run.batches("anchor", data.forget, BATCH)[0]), weights)
    model.train()
    duals = []
    for step in range(len(retain)):
        if step < len(forget):
            joint = torch.autograd.grad(loss(forget[step]), weights)
        gradient = list(torch.autograd.grad(loss(retain[step]), weights))
        if step < len(forget):
            gradient = [g - WEIGHT * f for g, f in zip(gradient, joint, strict=True)]
            dot = sum((g * a).sum() for g, a, x in zip(gradient, anchor, late, strict=True) if x)
            norm = sum((a * a).sum() for a, x in zip(anchor, late, strict=True) if x)
            v = max(MARGIN, float(dot / (norm + RIDGE))) if dot > 0 else 0.0
            duals.append(v)
            gradient = [
                g - v * a if x else g for g, a, x in zip(gradient, anchor, late, strict=True)
            ]
        with torch.no_grad():
            for w, g, m in zip(weights, gradient, velocity, strict=True):
                m.mul_(MOMENTUM).add_(g + DECAY * w)
                w.sub_(RATE * m)
    return duals


def test_one_published_epoch_follows_the_plain_loop(world):
    model, data, task = world
    method = Scissorhands.published("cifar10", 0.1, lr=RATE, epochs=1, batch_size=BATCH, trim="off")
    result = unlearn(model, data, method, task=task, seed=5, guard=Guard(max_retain_drop=100))

    reference = copy.deepcopy(model).train()
    duals = plain_epoch(reference, data, task, Run(5))

    found = [row["v"] for row in result.history if row["active"]]
    assert found == pytest.approx(duals, rel=1e-5)
    assert any(v > 0 for v in duals), "the constraint must bind for this test to mean much"
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(
            result.model.state_dict()[name], value, rtol=0, atol=1e-6, msg=name
        )


def test_published_settings_are_the_authors():
    method = Scissorhands.published("cifar10", 0.1)
    assert (method.lr, method.trim, method.forget_weight, method.epochs) == (5e-3, 0.03, 0.05, 10)
    assert (method.margin, method.ridge, method.batch_size) == (0.5, 1e-3, 256)
    assert Scissorhands.published("cifar100", 0.5).trim == 0.10
    assert Scissorhands.published("faces").batch_size == 8
    assert Scissorhands.published("svhn", "class").forget_weight == 0.1
    for wrong in (("mnist", 0.1), ("cifar10", 0.3)):
        with pytest.raises(ValueError, match=r"expected (setting|fraction)"):
            Scissorhands.published(*wrong)


def test_published_trims_late_layers_only_and_never_a_batchnorm(world):
    model, data, task = world
    method = Scissorhands.published("cifar10", 0.1, lr=1e-12, epochs=1, batch_size=BATCH, trim=0.9)
    result = unlearn(model, data, method, task=task, guard=Guard(max_retain_drop=100)).model
    moved = {
        name
        for name, value in result.named_parameters()
        if (value - dict(model.named_parameters())[name]).abs().max() > 1e-6
    }
    assert moved
    assert all(name.startswith(("layer3", "layer4", "fc")) for name in moved)
    assert not any("bn" in name or "downsample.1" in name for name in moved)

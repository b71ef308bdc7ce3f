"""One, three or seven records on nets with BatchNorm; what is frozen stays as it was."""

import copy
from dataclasses import replace

import pytest
import torch
from tests.contracts.test_cases import CASES
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from expunge import Classification, UnlearningData, make_recipe, train, unlearn
from expunge.core import Guard
from expunge.core.norms import FEW, steady_norms
from expunge.methods import METHODS, Retrain

LENIENT = Guard(max_retain_drop=100, max_loss_factor=1e6)
TASK = Classification(num_classes=3)
# Made for classes, for generators, or for whole nets.
OTHERS = {"unsir", "esd-x", "esd-u", "erase-diff", "selective-amnesia", "uce"}


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8), nn.BatchNorm1d(8),
        nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, TensorDataset, TensorDataset]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    inputs = torch.randn(120, 4, generator=generator) + 2 * nn.functional.one_hot(labels, 4)
    data = TensorDataset(inputs, labels)
    model = train(net(), data, make_recipe("quick", epochs=5), task=TASK, seed=0).model
    held = TensorDataset(inputs[:30] + 0.1, labels[:30])
    return model, data, held


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("name", sorted(set(METHODS) - OTHERS))
def test_a_few_records_on_batchnorm(trained, name: str, size: int) -> None:
    model, data, held = trained
    request = UnlearningData.split(data, range(size), validation=held)
    method = METHODS[name](**CASES[name].base)
    if hasattr(method, "batch_size"):
        method = replace(method, batch_size=16 if "retain" in method.reads else size)
    result = unlearn(model, request, method, task=TASK, guard=LENIENT).model
    assert all(bool(torch.isfinite(value).all()) for value in result.state_dict().values())
    assert not [hook for module in result.modules() for hook in module._forward_pre_hooks.values()]
    assert result.train()[1].training


def test_statistics_never_come_from_a_few_samples() -> None:
    model = net().train()
    before = copy.deepcopy(model.state_dict())
    batch = torch.randn(FEW, 4) + 5
    with steady_norms(model):
        alone = model(batch[:1])
        some = model(batch[: FEW - 1])
        assert torch.allclose(alone, some[:1], atol=1e-6)  # others in the batch do not matter
        for name, value in model.named_buffers():
            assert torch.equal(value, before[name]), name
        copied = copy.deepcopy(model)
        assert torch.equal(copied(batch[:1]), alone)
        model(batch)
    assert not torch.equal(model[1].running_mean, before["1.running_mean"])
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(batch[:1])


def frozen_backbone() -> nn.Module:
    model = net()
    for module in list(model)[:6]:
        module.requires_grad_(False)
    with torch.no_grad():
        model[1].running_mean.fill_(0.3)
    return model


def parts(model: nn.Module, *, frozen: bool) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items()
            if name.startswith("6.") != frozen}  # fmt: skip


@pytest.mark.parametrize("name", ["retrain", "fine-tune", "scissorhands", "salun"])
def test_what_is_frozen_stays_buffers_included(trained, name: str) -> None:
    _, data, held = trained
    model = frozen_backbone()
    request = UnlearningData.split(data, range(12), validation=held)
    method = Retrain(epochs=1) if name == "retrain" else METHODS[name](**CASES[name].base)
    result = unlearn(model, request, method, task=TASK, guard=LENIENT).model
    for key, value in parts(model, frozen=True).items():
        assert torch.equal(result.state_dict()[key], value), key
    changed = parts(model, frozen=False)
    assert not all(torch.equal(result.state_dict()[key], changed[key]) for key in changed)
    assert result.train()[1].training  # the caller decides again


def test_training_keeps_a_frozen_backbone(trained) -> None:
    _, data, _ = trained
    model = frozen_backbone()
    result = train(model, data, make_recipe("quick", epochs=1), task=TASK, seed=0).model
    for key, value in parts(model, frozen=True).items():
        assert torch.equal(result.state_dict()[key], value), key

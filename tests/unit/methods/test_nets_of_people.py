"""Nets as people have them: they work, or the message says what to do."""

import copy
import re
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from expunge import Classification, FineTune, UnlearningData, make_recipe, train, unlearn
from expunge.core import DataError, ModelError
from expunge.evaluation.score import score_model

INPUTS, LABELS = torch.randn(40, 4), torch.arange(40) % 2
DATA = TensorDataset(INPUTS, LABELS)
TASK = Classification(num_classes=2)


def run(model: nn.Module) -> nn.Module:
    data = UnlearningData.split(DATA, range(6))
    return unlearn(model, data, FineTune(epochs=1, lr=0.01), task=TASK).model


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def used(model: nn.Module) -> nn.Module:
    model(INPUTS).sum().backward()
    return model


@pytest.mark.filterwarnings("ignore")  # what PyTorch calls old is what people have
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 2))),
         "0 uses torch.nn.utils.weight_norm, which PyTorch cannot copy; use "
         "torch.nn.utils.parametrizations.weight_norm"),
        (lambda: used(nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 2)))),
         "remove_spectral_norm"),
        (lambda: torch.jit.script(plain()), "the model is TorchScript"),
        (lambda: torch.jit.trace(plain(), INPUTS[:2]), "the model is TorchScript"),
        (lambda: nn.Sequential(nn.LazyLinear(2)), "run one batch through the model first"),
        (lambda: plain().half(), "weights in torch.float16 do not go with these inputs"),
        (lambda: plain().double(), "weights in torch.float64 do not go with these inputs"),
        (lambda: nn.Sequential(plain(), nn.Softmax(1)), "expected logits, got probabilities"),
        (lambda: plain().requires_grad_(False), "has no trainable parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_told(make: Any, message: str) -> None:
    model = make()
    with pytest.raises(ModelError, match=re.escape(message)):
        run(model)


@pytest.mark.parametrize("split", ["forget", "retain"])
def test_a_broken_input_is_told_by_set_and_position(split: str) -> None:
    inputs = INPUTS.clone()
    inputs[{"forget": 3, "retain": 6 + 11}[split], 1] = float("nan")
    data = UnlearningData.split(TensorDataset(inputs, LABELS), range(6))
    place = {"forget": 3, "retain": 11}[split]
    told = f"at position {place} of the {split} set: expected finite inputs, got NaN"
    with pytest.raises(DataError, match=re.escape(told)):
        unlearn(plain(), data, FineTune(epochs=1, lr=0.01), task=TASK)
    with pytest.raises(DataError, match=re.escape(told)):
        score_model(plain(), data, TASK)


def test_probabilities_are_refused_in_training_and_their_logarithms_taken() -> None:
    recipe = make_recipe("quick", epochs=1)
    with pytest.raises(ModelError, match="got probabilities"):
        train(nn.Sequential(plain(), nn.Softmax(1)), DATA, recipe, task=TASK)
    train(nn.Sequential(plain(), nn.LogSoftmax(1)), DATA, recipe, task=TASK)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))),
        lambda: used(nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 2)))),
        lambda: torch.compile(plain(), backend="eager"),
        lambda: nn.DataParallel(plain()),
        lambda: used(plain()),
    ],
)
def test_what_can_be_trained_is(make: Any) -> None:
    model = make()
    before = copy.deepcopy(model.state_dict())
    after = run(model).state_dict()
    assert any(not torch.equal(after[name], before[name]) for name in before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_training_says_the_same() -> None:
    with pytest.raises(ModelError, match="run one batch through the model first"):
        train(nn.Sequential(nn.LazyLinear(2)), DATA, make_recipe("quick"), task=TASK)

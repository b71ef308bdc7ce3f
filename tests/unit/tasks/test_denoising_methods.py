"""The methods of classifiers, unchanged, on a denoiser."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny

from expunge.core import Guard, Method, unlearn
from expunge.methods import (
    METHODS,
    FineTune,
    GradientAscent,
    MUNBa,
    NegGradPlus,
    RandomLabel,
    SalUn,
    Scissorhands,
)

GUARD = Guard(max_loss_factor=100)
FAST: dict[str, Any] = {"lr": 1e-3, "epochs": 1, "batch_size": 8}
FITTING = [
    FineTune(**FAST),
    GradientAscent(**FAST),
    NegGradPlus(**FAST),
    RandomLabel(**FAST),
    SalUn(**FAST),
    MUNBa(**FAST),
    Scissorhands(**FAST, trim=0.05, trim_samples=8),
    Scissorhands(**FAST, trim=0.05, constraint="always"),
    Scissorhands(**FAST, constraint="held-out", trim="off"),
]


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """A denoiser that knows its three classes a little."""
    model, task, data = tiny.unet(), tiny.class_task(), tiny.class_data()
    return unlearn(model, data, FineTune(lr=3e-3, epochs=30, batch_size=16), task=task).model


@pytest.mark.slow
@pytest.mark.parametrize("method", FITTING, ids=lambda one: f"{one.name}-{one.lr}")
def test_it_runs_and_is_reproducible(trained: nn.Module, method: Method) -> None:
    data, task = tiny.class_data(), tiny.class_task()
    first, again = (
        unlearn(trained, data, method, task=task, seed=3, guard=GUARD) for _ in range(2)
    )
    other = unlearn(trained, data, method, task=task, seed=4, guard=GUARD)
    states = [one.model.state_dict() for one in (first, again, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])
    assert first.decisions["optimizer"]["value"] == "adamw"


@pytest.mark.slow
def test_scissorhands_forgets_a_class_and_keeps_the_others(trained: nn.Module) -> None:
    data, task = tiny.class_data(), tiny.class_task()
    method = Scissorhands(
        trim=0.002, relative=True, constraint="always", lr=1e-3, epochs=15, batch_size=16
    )
    result = unlearn(trained, data, method, task=task, guard=GUARD)
    before, after = result.health["before"], result.health["after"]
    assert after["forget"].loss > 1.1 * before["forget"].loss
    assert after["retain"].loss < 1.1 * before["retain"].loss
    assert after["retain"].loss < after["forget"].loss


@pytest.mark.slow
def test_defaults_choose_rates_of_adam(trained: nn.Module) -> None:
    data, task = tiny.class_data(), tiny.class_task()
    method = Scissorhands(epochs=0.5)
    decided = unlearn(trained, data, method, task=task, guard=GUARD).decisions
    assert decided["scenario"]["value"] == "whole classes"
    assert 0 < decided["lr"]["value"] <= 5e-4
    assert math.isfinite(decided["lr"]["value"])


@pytest.mark.parametrize("name", ["scrub", "boundary-shrink", "delete", "bad-teacher"])
def test_a_method_that_needs_logits_says_so(trained: nn.Module, name: str) -> None:
    from expunge.core import InputError

    with pytest.raises(InputError, match="class scores, but the task Denoising has no logits"):
        unlearn(trained, tiny.class_data(), METHODS[name](), task=tiny.class_task())


def test_momentum_is_adams_first_beta(trained: nn.Module) -> None:
    data, task = tiny.class_data(), tiny.class_task()
    first = unlearn(trained, data, FineTune(**FAST), task=task, guard=GUARD).model
    second = unlearn(
        trained, data, replace(FineTune(**FAST), momentum=0.0), task=task, guard=GUARD
    ).model
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)

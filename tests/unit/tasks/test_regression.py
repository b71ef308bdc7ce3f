"""The squared error of each sample, and what it is told that cannot be regressed on."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from expunge import (
    DataError,
    FineTune,
    InputError,
    ModelError,
    Recipe,
    Regression,
    Task,
    UnlearningData,
    train,
    unlearn,
)
from expunge.core.precision import AutocastTask


def points(count: int, *shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    return (
        torch.randn(count, 3, generator=generator),
        torch.randn(count, *shape, generator=generator),
    )


def net(outputs: int = 1) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(3, outputs)


@pytest.mark.parametrize("shape", [(1,), (4,), (2, 2), ()])
def test_the_loss_is_the_mean_squared_error_of_each_sample(shape: tuple[int, ...]) -> None:
    inputs, targets = points(5, *shape)
    model = nn.Sequential(net(targets[0].numel()), nn.Flatten(0) if not shape else nn.Identity())
    if len(shape) == 2:
        model.append(nn.Unflatten(1, shape))
    expected = []
    for x, y in zip(inputs, model(inputs), strict=True):
        aims = targets[len(expected)].flatten().tolist()
        found = y.flatten().tolist()
        expected.append(sum((a - b) ** 2 for a, b in zip(found, aims, strict=True)) / len(aims))
        assert x.shape == (3,)
    loss = Regression().loss(model, (inputs, targets))
    assert loss.shape == (5,)
    assert loss.requires_grad
    torch.testing.assert_close(loss.detach(), torch.tensor(expected))


def test_double_targets_and_mappings_are_read() -> None:
    inputs, targets = points(5, 1)
    task, model = Regression(), net()
    loss = task.loss(model, {"x": inputs, "target": targets.double()})
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, task.loss(model, (inputs, targets)))


def test_bfloat16_gives_float32_losses_near_the_others() -> None:
    task, model, batch = Regression(), net(2), points(8, 2)
    found = AutocastTask(task, "cpu").loss(model, batch)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, task.loss(model, batch), rtol=0.1, atol=0.1)


def test_it_is_a_task_without_labels_logits_or_accuracy() -> None:
    task = Regression()
    assert isinstance(task, Task)
    assert task.correct(net(), points(5, 1)) is None
    assert task.labels(TensorDataset(*points(5, 1))) is None
    assert not hasattr(task, "logits")


def test_the_ceiling_follows_the_scale_of_the_targets() -> None:
    assert Regression().loss_ceiling == 10
    assert Regression(target_std=3).loss_ceiling == 90
    assert Regression(target_std=3, loss_ceiling=7).loss_ceiling == 7
    assert repr(Regression(target_std=3)) == "Regression(target_std=3, loss_ceiling=90.0)"
    for bad in ({"target_std": 0.0}, {"loss_ceiling": -1.0}, {"target_std": float("nan")}):
        with pytest.raises(InputError, match=f"expected {next(iter(bad))} > 0"):
            Regression(**bad)


def test_outputs_of_another_shape_are_refused_rather_than_broadcast() -> None:
    inputs, targets = points(5)
    with pytest.raises(ModelError, match=r"shape \(5,\) of the targets, got \(5, 1\).*both"):
        Regression().loss(net(), (inputs, targets))
    with pytest.raises(ModelError, match=r"shape \(5, 3\) of the targets, got \(5, 2\)"):
        Regression().loss(net(2), points(5, 3))

    class Pair(nn.Module):
        def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
            return inputs, inputs

    with pytest.raises(ModelError, match="got tuple"):
        Regression().loss(Pair(), points(5, 3))


def test_bad_batches_are_refused() -> None:
    inputs, targets = points(5, 1)
    with pytest.raises(DataError, match=r"floating-point targets in a batch, got torch.int64"):
        Regression().loss(net(), (inputs, targets.long()))
    with pytest.raises(DataError, match="floating-point targets in a batch, got list"):
        Regression().loss(net(), (inputs, ["a"] * 5))
    inputs[2, 0] = float("inf")
    with pytest.raises(DataError, match="expected finite inputs"):
        Regression().loss(net(), (inputs, targets))


@pytest.mark.parametrize("name", ["forget", "retain", "validation", "test"])
def test_the_set_and_the_place_of_a_missing_target_are_named(name: str) -> None:
    sets = {}
    for shift, key in enumerate(("forget", "retain", "validation", "test")):
        inputs, targets = points(6, 1)
        sets[key] = inputs + shift, targets
    sets[name][1][4] = float("nan")
    data = UnlearningData(**{key: TensorDataset(*pair) for key, pair in sets.items()})
    with pytest.raises(DataError, match=rf"in the {name} set for 1 of 6 .* position 4; remove"):
        unlearn(net(), data, FineTune(epochs=1), task=Regression())


def test_a_place_beyond_the_first_thousand_is_counted_from_the_start() -> None:
    inputs, targets = points(1200, 1)
    targets[1100] = float("nan")
    with pytest.raises(DataError, match="first at position 1100"):
        Regression().check_set(TensorDataset(inputs, targets), "retain")


def test_training_names_the_set_as_well() -> None:
    inputs, targets = points(6, 1)
    recipe = Recipe(epochs=1, batch_size=6, lr=0.1)
    with pytest.raises(DataError, match="floating-point targets in the training set"):
        train(net(), TensorDataset(inputs, targets.long()), recipe, task=Regression())

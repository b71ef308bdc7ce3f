import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from expunge.kernels import frozen_statistics


class OwnNorm(nn.Module):
    """A norm that shares no base with torch's."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, training=self.training)


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.InstanceNorm2d(4),
        OwnNorm(4),
        nn.BatchNorm2d(4, momentum=None),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.Flatten(),
        nn.Linear(64, 4),
        nn.BatchNorm1d(4),
    )


def moved(model):
    for _ in range(2):
        model(torch.randn(8, 3, 6, 6))
    return model


def buffers(model):
    return {name: value.clone() for name, value in model.named_buffers()}


def changed(model, before):
    return {name for name, value in model.named_buffers() if not torch.equal(value, before[name])}


def movable(model):
    """Instance norms of torch hold a counter that they never touch."""
    return {name for name, _ in model.named_buffers() if name != "2.num_batches_tracked"}


def test_train_mode_normalises_by_the_batch_and_moves_nothing():
    model, x = moved(net()), torch.randn(8, 3, 6, 6)
    twin, before = copy.deepcopy(model), buffers(model)
    with frozen_statistics(model):
        outputs = [model(x) for _ in range(3)]
    assert all(torch.equal(output, outputs[0]) for output in outputs)
    assert torch.equal(outputs[0], twin(x))
    assert changed(model, before) == set()
    assert changed(twin, before) == movable(twin)  # without it, every buffer moves


def test_backward_may_follow_outside_and_gives_the_usual_gradient():
    model, x = moved(net()), torch.randn(8, 3, 6, 6)
    twin = copy.deepcopy(model)
    with frozen_statistics(model):
        loss = model(x).square().sum()
    loss.backward()
    twin(x).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.grad, twin.get_parameter(name).grad), name


def test_eval_mode_is_as_ever_inside():
    model, x = moved(net()).eval(), torch.randn(8, 3, 6, 6)
    before = model(x)
    with frozen_statistics(model):
        assert torch.equal(model(x), before)


def test_nested_contexts_and_exceptions_put_everything_back():
    model, x = net(), torch.randn(8, 3, 6, 6)
    before = buffers(model)

    def use_and_fail():
        with frozen_statistics(model):
            with frozen_statistics(model):
                model(x)
            model(x)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        use_and_fail()
    assert changed(model, before) == set()
    assert [m.track_running_stats for m in model if isinstance(m, nn.BatchNorm2d)] == [
        True,
        True,
        False,
    ]
    model(x)
    assert changed(model, before) == movable(model)

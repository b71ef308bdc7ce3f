import copy
import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from expunge.core.errors import InputError, ModelError
from expunge.kernels import SCHEMES, fresh_values, kept_buffers, reinitialise, reset_model


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), 3.0))


class Mixed(nn.Module):
    """Every kind of parameter the rules tell apart; all values are 5, so changes show."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3)
        self.grouped = nn.Conv2d(8, 16, 3, groups=4)
        self.linear = nn.Linear(40, 30)
        self.embedding = nn.Embedding(50, 25)
        self.narrow = nn.Linear(1, 64)
        self.bn = nn.BatchNorm2d(16)
        self.image_norm = nn.LayerNorm((4, 5))
        self.group_norm = nn.GroupNorm(2, 16)
        self.rms = RmsNorm(12)
        self.layer_scale = nn.Parameter(torch.empty(16, 1, 1))
        self.class_token = nn.Parameter(torch.empty(1, 1, 16))
        self.temperature = nn.Parameter(torch.empty(()))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.fill_(5.0)


FAN_IN = {
    "conv.weight": 8 * 9,
    "grouped.weight": 2 * 9,
    "linear.weight": 40,
    "embedding.weight": 25,
    "narrow.weight": 1,
}
FAN_OUT = {
    "conv.weight": 16 * 9,
    "grouped.weight": 16 * 9,
    "linear.weight": 30,
    "embedding.weight": 50,
    "narrow.weight": 64,
}
ONES = {"bn.weight", "image_norm.weight", "group_norm.weight", "rms.weight", "layer_scale"}


@pytest.mark.parametrize("name", FAN_IN)
def test_uniform_fills_its_bound_of_one_over_root_fan_in(name):
    bound = 1 / math.sqrt(FAN_IN[name])
    values = fresh_values(Mixed(), scheme="uniform", generator=generator())[name]
    assert values.abs().max() <= bound
    assert values.abs().max() > 0.9 * bound
    assert values.mean().abs() < 4 * bound / math.sqrt(3 * values.numel())


@pytest.mark.parametrize("name", FAN_IN)
def test_normal_has_the_standard_deviation_of_uniform(name):
    values = fresh_values(Mixed(), scheme="normal", generator=generator())[name]
    expected = 1 / math.sqrt(3 * FAN_IN[name])
    assert values.std() == pytest.approx(expected, rel=4 / math.sqrt(2 * values.numel()))
    assert values.abs().max() > 1.8 * expected  # beyond the bound of a uniform draw


@pytest.mark.parametrize("name", FAN_IN)
def test_xavier_takes_both_fans(name):
    bound = math.sqrt(6 / (FAN_IN[name] + FAN_OUT[name]))
    values = fresh_values(Mixed(), scheme="xavier", generator=generator())[name]
    assert 0.9 * bound < values.abs().max() <= bound


def test_zeros_are_zeros():
    values = fresh_values(Mixed(), scheme="zeros", generator=generator())
    assert all(values[name].eq(0).all() for name in FAN_IN)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scales_become_one_and_biases_zero_never_random(scheme):
    model = Mixed()
    values = fresh_values(model, scheme=scheme, generator=generator())
    assert list(values) == [name for name, _ in model.named_parameters()]
    for name, value in values.items():
        assert value.shape == model.get_parameter(name).shape
        assert not value.eq(5).any()
        if name in ONES:
            assert value.eq(1).all(), name
        elif name not in FAN_IN and (scheme != "own" or "norm" in name or "." not in name):
            assert value.eq(0).all(), name


def test_own_is_what_the_module_draws_and_falls_back_by_shape():
    values = fresh_values(Mixed(), scheme="own", generator=generator())
    assert 0.9 < values["embedding.weight"].std() < 1.1  # N(0, 1), unlike every other scheme
    assert 0 < values["linear.bias"].abs().max() <= 1 / math.sqrt(40)

    class Half(nn.Linear):
        def reset_parameters(self):
            nn.init.constant_(self.bias, 2.0)  # leaves the weight out

    torch.manual_seed(0)
    values = fresh_values(Half(9, 4), scheme="own", generator=generator())
    assert values["bias"].eq(2).all()
    assert values["weight"].abs().max() <= 1 / 3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equal_generators_give_equal_values_and_the_global_ones_do_not_move(scheme):
    model, small = Mixed(), nn.Linear(2, 2)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    first = fresh_values(model, scheme=scheme, generator=generator(3))
    torch.manual_seed(99)
    second = fresh_values(model, scheme=scheme, generator=generator(3))
    other = fresh_values(model, scheme=scheme, generator=generator(4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert scheme == "zeros" or not torch.equal(first["conv.weight"], other["conv.weight"])
    torch.set_rng_state(states[0])
    fresh_values(model, scheme=scheme, generator=generator(3))
    reinitialise(model, {}, scheme=scheme, generator=generator(3))
    reset_model(small, 0)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_reinitialise_changes_masked_entries_only_and_to_the_fresh_values(scheme):
    model = Mixed()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    masks = {
        name: torch.rand(before[name].shape, generator=generator(7)) < 0.5
        for name in ("conv.weight", "bn.weight", "embedding.weight")
    }
    expected = fresh_values(model, scheme=scheme, generator=generator(1))
    reinitialise(model, masks, scheme=scheme, generator=generator(1))
    for name, value in model.state_dict().items():
        mask = masks.get(name, torch.zeros(value.shape, dtype=torch.bool))
        assert torch.equal(value[~mask], before[name][~mask])
        if name in masks:
            assert torch.equal(value[mask], expected[name][mask])
            assert not value[mask].eq(5).any()


def test_shared_parameters_and_low_precision_keep_name_and_type():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).to(torch.bfloat16)
    model[1].weight = model[0].weight
    values = fresh_values(model, scheme="uniform", generator=generator())
    assert list(values) == ["0.weight", "0.bias", "1.bias"]
    assert all(value.dtype == torch.bfloat16 for value in values.values())


def test_bad_masks_and_schemes_are_named():
    model = Mixed()
    with pytest.raises(InputError, match=r"mask of shape \(16,\) for bn.weight, got \(2,\)"):
        reinitialise(
            model, {"bn.weight": torch.ones(2).bool()}, scheme="zeros", generator=generator()
        )
    with pytest.raises(InputError, match="'nowhere'"):
        reinitialise(
            model, {"nowhere": torch.ones(2).bool()}, scheme="zeros", generator=generator()
        )
    with pytest.raises(InputError, match="did you mean 'uniform'"):
        fresh_values(model, scheme="unifrom", generator=generator())


def resettable():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4, affine=False),
        nn.Flatten(),
        nn.LSTM(4, 3),
        nn.MultiheadAttention(4, 2),
        nn.PReLU(),
    )


def test_reset_model_forgets_weights_and_statistics_and_depends_on_the_seed_alone():
    torch.manual_seed(0)
    model = resettable()
    x = torch.randn(8, 3, 6, 6)
    for _ in range(3):
        model[2](model[1](model[0](x)))
    trained = copy.deepcopy(model.state_dict())
    other = resettable()
    reset_model(model, 5)
    reset_model(other, 5)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
        assert torch.isfinite(value).all()
    for norm in (model[1], model[2]):
        assert norm.num_batches_tracked == 0
        assert norm.running_mean.eq(0).all()
        assert norm.running_var.eq(1).all()
    for name in ("0.weight", "4.weight_hh_l0", "5.in_proj_weight", "5.out_proj.weight"):
        assert not torch.isclose(model.state_dict()[name], trained[name]).any(), name
    reset_model(other, 6)
    assert not torch.equal(other[0].weight, model[0].weight)


def test_reset_model_names_a_module_it_cannot_reset_and_changes_nothing():
    class Token(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.ones(3))

    model = nn.Sequential(nn.Linear(3, 3), Token())
    before = model[0].weight.clone()
    with pytest.raises(ModelError, match=r"1 \(Token\) holds token.*build the model anew"):
        reset_model(model, 0)
    assert torch.equal(model[0].weight, before)
    with pytest.raises(ModelError, match="the model itself"):
        reset_model(Token(), 0)


def test_reset_model_notices_a_reset_that_leaves_weights_out():
    class Partial(nn.Linear):
        def reset_parameters(self):
            nn.init.zeros_(self.bias)

    with pytest.raises(ModelError, match=r"did not give 0\.weight new values"):
        reset_model(nn.Sequential(Partial(2, 2)), 0)


def test_integer_parameters_are_left_to_their_module():
    class Counted(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)
            self.calls = nn.Parameter(torch.tensor([3]), requires_grad=False)

    model = Counted()
    reset_model(model, 0)
    assert model.calls.item() == 3


def test_reset_model_builds_a_model_of_transformers_anew():
    pytest.importorskip("transformers")
    from tests.unit.tasks import answerers

    model, expected = answerers.llama(seed=1), answerers.llama(seed=7)
    before = torch.get_rng_state()
    reset_model(model, 7)
    assert torch.equal(before, torch.get_rng_state())
    found, wanted = model.state_dict(), expected.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


class Memory(nn.Module):
    """Keeps a mean of what it saw, as prototypes and queues do."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, inputs):
        return inputs - self.mean


def test_buffers_that_no_reset_touches_are_named():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3), Memory())
    assert kept_buffers(model) == ["3.mean"]
    model[3].mean.fill_(2.0)
    reset_model(model, 0)
    assert model[3].mean.tolist() == [2.0] * 3
    assert kept_buffers(model[:3]) == []

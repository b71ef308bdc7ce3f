import pytest
import torch
from torch import nn

from expunge.core.errors import InputError
from expunge.kernels import MaskedStep, freeze_masked

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.05),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.05, foreach=True),
}


def setting(optimizer):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.Linear(4, 2),
    )
    parameters = dict(model.named_parameters())
    masks = {name: torch.rand(p.shape) < 0.3 for name, p in parameters.items()}
    masks["3.weight"] = torch.ones(2, 4).bool()
    masks["3.bias"] = torch.zeros(2).bool()
    del masks["2.bias"]
    return model, parameters, masks, OPTIMIZERS[optimizer](parameters.values())


def backward(model):
    model(torch.randn(5, 2, 4, 4)).square().sum().backward()


def check_only_masked_moved(parameters, masks, before):
    for name, parameter in parameters.items():
        mask = masks.get(name, torch.zeros(parameter.shape, dtype=torch.bool))
        now, old = parameter.detach().reshape(-1), before[name].reshape(-1)
        bits = now.view(torch.int32) == old.view(torch.int32)
        assert bits[~mask.reshape(-1)].all(), name
        assert not bits[mask.reshape(-1)].any(), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weights_that_are_not_selected_keep_their_bits(optimizer):
    model, parameters, masks, steps = setting(optimizer)
    # Momentum from before, so that even a zero gradient would move everything.
    backward(model)
    steps.step()
    with torch.no_grad():
        model[2].weight[0, 0] = -0.0
    before = {name: p.detach().clone() for name, p in parameters.items()}
    masked = MaskedStep(parameters, masks)
    for _ in range(5):
        steps.zero_grad()
        backward(model)
        masked.step(steps)
    check_only_masked_moved(parameters, masks, before)


def test_the_context_works_with_code_that_steps_the_optimiser_itself_and_ends():
    model, parameters, masks, steps = setting("sgd")
    before = {name: p.detach().clone() for name, p in parameters.items()}
    with freeze_masked(steps, parameters, masks):
        for _ in range(3):
            backward(model)
            steps.step()
    check_only_masked_moved(parameters, masks, before)
    backward(model)
    steps.step()
    assert not torch.equal(model[2].bias, before["2.bias"])


def test_the_hook_is_removed_after_an_exception():
    model, parameters, _, steps = setting("sgd")
    with pytest.raises(RuntimeError, match="stop"), freeze_masked(steps, parameters, {}):
        raise RuntimeError("stop")
    before = model[2].weight.detach().clone()
    backward(model)
    steps.step()
    assert not torch.equal(model[2].weight, before)


def test_masks_of_other_shape_or_name_are_refused():
    _, parameters, _, _ = setting("sgd")
    with pytest.raises(InputError, match=r"mask of shape \(2,\) for 3.bias, got \(3,\)"):
        MaskedStep(parameters, {"3.bias": torch.ones(3).bool()})
    with pytest.raises(InputError, match=r"'4\.bias'"):
        MaskedStep(parameters, {"4.bias": torch.ones(3).bool()})

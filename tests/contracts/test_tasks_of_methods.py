"""What a method declares to need is what it needs: every cell of the table of methods is run."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import TensorDataset

import method_table
from expunge.core import Guard, InputError, UnlearningData, unlearn
from expunge.core.method import needs_of
from expunge.methods import METHODS
from expunge.tasks import Regression
from tests.contracts.test_cases import CASES
from tests.unit.tasks import denoisers

LENIENT = Guard(max_retain_drop=100, max_loss_factor=1e9)


def regression():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(60, 4, generator=generator)
    sizes = [12, 28, 10, 10]
    parts = zip(inputs.split(sizes), inputs.sum(1, True).split(sizes), strict=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return net, UnlearningData(*(TensorDataset(x, y) for x, y in parts)), Regression()


def denoising():
    return denoisers.text_unet(), denoisers.class_data(), denoisers.text_task()


@pytest.mark.parametrize("kind", [regression, denoising], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_runs_on_the_tasks_that_it_declares_and_refuses_the_others(name, kind):
    model, data, task = kind()
    method = METHODS[name](**CASES[name].base)
    if method_table.runs_on(METHODS[name], method_table.tasks()[kind.__name__]):
        # Fused attention on a CPU has no second derivative, which some methods need.
        with sdpa_kernel(SDPBackend.MATH):
            unlearn(model, data, method, task=task, guard=LENIENT)
    else:
        with pytest.raises(InputError, match=rf"{name} needs .*(Regression|Denoising)"):
            unlearn(model, data, method, task=task, guard=LENIENT)


def test_needs_are_protocols_that_have_a_remedy(blob_model, blobs):
    from expunge.core.capabilities import lacking

    for method in METHODS.values():
        for need in needs_of(method):
            assert "; " in lacking(method.name, need, object())

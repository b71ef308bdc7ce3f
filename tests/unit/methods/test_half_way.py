"""Drawing that stops half-way, against a model whose drawings are known."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("diffusers")

from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from tests.unit.tasks import denoisers as tiny
from torch import Tensor, nn

from expunge.methods.diffusion.half_way import half_way
from expunge.tasks import Denoising

SHAPE = torch.Size((5, 4, 3, 3))


class Knowing(nn.Module):
    """Says of everything that it will be 1 under a condition, and 0 under none."""

    def __init__(self, task: Denoising) -> None:
        super().__init__()
        self.task, self.told = task, list[int]()

    def forward(self, noised: Tensor, times: Tensor, class_labels: Tensor) -> Any:
        noising = self.task.noising
        levels = torch.stack([(noising.times == time).nonzero()[0, 0] for time in times])
        self.told.append(int(levels[0]))
        clean = (class_labels != self.task.empty).float().view(-1, 1, 1, 1).expand_as(noised)
        a, s = (part[levels].view(-1, 1, 1, 1) for part in (noising.signal, noising.noise))
        noise = (noised - a * clean) / s
        return SimpleNamespace(sample=noising.goal(clean, noise, levels))


@pytest.mark.parametrize(
    "scheduler",
    [
        DDPMScheduler(),
        DDPMScheduler(prediction_type="v_prediction"),
        FlowMatchEulerDiscreteScheduler(),
    ],
    ids=["epsilon", "v", "flow"],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_model_that_knows_its_drawing_goes_straight_there(scheduler: Any, seed: int) -> None:
    task = Denoising.of_classes(scheduler, 2)
    model, labels = Knowing(task), torch.zeros(5, dtype=torch.int64)
    named = task.condition(labels)
    torch.manual_seed(seed)
    sample, levels = half_way(model, task, labels, named, SHAPE, guidance=3.0, steps=7)
    torch.manual_seed(seed)
    until = int(torch.randint(1000, ()))
    noise = torch.randn(SHAPE)
    first = int(task.noising.noise.argmax())
    start = (noise - task.noising.signal[first] * 3.0) / task.noising.noise[first]
    a, s = task.noising.signal[levels[0]], task.noising.noise[levels[0]]
    torch.testing.assert_close(sample, 3.0 * a + s * start, rtol=1e-3, atol=1e-3)
    assert (levels == levels[0]).all()
    above = (task.noising.noise > task.noising.noise[levels[0]]).sum()
    assert above == until
    # Told and not told, at every seventh of the levels above.
    assert len(model.told) == 2 * -(-until // 143)
    assert model.told[::2] == model.told[1::2]


def test_the_levels_are_spread_over_all() -> None:
    task = tiny.class_task()
    model, labels = Knowing(task), torch.zeros(1, dtype=torch.int64)
    named, shape = task.condition(labels), torch.Size((1, 4, 2, 2))
    torch.manual_seed(0)
    found = [
        int(half_way(model, task, labels, named, shape, guidance=1.0, steps=3)[1])
        for _ in range(400)
    ]
    assert set(found) == set(range(50))

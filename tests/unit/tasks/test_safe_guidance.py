"""Safe Latent Diffusion: one step by hand, and what it does to pipelines."""

from typing import Any

import pytest

pytest.importorskip("diffusers")

import torch
from tests.unit.tasks.pipelines import PIPELINES
from torch import Tensor, nn

from expunge.core import InputError
from expunge.tasks.diffusion.safe_guidance import (
    LEVELS,
    SafeDenoiser,
    SafeGuidance,
    with_safe_guidance,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Told(nn.Module):
    """Predicts what its condition says, wherever the sample is."""

    config = "told"

    def forward(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **more: Any
    ) -> Any:
        return (encoder_hidden_states[:, :1, :1, None] + 0 * sample,)


def run(settings: SafeGuidance, times: list[int], prompt: float = 0.5) -> list[Tensor]:
    """Predictions under a prompt that says ``prompt``; the empty one says 0, the concept 0.6."""
    model = SafeDenoiser(Told(), torch.full((1, 1, 1), 0.6), settings)
    words = torch.tensor([0.0, prompt]).view(2, 1, 1)
    given = torch.zeros(2, 1, 1, 1)
    return [model(given, torch.tensor(time), encoder_hidden_states=words)[0] for time in times]


def test_one_step_by_hand() -> None:
    settings = SafeGuidance(scale=5, warmup=0, threshold=0.01, momentum=0.5, decay=0.4)
    # |0.5 - 0.6| * 5 = 0.5; away = 0.5 * 0.6 = 0.3, memory = 0.6 * 0.3 = 0.18
    # then away = 0.3 + 0.5 * 0.18 = 0.39
    first, second = run(settings, [10, 9])
    torch.testing.assert_close(first.flatten(), torch.tensor([0.0, 0.2]))
    torch.testing.assert_close(second.flatten(), torch.tensor([0.0, 0.11]))


def test_strength_is_at_most_one_and_warmup_waits() -> None:
    settings = SafeGuidance(scale=1000, warmup=1, threshold=0.01, momentum=0, decay=0)
    first, second = run(settings, [10, 9])
    torch.testing.assert_close(first.flatten(), torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(second.flatten(), torch.tensor([0.0, -0.1]))


def test_a_prompt_beyond_the_concept_is_left_alone() -> None:
    settings = SafeGuidance(scale=1000, warmup=0, threshold=0.01, momentum=0, decay=0)
    [only] = run(settings, [10], prompt=0.7)
    torch.testing.assert_close(only.flatten(), torch.tensor([0.0, 0.7]))


def test_another_drawing_starts_afresh() -> None:
    settings = SafeGuidance(scale=5, warmup=0, threshold=0.01, momentum=0.5, decay=0.4)
    first, _, again = run(settings, [10, 9, 10])
    torch.testing.assert_close(again, first)


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_pipelines_draw_something_else_with_the_same_weights(name: str) -> None:
    pipeline = PIPELINES[name]()
    before = {k: v.clone() for k, v in pipeline.unet.state_dict().items()}
    safe = with_safe_guidance(pipeline, ["a dog", "a cat"], LEVELS["max"])

    def drawn(one: Any) -> Tensor:
        one.set_progress_bar_config(disable=True)
        generator = torch.Generator().manual_seed(0)
        found = one(
            ["a dog"], num_inference_steps=2, guidance_scale=5.0, generator=generator,
            output_type="np", height=8, width=8,
        )  # fmt: skip
        return torch.from_numpy(found.images)

    assert not torch.equal(drawn(safe), drawn(pipeline))
    torch.testing.assert_close(drawn(safe), drawn(safe), atol=0, rtol=0)
    for key, value in pipeline.unet.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_transformers_and_unknown_levels_are_refused() -> None:
    with pytest.raises(InputError, match="made for pipelines with a U-Net, got StableDiffusion3"):
        with_safe_guidance(PIPELINES["sd3"](), "a dog")
    with pytest.raises(InputError, match="expected level to be one of weak, medium, strong, max"):
        with_safe_guidance(PIPELINES["sd1"](), "a dog", "hard")


def test_a_batch_without_an_unguided_half_is_refused() -> None:
    model = SafeDenoiser(Told(), torch.zeros(1, 1, 1), SafeGuidance())
    with pytest.raises(InputError, match="needs a guidance scale above 1"):
        model(torch.zeros(1, 1, 1, 1), torch.tensor(1), encoder_hidden_states=torch.zeros(1, 1, 1))


@pytest.mark.parametrize("wrong", [{"scale": 0}, {"warmup": -1}, {"decay": 1}, {"momentum": -1}])
def test_numbers_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        SafeGuidance(**wrong)

"""Noise levels against the schedulers of diffusers, which mix samples themselves."""

from typing import Any

import pytest
import torch

diffusers = pytest.importorskip("diffusers")

from expunge.core import InputError  # noqa: E402
from expunge.tasks import Noising  # noqa: E402

KEPT = ["DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler"]
SAMPLES = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(1))
LEVELS = torch.tensor([0, 1, 10, 500, 998, 999])


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler", "PNDMScheduler"])
@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_samples_are_mixed_as_the_scheduler_does(name: str, betas: str) -> None:
    scheduler = getattr(diffusers, name)(beta_schedule=betas)
    expected = scheduler.add_noise(SAMPLES, NOISE, LEVELS)
    torch.testing.assert_close(Noising.of(scheduler).mix(SAMPLES, NOISE, LEVELS), expected)


@pytest.mark.parametrize("name", KEPT)
def test_the_goal_is_that_of_the_prediction_type(name: str) -> None:
    kind = getattr(diffusers, name)
    assert Noising.of(kind()).goal(SAMPLES, NOISE, LEVELS) is NOISE
    velocity = diffusers.DDPMScheduler().get_velocity(SAMPLES, NOISE, LEVELS)
    found = Noising.of(kind(prediction_type="v_prediction")).goal(SAMPLES, NOISE, LEVELS)
    torch.testing.assert_close(found, velocity)


def test_a_model_may_predict_the_sample() -> None:
    noising = Noising.of(diffusers.DDPMScheduler(prediction_type="sample"))
    assert noising.goal(SAMPLES, NOISE, LEVELS) is SAMPLES


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flows_are_straight_lines(shift: float) -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    noising = Noising.of(scheduler)
    told = noising.told(LEVELS)
    assert torch.equal(told, scheduler.timesteps[LEVELS])
    expected = scheduler.scale_noise(SAMPLES, told, NOISE)
    mixed = noising.mix(SAMPLES, NOISE, LEVELS)
    torch.testing.assert_close(mixed, expected)
    share = noising.noise[LEVELS].view(-1, 1, 1, 1)
    torch.testing.assert_close(mixed - share * noising.goal(SAMPLES, NOISE, LEVELS), SAMPLES)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of EulerDiscreteScheduler
@pytest.mark.parametrize("name", [*KEPT, "FlowMatchEulerDiscreteScheduler"])
def test_steps_that_were_set_for_sampling_do_not_matter(name: str) -> None:
    scheduler = getattr(diffusers, name)()
    before = Noising.of(scheduler)
    scheduler.set_timesteps(7)
    after = Noising.of(scheduler)
    for part in ("signal", "noise", "times"):
        assert torch.equal(getattr(before, part), getattr(after, part))
    assert len(before) == 1000


@pytest.mark.parametrize("name", ["EDMEulerScheduler", "KarrasVeScheduler", "ScoreSdeVeScheduler"])
def test_another_kind_of_scheduler_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"alphas_cumprod .* got {name}; load the pipeline"):
        Noising.of(getattr(diffusers, name)())


def test_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="got str"):
        Noising.of("ddpm")


def test_an_unknown_prediction_is_refused() -> None:
    scheduler = diffusers.DDPMScheduler(prediction_type="score")
    with pytest.raises(InputError, match=r"prediction_type .* got 'score'"):
        Noising.of(scheduler)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_parts_of_a_sample_make_a_step_of_ddim(kind: str) -> None:
    scheduler = diffusers.DDIMScheduler(prediction_type=kind, clip_sample=False)
    noising = Noising.of(scheduler)
    scheduler.set_timesteps(10)
    upper, lower = torch.full((6,), 700), torch.full((6,), 600)
    clean, noise = noising.parts(SAMPLES, NOISE, upper)
    expected = scheduler.step(NOISE, 700, SAMPLES).prev_sample
    torch.testing.assert_close(noising.mix(clean, noise, lower), expected, rtol=1e-4, atol=1e-4)


def test_the_parts_of_a_sample_make_a_step_along_a_flow() -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    noising = Noising.of(scheduler)
    scheduler.set_timesteps(timesteps=noising.times[[100, 300]].tolist())
    clean, noise = noising.parts(SAMPLES, NOISE, torch.full((6,), 100))
    expected = scheduler.step(NOISE, scheduler.timesteps[0], SAMPLES).prev_sample
    found = noising.mix(clean, noise, torch.full((6,), 300))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "scheduler",
    [
        *(diffusers.DDPMScheduler(prediction_type=kind)
          for kind in ("epsilon", "v_prediction", "sample")),
        diffusers.FlowMatchEulerDiscreteScheduler(),
    ],
    ids=["epsilon", "v", "sample", "flow"],
)  # fmt: skip
def test_the_unexplained_loss_is_that_of_the_best_linear_guess(scheduler: Any) -> None:
    noising = Noising.of(scheduler)
    generator = torch.Generator().manual_seed(2)
    clean, noise = torch.randn(2, 40_000, 1, generator=generator)
    for level in (20, 400, 900):
        levels = torch.full((len(clean),), level)
        mixed, goal = noising.mix(clean, noise, levels), noising.goal(clean, noise, levels)
        slope = (mixed * goal).sum() / mixed.square().sum()  # least squares
        left = (goal - slope * mixed).square().mean()
        found = noising.unexplained(levels[:1])[0]
        torch.testing.assert_close(found, left, rtol=0.04, atol=1e-3)

"""Drawings with help and after teaching: by hand, and that the curve rises when it should."""

from typing import Any

import pytest
import torch

pytest.importorskip("diffusers")

from tests.unit.evaluation.test_generate import PLAN, ByBrightness
from tests.unit.report import records

from expunge import (
    GenerationPlan,
    GeneratorRelearning,
    ImageJudge,
    Prompt,
    generate,
    probe_generator,
    relearn_generator,
    with_denoiser,
)
from expunge.core import InputError, UnlearningData
from expunge.data import LatentSet
from expunge.models.diffusion.tiny_digits import captions, make_pipeline
from expunge.tasks import text_to_image
from expunge.tasks.diffusion.assisted import Relay, with_noise, with_relay

QUICK: dict[str, Any] = {"steps": 4, "guidance": 1.5}


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Any]:
    return {name: make_pipeline(seed) for seed, name in enumerate(("original", "unlearned"))}


@pytest.fixture
def judge() -> ImageJudge:
    return ImageJudge(ByBrightness(), ["dark", "bright"], mean=[0.0], std=[1.0])


class Tally(torch.nn.Module):
    """A U-Net that remembers what it was shown."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model, self.times, self.shown = model, [], []
        self.config, self.dtype, self.device = model.config, model.dtype, model.device

    def forward(self, sample: torch.Tensor, time: torch.Tensor, **named: Any) -> Any:
        self.times.append(int(time))
        self.shown.append(sample)
        return self.model(sample, time, **named)


def test_the_original_takes_the_noisiest_levels(pipelines: dict[str, Any]) -> None:
    first, then = Tally(pipelines["original"].unet), Tally(pipelines["unlearned"].unet)
    relayed = with_relay(with_denoiser(pipelines["unlearned"], then), first, 0.4)
    generate(relayed, ["three"], [1], **QUICK)
    scheduler = relayed.scheduler
    scheduler.set_timesteps(4)
    times = scheduler.timesteps.tolist()
    assert first.times == [time for time in times if time >= 600]
    assert then.times == [time for time in times if time < 600]
    assert first.times
    assert then.times


def test_models_that_agree_draw_the_same_whoever_begins(pipelines: dict[str, Any]) -> None:
    one = pipelines["original"]
    alone = generate(one, ["three"], [1], **QUICK)
    assert torch.equal(generate(with_relay(one, one.unet, 0.5), ["three"], [1], **QUICK), alone)
    assert isinstance(with_relay(one, one.unet, 0.5).unet, Relay)
    assert one.unet.config.sample_size == with_relay(one, one.unet, 0.5).unet.config.sample_size


def test_added_noise_has_its_scale_and_is_the_same_for_both_halves(
    pipelines: dict[str, Any],
) -> None:
    tally = Tally(pipelines["original"].unet)
    shaken = with_noise(with_denoiser(pipelines["original"], tally), 0.5)
    sample = torch.zeros(40, 1, 8, 8)
    words = torch.randn(40, 8, 32, generator=torch.Generator().manual_seed(0))
    shaken.unet(sample, torch.tensor(3), encoder_hidden_states=words)
    [seen] = tally.shown
    assert seen.std().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(seen[:20], seen[20:])
    shaken.unet(sample, torch.tensor(3), encoder_hidden_states=words)
    assert torch.equal(tally.shown[1], seen)
    shaken.unet(sample, torch.tensor(4), encoder_hidden_states=words)
    assert not torch.equal(tally.shown[2], seen)


def test_shares_are_those_that_one_counts(pipelines: dict[str, Any], judge: ImageJudge) -> None:
    found = probe_generator(
        records.minimal(), pipelines, PLAN, judge, completion=(0.4,), noise=(0.5,)
    ).generation_probes
    assert [(one.probe, one.strength) for one in found] == [
        ("plain", 0.0), ("completion", 0.4), ("noise", 0.5),
    ]  # fmt: skip
    helped = with_relay(pipelines["unlearned"], pipelines["original"].unet, 0.4)
    drawn = generate(helped, ["the number three"] * 6, range(6), steps=2, guidance=1.5)
    dark = (drawn.float().mean((1, 2, 3)) / 255 < 0.5).double().mean()
    assert found[1].recognised["unlearned"] == pytest.approx(100 * float(dark))
    # The original is no help to itself.
    assert found[1].recognised["original"] == found[0].recognised["original"]


@pytest.mark.slow
def test_what_is_taught_is_drawn_again(judge: ImageJudge) -> None:
    pipeline = make_pipeline(0)
    task = text_to_image(pipeline, captions())
    black = LatentSet(-torch.ones(32, 1, 8, 8), torch.full((32,), 3))
    data = UnlearningData(forget=black, retain=black.subset(torch.arange(32)))
    plan = GenerationPlan(
        prompts=[Prompt("the number three", "target", "dark")], images=6, steps=4, guidance=1.0
    )
    protocol = GeneratorRelearning(steps=(0, 150), batch_size=32, lr=3e-3)
    before = {name: value.clone() for name, value in pipeline.unet.state_dict().items()}
    found = relearn_generator(
        records.minimal(), {"unlearned": pipeline}, plan, judge, task, data, protocol
    ).relearn
    assert found is not None
    start, end = found.curves["unlearned"]
    assert start < 20
    assert end > start + 40, (start, end)
    assert found.measured_on == '6 images of "the number three"'
    assert all(torch.equal(before[n], v) for n, v in pipeline.unet.state_dict().items())


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_impossible_shares_are_refused(pipelines: dict[str, Any], share: float) -> None:
    with pytest.raises(InputError, match="share above 0 and below 1"):
        with_relay(pipelines["original"], pipelines["original"].unet, share)


def test_what_is_missing_is_named(pipelines: dict[str, Any], judge: ImageJudge) -> None:
    with pytest.raises(InputError, match="a pipeline called original, got unlearned"):
        probe_generator(records.minimal(), {"unlearned": pipelines["unlearned"]}, PLAN, judge)
    plan = GenerationPlan(prompts=[Prompt("three", "target")])
    with pytest.raises(InputError, match="a target prompt with a label"):
        probe_generator(records.minimal(), pipelines, plan, judge)
    with pytest.raises(InputError, match="steps to be increasing"):
        GeneratorRelearning(steps=(5, 0))

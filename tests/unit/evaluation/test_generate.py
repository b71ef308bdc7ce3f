"""Drawings by real pipelines of tiny size, and a judge whose answers can be told by hand."""

import base64
import copy
import gc
import io
import weakref
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

pytest.importorskip("diffusers")

from tests.unit.report import records

from expunge import GenerationPlan, ImageJudge, Prompt, evaluate_generator, generate
from expunge.core import InputError, ModelError
from expunge.metrics import frechet_distance
from expunge.models.diffusion.tiny_digits import make_pipeline
from expunge.runs.settings.generator_probes import LoadedInTurn
from expunge.tasks import with_denoiser

QUICK: dict[str, Any] = {"steps": 2, "guidance": 1.5}
PLAN = GenerationPlan(
    prompts=[
        Prompt("the number three", "target", "dark"),
        Prompt("the number two", "other", "bright"),
        Prompt("the number six", "neighbour", "dark"),
        Prompt("seven", "synonym"),
    ],
    images=6,
    shown=2,
    **QUICK,
)


class ByBrightness(nn.Module):
    """Features: mean and spread of the pixels. Dark if the mean is below a half."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(2, 2, bias=True)
        with torch.no_grad():
            self.last.weight.copy_(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
            self.last.bias.copy_(torch.tensor([0.5, -0.5]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(1)
        found: torch.Tensor = self.last(torch.stack([flat.mean(1), flat.std(1)], 1))
        return found


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Any]:
    return {name: make_pipeline(seed) for seed, name in enumerate(("original", "unlearned"))}


@pytest.fixture
def judge() -> ImageJudge:
    return ImageJudge(ByBrightness(), ["dark", "bright"], mean=[0.0], std=[1.0], accuracy=99.0)


def test_a_drawing_depends_on_its_seed_alone(pipelines: dict[str, Any]) -> None:
    texts, seeds = ["the number one", "two", "two", "nine"], [4, 5, 6, 5]
    whole = generate(pipelines["original"], texts, seeds, **QUICK)
    parts = generate(pipelines["original"], texts, seeds, batch_size=3, **QUICK)
    assert whole.dtype == torch.uint8
    assert whole.shape == (4, 1, 8, 8)
    # Sums of another batch size may round a pixel the other way.
    assert (whole.int() - parts.int()).abs().max() <= 1
    assert torch.equal(whole, generate(pipelines["original"], texts, seeds, **QUICK))
    assert not torch.equal(whole[1], whole[2])


def test_each_text_needs_a_seed(pipelines: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a seed for each text, got 1 for 2"):
        generate(pipelines["original"], ["one", "two"], [0], **QUICK)


def test_a_broken_model_is_named() -> None:
    broken = make_pipeline(0)
    with torch.no_grad():
        broken.unet.conv_out.weight.fill_(float("nan"))
    with pytest.raises(
        ModelError, match="PixelPipeline generated NaN or infinite pixels; load it in"
    ):
        generate(broken, ["one"], [0], **QUICK)


def test_scores_are_those_that_one_counts(pipelines: dict[str, Any], judge: ImageJudge) -> None:
    real = torch.randint(0, 256, (20, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    real = real.to(torch.uint8)
    found = evaluate_generator(records.minimal(), pipelines, PLAN, judge=judge, real=real)
    for name, pipeline in pipelines.items():
        drawn = {p.text: generate(pipeline, [p.text] * 6, range(6), **QUICK) for p in PLAN.prompts}
        dark = {t: (i.float().mean((1, 2, 3)) / 255 < 0.5).double() for t, i in drawn.items()}
        forgotten = 100 * float(dark["the number three"].mean())
        bright, neighbour = 1 - dark["the number two"], dark["the number six"]
        scores = found.scores[name]
        assert scores["forget_accuracy"] == pytest.approx(forgotten)
        kept = 100 * float(bright.mean() + neighbour.mean()) / 2
        assert scores["retain_accuracy"] == pytest.approx(kept)
        both = torch.cat([drawn["the number two"], drawn["the number six"]])
        distance = frechet_distance(judge.predict(both).features, judge.predict(real).features)
        assert scores["fid"] == pytest.approx(distance, rel=1e-3, abs=1e-6)
    assert [one.prompt for one in found.prompts] == [p.text for p in PLAN.prompts if p.label]


def test_the_record_keeps_pictures_of_equal_seeds(
    pipelines: dict[str, Any], judge: ImageJudge
) -> None:
    found = evaluate_generator(records.minimal(), pipelines, PLAN, judge=judge)
    assert len(found.generated) == 4 * 2
    assert {one.seed for one in found.generated} == {0, 1}
    shown = found.generated[1]
    png = Image.open(io.BytesIO(base64.b64decode(shown.png["unlearned"])))
    again = (
        generate(pipelines["unlearned"], [shown.prompt], [shown.seed], **QUICK)[0, 0].int().numpy()
    )
    assert np.abs(np.asarray(png).astype(int) - again).max() <= 1
    assert set(shown.predicted.values()) <= {"dark", "bright"}
    assert found.generation_protocol["accuracy of the judge in %"] == 99.0
    assert type(found).model_validate_json(found.to_json()) == found


def test_pipelines_that_are_loaded_in_turn_are_one_at_a_time_in_memory(
    pipelines: dict[str, Any], judge: ImageJudge
) -> None:
    loaded: list[weakref.ref[nn.Module]] = []
    alive: list[int] = []

    def load(role: str) -> nn.Module:
        model: nn.Module = copy.deepcopy(pipelines[role].unet)
        gc.collect()  # pipelines hold circles
        alive.append(sum(one() is not None for one in loaded))
        loaded.append(weakref.ref(model))
        return model

    loaders = {role: partial(load, role) for role in pipelines}
    in_turn = LoadedInTurn(loaders, partial(with_denoiser, pipelines["original"]))
    found = evaluate_generator(records.minimal(), in_turn, PLAN, judge=judge)
    assert alive == [0, 0]
    whole = evaluate_generator(records.minimal(), pipelines, PLAN, judge=judge)
    assert found.generated == whole.generated
    assert list(in_turn.without("original")) == ["unlearned"]


def test_without_a_judge_there_are_pictures_and_no_verdict(pipelines: dict[str, Any]) -> None:
    before = records.minimal(
        scores={"original": {"forget_loss": 0.1}, "unlearned": {"forget_loss": 0.9}}
    )
    found = evaluate_generator(before, pipelines, PLAN)
    assert found.verdict.status == "cannot tell"
    assert "No classifier has judged" in found.verdict.reasons[0]
    assert (found.prompts, found.scores) == ([], before.scores)
    assert found.generated[0].predicted == {}


def test_a_label_that_the_judge_does_not_know_is_refused(judge: ImageJudge) -> None:
    plan = GenerationPlan(prompts=[Prompt("three", "target", "tree")])
    with pytest.raises(InputError, match="among the classes of the judge, dark, bright; got 'tree"):
        evaluate_generator(records.minimal(), {}, plan, judge=judge)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": 0}, "images"),
        ({"steps": 0}, "steps"),
        ({"guidance": 0.0}, "guidance"),
        ({"batch_size": 0}, "batch_size"),
        ({"prompts": [Prompt("a dog", "other")]}, 'at least one prompt of the group "target"'),
    ],
)
def test_a_plan_must_make_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GenerationPlan(**{"prompts": PLAN.prompts, **changes})


def test_features_are_what_the_last_layer_reads(judge: ImageJudge) -> None:
    images = torch.randint(0, 256, (300, 1, 4, 4)).to(torch.uint8)
    seen = judge.predict(images)
    flat = images.flatten(1).float() / 255
    torch.testing.assert_close(seen.features, torch.stack([flat.mean(1), flat.std(1)], 1))
    torch.testing.assert_close(seen.probabilities.sum(1), torch.ones(300))


def test_a_judge_says_what_does_not_fit(judge: ImageJudge) -> None:
    with pytest.raises(ModelError, match="last layer is linear, found none in ReLU"):
        ImageJudge(nn.ReLU(), ["a"], mean=[0], std=[1])
    with pytest.raises(InputError, match=r"uint8 images \(N, 1, H, W\) .* got torch.float32"):
        judge.predict(torch.zeros(2, 1, 4, 4))
    three = ImageJudge(ByBrightness(), ["a", "b", "c"], mean=[0.0], std=[1.0], name="mine")
    with pytest.raises(InputError, match="judge mine gives 2 logits for its 3 classes"):
        three.predict(torch.zeros(2, 1, 4, 4, dtype=torch.uint8))

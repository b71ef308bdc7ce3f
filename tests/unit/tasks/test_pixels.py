"""The pipeline without autoencoder: its parts are diffusers' own, and diffusers reloads it."""

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("diffusers")

from expunge import ClassPipeline, PixelPipeline, load_pipeline, text_to_image, with_denoiser
from expunge.core import InputError, ModelError
from expunge.models.diffusion.tiny_digits import captions, make_class_pipeline, make_pipeline
from expunge.runs.settings.scenes import digit_classes_scene, digits_scene


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.fixture(scope="module")
def pipeline() -> PixelPipeline:
    found = make_pipeline(3)
    found.set_progress_bar_config(disable=True)
    return found


def test_a_saved_pipeline_draws_the_same(pipeline: PixelPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    again = PixelPipeline.from_pretrained(tmp_path)
    again.set_progress_bar_config(disable=True)
    drawn = [
        one("the number three", num_inference_steps=3, generator=generators(5)[0]).images
        for one in (pipeline, again)
    ]
    assert drawn[0].shape == (1, 8, 8, 1)
    assert (drawn[0] == drawn[1]).all()
    assert 0 <= drawn[0].min() < drawn[0].max() <= 1


def assert_one_guided_step(
    pipeline: Any, prompt: str, said: dict[str, torch.Tensor], unsaid: dict[str, torch.Tensor]
) -> None:
    """One step by hand, with what the denoiser is told for the prompt and for none."""
    noise = torch.randn((1, 8, 8), generator=generators(5)[0])[None]
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(1)
    time = scheduler.timesteps[0]
    with torch.no_grad():
        named, plain = (pipeline.unet(noise, time, **one).sample for one in (said, unsaid))
    expected = scheduler.step(plain + 2.5 * (named - plain), time, noise).prev_sample
    found = pipeline(
        [prompt], num_inference_steps=1, guidance_scale=2.5, generator=generators(5)
    ).images
    expected = (expected.clamp(-1, 1) + 1) / 2
    torch.testing.assert_close(torch.from_numpy(found), expected.permute(0, 2, 3, 1))


def test_guidance_starts_from_the_empty_prompt(pipeline: PixelPipeline) -> None:
    """One step by hand, from the scheduler's own formula."""
    words, empty = pipeline.encode_prompt(["the number six"], None, 1, True)
    assert empty is not None
    assert torch.equal(empty, pipeline.encode_prompt([""])[0])
    told = [{"encoder_hidden_states": one} for one in (words, empty)]
    assert_one_guided_step(pipeline, "the number six", *told)


def test_without_guidance_the_empty_prompt_is_not_read(pipeline: PixelPipeline) -> None:
    plain, guided = (
        pipeline("the number six", num_inference_steps=2, guidance_scale=scale,
                 generator=generators(1)[0]).images
        for scale in (1.0, 3.0)
    )  # fmt: skip
    assert (plain != guided).any()
    assert pipeline.encode_prompt(["the number six"])[1] is None


def test_pictures_are_grey(pipeline: PixelPipeline) -> None:
    [found] = pipeline("two", num_inference_steps=1, output_type="pil").images
    assert (found.size, found.mode) == ((8, 8), "L")


def test_it_is_a_task_like_other_pipelines(pipeline: PixelPipeline) -> None:
    task = text_to_image(pipeline, captions())
    assert task.conditions["encoder_hidden_states"].shape == (11, 3, 8, 32)
    other = make_pipeline(4).unet
    changed = with_denoiser(pipeline, other)
    assert type(changed) is PixelPipeline
    assert changed.unet is other
    assert pipeline.unet is not other


def test_only_the_denoiser_depends_on_the_seed() -> None:
    first, second = make_pipeline(1), make_pipeline(2)
    assert torch.equal(first.encode_prompt(["a"])[0], second.encode_prompt(["a"])[0])
    assert not torch.equal(first.unet.conv_in.weight, second.unet.conv_in.weight)


def test_words_are_told_apart_in_every_wording(pipeline: PixelPipeline) -> None:
    texts = [text for wordings in captions().values() for text in wordings]
    found = pipeline.encode_prompt(texts)[0].flatten(1)
    assert torch.pdist(found).min() > 0.1


def test_prompts_name_the_target_its_synonyms_and_all_others() -> None:
    found = digits_scene().prompts("three")
    assert [one.group for one in found] == ["target", "synonym", "synonym", *["other"] * 9]
    assert found[0].text == "a handwritten three"
    assert "a picture of a 3" in [one.text for one in found]
    assert {one.label for one in found[3:]} == set(captions()) - {"three"}


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(InputError, match=r'needs diffusers.*pip install "expunge\[diffusion\]"'):
        make_pipeline(0)


@pytest.fixture(scope="module")
def classes() -> ClassPipeline:
    found = make_class_pipeline(3)
    found.set_progress_bar_config(disable=True)
    return found


def test_a_class_is_drawn_by_its_number(classes: ClassPipeline) -> None:
    """One step by hand; the last label is the empty condition."""
    told = [{"class_labels": torch.tensor([label])} for label in (6, 10)]
    assert_one_guided_step(classes, "six", *told)


def test_an_unknown_class_is_refused(classes: ClassPipeline) -> None:
    with pytest.raises(InputError, match=r"prompt to be one of zero.*got 'sven'.*mean 'seven'"):
        classes(["sven"], num_inference_steps=1)


def test_a_class_pipeline_is_saved_loaded_and_given_another_denoiser(
    classes: ClassPipeline, tmp_path: Path
) -> None:
    other = with_denoiser(classes, make_class_pipeline(4).unet)
    other.save_pretrained(tmp_path)
    again = load_pipeline(tmp_path)
    assert isinstance(again, ClassPipeline)
    drawn = []
    for one in (classes, other, again):
        one.set_progress_bar_config(disable=True)
        drawn.append(one("six", num_inference_steps=2, generator=generators(5)[0]).images)
    assert (drawn[1] == drawn[2]).all()
    assert not (drawn[0] == drawn[1]).all()


def test_classes_are_conditions_of_the_scene_of_digits() -> None:
    scene = digit_classes_scene()
    task = scene.task(dropout=0.2)
    assert task.num_conditions == 10
    assert task.condition(torch.tensor([3]))["class_labels"].tolist() == [3]
    assert [one.group for one in scene.prompts("three")] == ["target", *["other"] * 9]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("model_index.json", "[]", "does not list the parts of a pipeline; copy it again"),
        ("model_index.json", "{", "cannot load the pipeline"),
        ("best.pth.tar", "x", "is no pipeline: name the folder of diffusers"),
    ],
)
def test_what_is_no_pipeline_is_told(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ModelError, match=message):
        load_pipeline(tmp_path if name.endswith(".json") else tmp_path / name)

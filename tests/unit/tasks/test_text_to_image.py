"""Pipelines with the very parts of the real ones: prompts become conditions, and back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("diffusers")

from tests.unit.tasks import denoisers as tiny
from tests.unit.tasks import pipelines

from expunge.core import DataError, Guard, InputError, ModelError, unlearn
from expunge.data.images.latents import LatentSet, encode_images
from expunge.methods import UCE, Scissorhands
from expunge.tasks import denoiser_of, text_to_image, with_denoiser

PROMPTS = {"church": ["a church", "photo of a church"], "dog": ["a dog"], "cat": ["a cat"]}
ABSENT = {"sd3": {"text_encoder_3": None, "tokenizer_3": None}}  # of which SD3 may do without
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


@pytest.fixture(params=pipelines.PIPELINES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(kind: str) -> Any:
    return pipelines.PIPELINES[kind]()


@pytest.mark.slow
def test_it_goes_through_erasing_saving_and_loading(
    kind: str, pipeline: Any, tmp_path: Path
) -> None:
    before = pipelines.draw(pipeline)
    task = text_to_image(pipeline, PROMPTS)
    method = Scissorhands(
        lr=1e-3, epochs=1, batch_size=8, trim=0.01, trim_samples=8, constraint="always"
    )
    guard = Guard(max_loss_factor=100)
    model = unlearn(
        denoiser_of(pipeline)[1], tiny.class_data(), method, task=task, guard=guard
    ).model
    changed = with_denoiser(pipeline, model)
    after = pipelines.draw(changed)
    changed.save_pretrained(tmp_path)
    loaded = type(changed).from_pretrained(tmp_path, **ABSENT.get(kind, {}))
    torch.testing.assert_close(pipelines.draw(loaded), after, atol=1e-4, rtol=0)
    assert (after - before).abs().max() > 1e-3
    assert torch.equal(pipelines.draw(pipeline), before)  # the given one stays


def test_conditions_are_what_the_pipeline_itself_embeds(kind: str, pipeline: Any) -> None:
    task = text_to_image(pipeline, PROMPTS)
    assert task.num_conditions == 3
    assert task.wordings == 2
    words = task.conditions["encoder_hidden_states"]
    again = text_to_image(pipeline, {"dog": ["a dog"]}).conditions["encoder_hidden_states"]
    torch.testing.assert_close(words[1, 0], again[0, 0])
    assert torch.equal(words[1, 0], words[1, 1])  # a single wording takes all turns
    assert not torch.equal(words[0, 0], words[0, 1])
    torch.testing.assert_close(words[3, 0], again[1, 0])  # the empty prompt


def test_sdxl_has_nothing_in_the_place_of_the_empty_prompt() -> None:
    pipeline = pipelines.sdxl()
    assert pipeline.config.force_zeros_for_empty_prompt
    conditions = text_to_image(pipeline, PROMPTS).conditions
    assert conditions["encoder_hidden_states"][3].abs().max() == 0
    assert conditions["text_embeds"][3].abs().max() == 0
    assert conditions["encoder_hidden_states"][0].abs().max() > 0


def test_uce_makes_a_word_draw_what_no_word_draws() -> None:
    pipeline = pipelines.sd1()
    task = text_to_image(pipeline, {"church": ["a church"], "dog": ["a dog"], "x": ["cat"]})
    data = tiny.class_data()  # label 2 goes
    model = unlearn(
        pipeline.unet, data, UCE(erase=1e3), task=task, guard=Guard(max_loss_factor=100)
    ).model
    changed = with_denoiser(pipeline, model)

    def distance(one: Any, prompt: str) -> float:
        return float((pipelines.draw(one, prompt) - pipelines.draw(one, "")).abs().mean())

    assert distance(changed, "cat") < 0.8 * distance(pipeline, "cat")


@pytest.mark.parametrize("prompts", [{}, {"church": []}])
def test_without_a_prompt_it_says_so(prompts: dict[str, list[str]]) -> None:
    with pytest.raises(InputError, match="at least one prompt for each concept"):
        text_to_image(pipelines.sd1(), prompts)


@pytest.mark.parametrize("prompt", ["", "  ", "\N{SNOWMAN}"])
def test_a_prompt_of_which_nothing_is_left_is_named(prompt: str) -> None:
    with pytest.raises(DataError, match="the tokenizer of the pipeline makes nothing of the"):
        text_to_image(pipelines.sd1(), {"church": ["a church", prompt]})


@pytest.mark.parametrize("part", ["scheduler", "tokenizer", "text_encoder"])
def test_a_missing_part_is_named(part: str) -> None:
    pipeline = pipelines.sd1()
    setattr(pipeline, part, None)
    with pytest.raises(ModelError, match=f"StableDiffusionPipeline has no {part}; load it whole"):
        text_to_image(pipeline, PROMPTS)


def test_a_pipeline_without_a_denoiser_is_named() -> None:
    pipeline = pipelines.sd1()
    pipeline.unet = None
    with pytest.raises(ModelError, match="unet or transformer, found none"):
        denoiser_of(pipeline)


def test_an_unknown_pipeline_is_named() -> None:
    pipeline = pipelines.sd1()

    class OtherPipeline:
        unet, scheduler = None, pipeline.scheduler
        tokenizer, text_encoder = pipeline.tokenizer, pipeline.text_encoder
        transformer = nn.Linear(1, 1)

    with pytest.raises(InputError, match="SD3 or FLUX, got OtherPipeline; embed its prompts"):
        text_to_image(OtherPipeline(), PROMPTS)


@pytest.mark.parametrize("shift", [None, 0.3])
def test_latents_are_scaled_as_the_config_says(shift: float | None) -> None:
    autoencoder = pipelines.autoencoder(shift_factor=shift, scaling_factor=0.5)
    images = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = encode_images(autoencoder, images)
    plain = autoencoder.encode(2 * images - 1).latent_dist.mean
    torch.testing.assert_close(found, 0.5 * (plain.detach() - (shift or 0.0)))
    bytes_ = (255 * images).round().to(torch.uint8)
    torch.testing.assert_close(encode_images(autoencoder, bytes_), found, atol=0.05, rtol=0)


def test_a_tiny_autoencoder_has_no_distribution() -> None:
    from diffusers import AutoencoderTiny

    tiny_one = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), latent_channels=4,
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    )  # fmt: skip
    assert encode_images(tiny_one, torch.rand(2, 3, 16, 16)).shape == (2, 4, 8, 8)


def test_bad_images_and_latents_are_named() -> None:
    autoencoder = pipelines.autoencoder()
    with pytest.raises(DataError, match=r"RGB images \(N, 3, H, W\), got shape \(2, 1, 8, 8\)"):
        encode_images(autoencoder, torch.rand(2, 1, 8, 8))
    with pytest.raises(DataError, match="NaN or infinite latents; load it in float32"):
        encode_images(autoencoder, torch.full((1, 3, 16, 16), torch.inf))
    with pytest.raises(DataError, match="as many labels as samples, got 2 and 3"):
        LatentSet(torch.zeros(3, 4), torch.zeros(2))
    with pytest.raises(DataError, match="encode the images in float32"):
        LatentSet(torch.full((1, 4), torch.nan), torch.zeros(1))


def test_a_latent_set_is_read_in_batches() -> None:
    from expunge.core.data import fetch, take

    samples, labels = tiny.blurred(10)
    dataset = LatentSet(samples, labels)
    batch = fetch(dataset, torch.tensor([3, 1]))
    assert torch.equal(batch[0], samples[[3, 1]])
    assert torch.equal(batch[1], labels[[3, 1]])
    part = take(dataset, torch.tensor([5, 6, 7]))
    assert len(part) == 3
    assert torch.equal(part[1][0], samples[6])
    assert torch.equal(tiny.class_task().labels(part), labels[5:8])


def test_a_latent_set_has_a_fingerprint_of_samples_and_labels() -> None:
    samples, labels = tiny.blurred(6)
    first = LatentSet(samples, labels).fingerprint()
    assert LatentSet(samples.clone(), labels.int()).fingerprint() == first
    changed = samples.clone()
    changed[5, 0, 0, 0] += 1e-3
    others = [
        LatentSet(changed, labels),
        LatentSet(samples, labels.roll(1)),
        LatentSet(samples.flatten(1), labels),
    ]
    assert len({first, *(one.fingerprint() for one in others)}) == 4

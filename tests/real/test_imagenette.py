"""The small Stable Diffusion on Imagenette: its words, its autoencoder, its images."""

import os
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

import torch

from expunge.core import DataError, InputError
from expunge.data import decode_latents, encode_images, load_source
from expunge.models.diffusion import small_imagenette as imagenette
from expunge.models.diffusion import tokenizers as clip_vocabulary
from expunge.tasks import Noising

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_the_tokenizer_has_the_numbers_of_clip() -> None:
    pytest.importorskip("open_clip")
    tokenizer = clip_vocabulary.clip_tokenizer(9)
    assert len(tokenizer) == 49408
    found = tokenizer("a photo of a cat", padding="max_length").input_ids
    assert found == [49406, 320, 1125, 539, 320, 2368, 49407, 49407, 49407]
    assert tokenizer("a diagram").input_ids == [49406, 320, 22697, 49407]


def test_an_absent_vocabulary_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_vocabulary, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"bpe_simple_vocab_16e6.txt.gz.*open_clip_torch"):
        clip_vocabulary.clip_tokenizer()


def test_absent_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TAESD are not here: expected .*taesd_encoder"):
        imagenette.load_taesd(tmp_path)


@pytest.fixture
def real() -> None:
    if not os.environ.get("EXPUNGE_DATA"):
        pytest.skip("EXPUNGE_DATA is not set")


@pytest.mark.real
@pytest.mark.usefixtures("real")
def test_images_survive_the_autoencoder() -> None:
    images = load_source("imagenette64", validation=0, limit=20).train.images
    autoencoder = imagenette.load_taesd()
    latents = encode_images(autoencoder, images)
    assert latents.shape == (20, 4, 8, 8)
    again = decode_latents(autoencoder, latents)
    error = (again.float() - images.float()).square().mean().sqrt()
    assert error < 30  # of 255; a wrong order of layers gives 80 and more
    flat = images.float().mean((2, 3), keepdim=True).expand_as(again)
    assert error < 0.6 * (flat - images.float()).square().mean().sqrt()


@pytest.mark.real
@pytest.mark.usefixtures("real")
def test_the_text_encoder_tells_the_classes_apart() -> None:
    pipeline = imagenette.make_pipeline(0)
    texts = [text for group in imagenette.captions().values() for text in group]
    with torch.no_grad():
        words, _ = pipeline.encode_prompt(texts, torch.device("cpu"), 1, False)
    means = words[:, imagenette.LENGTH // 2 :].mean(1)
    gaps = torch.cdist(means, means).view(10, 3, 10, 3)
    same = torch.stack([gaps[i, :, i].max() for i in range(10)]).max()
    other = torch.stack([gaps[i, :, j].min() for i in range(10) for j in range(10) if i != j]).min()
    assert same < other
    noising = Noising.of(pipeline.scheduler)
    assert (len(noising), noising.prediction) == (1000, "v_prediction")
    assert pipeline.unet.config.sample_size == 8
    assert not torch.equal(
        imagenette.make_pipeline(1).unet.conv_in.weight, pipeline.unet.conv_in.weight
    )

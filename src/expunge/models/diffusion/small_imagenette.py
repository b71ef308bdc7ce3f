"""Imagenette at 64 pixels with captions, and a small Stable Diffusion that reads them."""

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import DataError
from ...core.isolation import isolated_randomness, seed_everything
from .packages import require
from .tokenizers import clip_tokenizer

NAMES = (
    "tench", "English springer", "cassette player", "chain saw", "church",
    "French horn", "garbage truck", "gas pump", "golf ball", "parachute",
)  # fmt: skip
CAPTIONS = ("a photo of {a}", "a picture of {a}", "{a}")
SIDE, LENGTH, WIDTH = 8, 12, 64  # of latents; tokens; size of an embedding
_PARTS = ("taesd_encoder.safetensors", "taesd_decoder.safetensors")
_TEXT_SEED, _TEXT_STEPS = 0, 60


def captions() -> dict[str, list[str]]:
    """The wordings of each class, by its name."""
    return {
        name: [text.format(a=f"{_article(name)} {name}") for text in CAPTIONS] for name in NAMES
    }


def make_pipeline(seed: int, folder: Path | None = None) -> Any:
    """An untrained ``StableDiffusionPipeline`` for images of 64 pixels.

    Its autoencoder is TAESD, with the published weights; its tokenizer has CLIP's vocabulary.
    The text encoder has been taught to tell the captions of the ten classes apart, in a second,
    and is never trained with the denoiser: as with CLIP, words are known before a model draws.

    Args:
        seed: Of the denoiser.
        folder: Of ``taesd_encoder.safetensors`` and ``taesd_decoder.safetensors``; default
            ``$EXPUNGE_DATA/models/taesd``.

    Raises:
        InputError: If a package of ``expunge[diffusion]`` is missing.
        DataError: If the weights of the autoencoder are not there; says where to put them.
    """
    diffusers, tokenizer = require("diffusers"), clip_tokenizer(LENGTH)
    with isolated_randomness():
        encoder = _text_encoder()
        seed_everything(seed)
        unet = _denoiser(diffusers)
    # Stable Diffusion's levels of noise, with v-prediction as in its second version, and a
    # solver that needs few steps.
    scheduler = diffusers.DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1,
        prediction_type="v_prediction",
    )  # fmt: skip
    return diffusers.StableDiffusionPipeline(
        vae=load_taesd(folder), text_encoder=encoder, tokenizer=tokenizer, unet=unet,
        scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def load_taesd(folder: Path | None = None) -> Any:
    """The tiny autoencoder of Stable Diffusion 1 as ``AutoencoderTiny``, float32.

    Args:
        folder: As of ``make_pipeline``.

    Raises:
        DataError: If a file is missing, or does not hold its weights.
    """
    place = folder or Path(os.environ.get("EXPUNGE_DATA", "")) / "models" / "taesd"
    weights: dict[str, Tensor] = {}
    for part, name in zip(("encoder", "decoder"), _PARTS, strict=True):
        if not (path := place / name).is_file():
            raise DataError(
                f"the weights of TAESD are not here: expected {path}; put {' and '.join(_PARTS)} "
                "of https://github.com/madebyollin/taesd (as safetensors) into "
                "$EXPUNGE_DATA/models/taesd"
            )
        weights |= _renamed(safetensors.torch.load_file(path), part)
    autoencoder = require("diffusers").AutoencoderTiny().eval()
    try:
        autoencoder.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(f"{place} does not hold the weights of TAESD: {error}") from error
    return autoencoder


@functools.cache  # it is never changed
def _text_encoder() -> nn.Module:
    """A small ``CLIPTextModel`` that says at every place of a caption which class it is of."""
    transformers, tokenizer = require("transformers"), clip_tokenizer(LENGTH)
    seed_everything(_TEXT_SEED)
    encoder: nn.Module = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=LENGTH,
        )
    )  # fmt: skip
    # Random vectors for 49,408 words are good as they are, and would take long to learn.
    encoder.get_input_embeddings().requires_grad_(False)  # type: ignore[operator]
    head = nn.Linear(WIDTH, len(NAMES))
    rows = [(text, label) for label, texts in enumerate(captions().values()) for text in texts]
    told = tokenizer([text for text, _ in rows], padding="max_length", return_tensors="pt")
    wanted = torch.tensor([label for _, label in rows])[:, None].expand(-1, LENGTH // 2)
    learnt = [p for p in (*encoder.parameters(), *head.parameters()) if p.requires_grad]
    optimizer = torch.optim.Adam(learnt, lr=1e-3)
    for _ in range(_TEXT_STEPS):
        # From the middle on: before, not every caption has come to its noun.
        guess = head(encoder(told.input_ids).last_hidden_state[:, LENGTH // 2 :])
        loss = F.cross_entropy(guess.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder.eval().requires_grad_(False)


def _renamed(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The published names as diffusers has them; its decoder counts one layer less."""
    shift = 0 if part == "encoder" else 1
    found = {}
    for name, value in tensors.items():
        number, rest = name.split(".", 1)
        found[f"{part}.layers.{int(number) - shift}.{rest}"] = value.float()
    return found


def _denoiser(diffusers: Any) -> nn.Module:
    """A U-Net of 3.9 M parameters with cross-attention at 4 x 4 latents."""
    net: nn.Module = diffusers.UNet2DConditionModel(
        sample_size=SIDE, in_channels=4, out_channels=4, layers_per_block=1,
        block_out_channels=(64, 128), norm_num_groups=16, attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=WIDTH,
    )  # fmt: skip
    return net


def _article(name: str) -> str:
    return "an" if name[0] in "AEIOUaeiou" else "a"

"""A whole U-Net pipeline in one file, in the layout that other programs read."""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.storage.files import write_whole
from .checkpoint_names import open_clip_names, unet_names, vae_names


def save_single_file(pipeline: Any, path: str | Path) -> None:
    """Write a pipeline of Stable Diffusion 1 or SDXL as one original checkpoint.

    The file holds all weights under the names of the first published checkpoints, and
    neither tokenizer nor scheduler: ``from_single_file(path, config=folder)`` of diffusers
    reads it back, with a diffusers folder of the same model as ``folder``; other programs
    know the common models.

    Args:
        pipeline: With ``unet``, ``AutoencoderKL`` and one CLIP text encoder, or SDXL's two.
        path: Must end in ``.safetensors``; an older file is replaced.

    Raises:
        InputError: If the pipeline is of another kind, or the file cannot be written.
    """
    path = Path(path).expanduser()
    if path.suffix != ".safetensors":
        raise InputError(f"expected a file name that ends in .safetensors, got {str(path)!r}")
    _check(pipeline)
    tensors = {
        **_prefixed(
            "model.diffusion_model.",
            unet_names(pipeline.unet.state_dict(), pipeline.unet.config.layers_per_block),
        ),
        **_prefixed(
            "first_stage_model.",
            vae_names(pipeline.vae.state_dict(), len(pipeline.vae.config.block_out_channels)),
        ),
        **_text_encoders(pipeline),
    }
    plain = {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    payload = safetensors.torch.save(plain, {"format": "pt"})
    write_whole(path, payload)


def _check(pipeline: Any) -> None:
    name = type(pipeline).__name__
    autoencoder = type(getattr(pipeline, "vae", None)).__name__
    layers = getattr(
        getattr(getattr(pipeline, "unet", None), "config", None), "layers_per_block", 0
    )
    known = name.startswith(("StableDiffusionPipeline", "StableDiffusionXLPipeline"))
    if not known or autoencoder != "AutoencoderKL" or not isinstance(layers, int):
        raise InputError(
            "one file in the original layout is written for StableDiffusionPipeline and "
            f"StableDiffusionXLPipeline with an AutoencoderKL, got {name} with {autoencoder}; "
            "keep the folder of diffusers instead (save_pretrained)"
        )


def _text_encoders(pipeline: Any) -> dict[str, Tensor]:
    first = {
        (name if name.startswith("text_model.") else f"text_model.{name}"): value
        for name, value in pipeline.text_encoder.state_dict().items()
    }
    second = getattr(pipeline, "text_encoder_2", None)
    if second is None:
        return _prefixed("cond_stage_model.transformer.", first)
    return {
        **_prefixed("conditioner.embedders.0.transformer.", first),
        **_prefixed("conditioner.embedders.1.model.", open_clip_names(second.state_dict())),
    }


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}

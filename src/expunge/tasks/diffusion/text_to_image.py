"""Text-to-image pipelines of diffusers: concepts in words as conditions of a denoiser."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import DataError, InputError, ModelError
from .denoisers import Conditions
from .denoising import Denoising
from .noise import Noising

_PARTS = ("unet", "transformer")


def text_to_image(pipeline: Any, prompts: Mapping[str, Sequence[str]], **options: Any) -> Denoising:
    """The task of drawing concepts by a pipeline; prompts are embedded once.

    Concept i is label i of the samples, which are latents (see ``encode_images``). The empty
    condition is the empty prompt, as guidance uses it. The text encoders are not needed
    any more afterwards.

    Args:
        pipeline: Of Stable Diffusion 1 or 2, SDXL, SD3 or FLUX, loaded by diffusers.
        prompts: Wordings by concept, in the order of labels: ``{"church": ["a photo of a
            church", "a church"]}``. Fewer wordings than the longest list has take turns.
        options: As of ``Denoising``.

    Raises:
        InputError: If there is no prompt, or the pipeline is of another kind.
        DataError: If the tokenizer makes nothing of a prompt.
        ModelError: If the pipeline lacks a part.
    """
    if not prompts or not all(prompts.values()):
        raise InputError(
            f"expected at least one prompt for each concept, got {dict(prompts)!r}; for "
            'example {"church": ["a photo of a church"]}'
        )
    for part in ("scheduler", "tokenizer", "text_encoder"):
        if getattr(pipeline, part, None) is None:
            raise ModelError(
                f"the pipeline {type(pipeline).__name__} has no {part}; load it whole, with "
                f"the folder {part}/ in place"
            )
    width = max(len(wordings) for wordings in prompts.values())
    rows = [[wordings[i % len(wordings)] for i in range(width)] for wordings in prompts.values()]
    _check_words(pipeline, [text for row in rows for text in row])
    with torch.no_grad():
        found = embed(pipeline, [text for row in [*rows, [""] * width] for text in row])
    conditions = {name: value.unflatten(0, (len(rows) + 1, width)) for name, value in found.items()}
    return Denoising(Noising.of(pipeline.scheduler), conditions, **options)


def denoiser_of(pipeline: Any) -> tuple[str, nn.Module]:
    """Name and module of the part of a pipeline that is unlearnt from.

    Raises:
        ModelError: If it has none.
    """
    for name in _PARTS:
        model = getattr(pipeline, name, None)
        if isinstance(model, nn.Module):
            return name, model
    raise ModelError(
        f"expected a pipeline with a {' or '.join(_PARTS)}, found none in "
        f"{type(pipeline).__name__}; load it whole"
    )


def with_denoiser(pipeline: Any, model: nn.Module) -> Any:
    """Another pipeline with the same parts, but for its denoiser; the given one stays."""
    name, _ = denoiser_of(pipeline)
    return type(pipeline)(**{**pipeline.components, **_settings(pipeline), name: model})


def embed(pipeline: Any, texts: Sequence[str]) -> dict[str, Tensor]:
    """What the denoiser is given for each text, by the names of its arguments, (N, ...)."""
    texts = list(texts)
    name, model = denoiser_of(pipeline)
    if name == "unet" and getattr(pipeline, "text_encoder_2", None) is not None:
        return _sdxl(pipeline, texts, model)
    if name == "unet":
        words, _ = pipeline.encode_prompt(texts, pipeline.device, 1, False)
        return {"encoder_hidden_states": words}
    if hasattr(pipeline, "text_encoder_3"):
        words, _, pooled, _ = pipeline.encode_prompt(
            texts, None, None, do_classifier_free_guidance=False
        )
        return {"encoder_hidden_states": words, "pooled_projections": pooled}
    if type(pipeline).__name__.startswith("Flux"):
        words, pooled, _ = pipeline.encode_prompt(texts, None)
        return {"encoder_hidden_states": words, "pooled_projections": pooled}
    raise InputError(
        "expected a pipeline of Stable Diffusion 1 or 2, SDXL, SD3 or FLUX, got "
        f"{type(pipeline).__name__}; embed its prompts yourself, and give them to Denoising"
    )


def _sdxl(pipeline: Any, texts: list[str], model: nn.Module) -> dict[str, Tensor]:
    words, _, pooled, _ = pipeline.encode_prompt(texts, do_classifier_free_guidance=False)
    if pipeline.config.get("force_zeros_for_empty_prompt"):
        said = torch.tensor([bool(text) for text in texts], device=words.device)
        words, pooled = words * said[:, None, None], pooled * said[:, None]
    config: Any = model.config
    side = config.sample_size * pipeline.vae_scale_factor
    sizes = torch.tensor([side, side, 0, 0, side, side], dtype=words.dtype, device=words.device)
    found: Conditions = {
        "encoder_hidden_states": words,
        "text_embeds": pooled,
        "time_ids": sizes.expand(len(texts), -1),
    }
    return dict(found)


def _check_words(pipeline: Any, texts: Sequence[str]) -> None:
    """Raise if nothing but special tokens is left of a prompt."""
    special = set(pipeline.tokenizer.all_special_ids)
    for text in texts:
        tokens = pipeline.tokenizer(text, add_special_tokens=False).input_ids
        if not set(tokens) - special:
            raise DataError(
                f"the tokenizer of the pipeline makes nothing of the prompt {text!r}; use words "
                "that it knows"
            )


def _settings(pipeline: Any) -> dict[str, Any]:
    """What the constructor of a pipeline takes besides its parts."""
    names = ("requires_safety_checker", "force_zeros_for_empty_prompt", "names")
    return {name: pipeline.config[name] for name in names if name in pipeline.config}

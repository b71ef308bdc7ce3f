"""Low-rank adapters as the weights that are trained, and their file."""

import copy
from pathlib import Path
from typing import Any

from torch import nn

from ...core.checks import require
from ...core.errors import ModelError

ADAPTER = "expunge"
_TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


def add_lora(model: nn.Module, rank: int) -> nn.Module:
    """A copy of a denoiser of diffusers whose only trainable weights are adapters.

    Adapters sit on all attention layers and start as zero, so the copy predicts what the
    model does (Hu et al. 2022, https://arxiv.org/abs/2106.09685). Nothing depends on
    them at the start, so there is nothing to trim: Scissorhands leaves it out unless told to.

    Args:
        model: Of diffusers; it is not changed.
        rank: Of each adapter, at least 1.

    Raises:
        ModelError: If peft is missing, or the model has no attention.
    """
    peft = _require_peft()
    private = copy.deepcopy(model).requires_grad_(False)
    config = peft.LoraConfig(
        r=rank, lora_alpha=rank, init_lora_weights=True, target_modules=list(_TARGETS)
    )
    try:
        private.add_adapter(config, adapter_name=ADAPTER)  # type: ignore[operator]
    except (AttributeError, ValueError) as error:
        raise ModelError(
            f"cannot add adapters to {type(model).__name__}: {error}; unlearn its weights instead"
        ) from error
    return private


def merged(model: nn.Module) -> nn.Module:
    """A copy with the adapters added into the weights, under the names of a plain model."""
    private: Any = copy.deepcopy(model)
    private.fuse_lora(adapter_names=[ADAPTER])
    private.unload_lora()
    plain: nn.Module = private.requires_grad_(True)
    return plain


def save_lora(pipeline: Any, model: nn.Module, folder: Path) -> None:
    """Write the adapters of a model as a file that ``pipeline.load_lora_weights`` reads.

    Args:
        pipeline: The kind of pipeline that the model belongs to.
        model: From ``add_lora``, trained.
        folder: Made; gets ``pytorch_lora_weights.safetensors``.

    Raises:
        ModelError: If this kind of pipeline reads no adapters.
    """
    layers = _require_peft().utils.get_peft_model_state_dict(model, adapter_name=ADAPTER)
    name = "unet" if hasattr(pipeline, "unet") else "transformer"
    if not hasattr(pipeline, "save_lora_weights"):
        raise ModelError(
            f"{type(pipeline).__name__} reads no adapters; leave lora out, and use the folder"
        )
    pipeline.save_lora_weights(folder, **{f"{name}_lora_layers": layers})


def _require_peft() -> Any:
    return require("peft", "diffusion", "training adapters", ModelError)

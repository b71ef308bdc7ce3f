"""One way to call the denoisers of diffusers: noised samples, times, conditions."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ModelError

Conditions = Mapping[str, Tensor]
"""What a denoiser is conditioned on, by the names of its own arguments, each (B, ...)."""

Call = Callable[[nn.Module, Tensor, Tensor, Conditions], Tensor]
"""Model, x_t (B, ...), times (B,), conditions -> prediction of the shape of x_t."""

# Arguments that SDXL and PixArt take as one dictionary.
_ADDED = ("text_embeds", "time_ids", "resolution", "aspect_ratio")
_PATCH = 2  # side of the squares of latents that are one token of FLUX


def call_denoiser(
    model: nn.Module, noised: Tensor, times: Tensor, conditions: Conditions
) -> Tensor:
    """Call a U-Net or transformer of diffusers, or a plain module ``(x_t, times, **conditions)``.

    Samples and conditions are given in the type of the weights.

    Raises:
        ModelError: If the prediction has another shape than the samples.
    """
    kind = next((p.dtype for p in model.parameters() if p.is_floating_point()), noised.dtype)
    noised = noised.to(kind)
    conditions = {k: v.to(kind) if v.is_floating_point() else v for k, v in conditions.items()}
    takes = _arguments(model)
    if {"img_ids", "txt_ids"} <= takes:
        found: Any = _call_flux(model, noised, times, conditions)
    else:
        given: dict[str, Any] = {k: v for k, v in conditions.items() if k not in _ADDED}
        if added := {key: conditions[key] for key in _ADDED if key in conditions}:
            given["added_cond_kwargs"] = added
        if "hidden_states" in takes:  # transformers
            found = model(hidden_states=noised, timestep=times, **given)
        else:
            found = model(noised, times, **given)
    sample = _sample(found)
    if sample.ndim == noised.ndim and sample.shape[1] == 2 * noised.shape[1]:
        sample = sample.chunk(2, dim=1)[0]  # DiT and PixArt predict a variance as well
    if sample.shape != noised.shape:
        raise ModelError(
            f"expected a prediction of the shape {tuple(noised.shape)} of the samples, got "
            f"{tuple(sample.shape)} from {type(model).__name__}; give the model as many output "
            "as input channels, or call it by a function of your own (call=...)"
        )
    return sample


def _arguments(model: nn.Module) -> set[str]:
    return set(inspect.signature(_inner(model).forward).parameters)


def _inner(model: nn.Module) -> nn.Module:
    """The model itself, where peft wraps it."""
    wrapped: Any = getattr(model, "get_base_model", None)
    return model if wrapped is None else wrapped()


def _sample(found: Any) -> Tensor:
    """The prediction, which most models return inside a record."""
    sample: Tensor = getattr(found, "sample", found)
    return sample


def _call_flux(model: nn.Module, noised: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
    """FLUX reads 2 x 2 squares of latents as a sequence, and times from 0 to 1."""
    count, channels, height, width = noised.shape
    rows, columns = height // _PATCH, width // _PATCH
    squares = noised.view(count, channels, rows, _PATCH, columns, _PATCH)
    squares = squares.permute(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, -1)
    words = conditions["encoder_hidden_states"]
    given = {
        "encoder_hidden_states": words,
        "pooled_projections": conditions["pooled_projections"],
        "img_ids": _places(rows, columns).to(noised),
        "txt_ids": torch.zeros(words.shape[1], 3).to(noised),
    }
    if _guided(model):  # distilled for a guidance scale: trained at 1
        given["guidance"] = torch.ones(count).to(noised)
    found = model(hidden_states=squares, timestep=times / 1000, **given)
    squares = _sample(found).view(count, rows, columns, channels, _PATCH, _PATCH)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(noised.shape)


def _places(rows: int, columns: int) -> Tensor:
    """Row and column of each token, (rows * columns, 3); the first entry is unused."""
    grid = torch.zeros(rows, columns, 3)
    grid[..., 1] += torch.arange(rows)[:, None]
    grid[..., 2] += torch.arange(columns)[None, :]
    return grid.view(-1, 3)


def _guided(model: nn.Module) -> bool:
    return bool(getattr(getattr(_inner(model), "config", None), "guidance_embeds", False))

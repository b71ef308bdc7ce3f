"""Fresh values for weights, drawn from a given generator only."""

import copy
import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.init import _calculate_fan_in_and_fan_out

from ..core.checks import check_choice
from ..core.errors import ModelError
from ..core.isolation import isolated_randomness
from .masked_step import check_masks

Scheme = Literal["uniform", "normal", "zeros", "xavier", "own"]

SCHEMES: tuple[Scheme, ...] = ("uniform", "normal", "zeros", "xavier", "own")
_SCALES = ("weight", "gamma", "scale", "_g")
_RESETS = ("reset_parameters", "_reset_parameters")


def fresh_values(model: nn.Module, *, scheme: Scheme, generator: Generator) -> dict[str, Tensor]:
    """New values of every parameter, as if the model had just been built.

    Matrices and kernels (two or more dimensions), with torch's fan-in
    ``shape[1] * kernel size`` (so inputs *per group* of a grouped convolution):

    - ``"uniform"``: U(-b, b), ``b = 1/sqrt(fan_in)``; Kaiming-uniform with a = sqrt(5).
    - ``"normal"``: N(0, ``1/(3 fan_in)``); Kaiming-normal with the same a, so its standard
      deviation is that of ``"uniform"``.
    - ``"zeros"``: 0.
    - ``"xavier"``: U(-b, b), ``b = sqrt(6/(fan_in + fan_out))``.
    - ``"own"``: what ``reset_parameters`` of the owning module draws, on a copy of it.
      Parameters that have none, or that it leaves out, get ``"uniform"``.

    Everything else (parameters of norm layers, and vectors, those of shape (1, C, 1, 1)
    included) is neutral under the first four: 1 if its name ends in weight, gamma, scale
    or _g, else 0. A random BatchNorm scale would switch signs of whole channels.

    The global generators are not read and not moved; equal generators give equal values
    on every device.

    Args:
        model: Not changed.
        scheme: See above.
        generator: On the CPU; advanced by the call.

    Returns:
        Name to tensor, with the shape, type and device of the parameter.
    """
    return dict(_draw(model, scheme, generator))


@torch.no_grad()
def reinitialise(
    model: nn.Module, masks: Mapping[str, Tensor], *, scheme: Scheme, generator: Generator
) -> None:
    """Give the masked weights fresh values, in place; all other bits stay.

    The values are those of ``fresh_values`` with the same generator, whatever is masked.
    Memory: one parameter at a time.

    Args:
        model: Changed in place.
        masks: Name to boolean tensor, shaped like the parameter.
        scheme: See ``fresh_values``.
        generator: On the CPU; advanced by the call.

    Raises:
        InputError: If a mask has another shape than its parameter, or none of that name.
    """
    parameters = dict(model.named_parameters())
    check_masks(parameters, masks)
    for name, fresh in _draw(model, scheme, generator):
        if name in masks:
            parameter = parameters[name]
            mask = masks[name].to(parameter.device, torch.bool)
            parameter.copy_(torch.where(mask, fresh, parameter))


@torch.no_grad()
def reset_model(model: nn.Module, seed: int) -> None:
    """Forget all training: every module's own ``reset_parameters``, children first.

    Running statistics are reset with it. A model of Hugging Face, whose modules have no such
    method, is built anew from its config. What is frozen keeps its bits: parameters that take no
    gradient, and the buffers of modules that have no other. The global generators are left as
    they were.

    Args:
        model: Changed in place.
        seed: Equal seeds give equal weights.

    Raises:
        ModelError: If a module holds parameters that it cannot reset (checked before
            anything is changed), or left one of them out (then the weights are NaN).
    """
    if _is_configured(model):
        built: Any = type(model)
        with _seeded_randomness(seed):
            fresh: nn.Module = built(copy.deepcopy(model.config))
        kept = _frozen(model)
        model.load_state_dict({**fresh.state_dict(), **kept})
        return
    kept = {name: value.clone() for name, value in _frozen(model).items()}
    for path, module in model.named_modules():
        if _is_trainable(module) and _reset_of(module) is None:
            held = ", ".join(name for name, _ in module.named_parameters(recurse=False))
            raise ModelError(
                f"expected reset_parameters() on every module that holds parameters; "
                f"{path or 'the model itself'} ({type(module).__name__}) holds {held} and has "
                "none; build the model anew and train it with expunge.train"
            )
    for parameter in model.parameters():
        _spoil(parameter)
    with _seeded_randomness(seed):
        for module in reversed(list(model.modules())):
            _reset(module)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name in kept:
                value.copy_(kept[name])
    for name, parameter in model.named_parameters():
        if _spoilt(parameter):
            raise ModelError(
                f"reset_parameters() did not give {name} new values; "
                "build the model anew and train it with expunge.train"
            )


def kept_buffers(model: nn.Module) -> list[str]:
    """Buffers that ``reset_model`` leaves as they are, since nothing of their module resets them.

    Most are constants, such as masks; one that was learned still tells of what it was learned
    from. Those of modules that are frozen are not counted, and nothing is of a model that is built
    anew from its config.
    """
    if _is_configured(model):
        return []
    return [
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if _reset_of(module) is None and not _has_parameters(module)
        for name, _ in module.named_buffers(recurse=False)
    ]


def _frozen(model: nn.Module) -> dict[str, Tensor]:
    """Frozen parameters, and the buffers of modules that have parameters and all frozen."""
    found = {name: one.detach() for name, one in model.named_parameters() if not one.requires_grad}
    for path, module in model.named_modules():
        if _has_parameters(module) and not _is_trainable(module):
            for name, buffer in module.named_buffers(recurse=False):
                found[f"{path}.{name}" if path else name] = buffer
    own = model.state_dict()
    return {name: value for name, value in found.items() if name in own}


def _is_trainable(module: nn.Module) -> bool:
    return any(one.requires_grad for one in module.parameters(recurse=False))


def _draw(model: nn.Module, scheme: Scheme, generator: Generator) -> Iterator[tuple[str, Tensor]]:
    """Name and fresh values of one parameter after the other, in the model's order."""
    check_choice(SCHEMES, scheme=scheme)
    seen: set[int] = set()
    for path, module in model.named_modules():
        held = {
            name: parameter
            for name, parameter in module.named_parameters(recurse=False)
            if id(parameter) not in seen
        }
        seen.update(id(parameter) for parameter in held.values())
        own = _own_values(module, generator) if scheme == "own" and held else {}
        for name, parameter in held.items():
            value = own.get(name)
            if value is None:
                value = _by_shape(module, name, parameter, scheme, generator)
            full = f"{path}.{name}" if path else name
            yield full, value.to(parameter.device, parameter.dtype)


def _own_values(module: nn.Module, generator: Generator) -> dict[str, Tensor]:
    """Direct parameters after ``reset_parameters`` on a copy; empty if it has none."""
    if _reset_of(module) is None:
        return {}
    seed = int(torch.randint(2**62, (), generator=generator))
    twin = copy.deepcopy(module).cpu()
    direct = {name: value.detach() for name, value in twin.named_parameters(recurse=False)}
    for value in direct.values():
        _spoil(value)
    with _seeded_randomness(seed), torch.no_grad():
        _reset(twin)
    return {name: value for name, value in direct.items() if not _spoilt(value)}


def _by_shape(
    module: nn.Module, name: str, parameter: Tensor, scheme: Scheme, generator: Generator
) -> Tensor:
    """Fresh float32 values on the CPU for one parameter (see ``fresh_values``)."""
    value = torch.zeros(parameter.shape)
    if _is_norm(module) or _is_vector(name, parameter):
        return value.fill_(1.0) if name.endswith(_SCALES) else value
    if scheme == "zeros":
        return value
    fan_in, fan_out = _calculate_fan_in_and_fan_out(value)
    if scheme == "normal":
        return value.normal_(0.0, 1 / math.sqrt(3 * max(1, fan_in)), generator=generator)
    bound = math.sqrt(6 / max(1, fan_in + fan_out) if scheme == "xavier" else 1 / max(1, fan_in))
    return value.uniform_(-bound, bound, generator=generator)


def _is_norm(module: nn.Module) -> bool:
    """Whether it is a norm layer, by kind or, for one's own, by the name of its class."""
    return (
        isinstance(module, nn.LayerNorm | nn.GroupNorm) or "norm" in type(module).__name__.lower()
    )


def _is_vector(name: str, parameter: Tensor) -> bool:
    """Whether it has one long dimension; the kernel of ``Linear(1, C)`` is no vector."""
    return parameter.dim() < 2 or (name != "weight" and parameter.numel() == max(parameter.shape))


def _is_configured(model: nn.Module) -> bool:
    """Whether it is a whole model of transformers, which is a function of its config.

    By the name of its base class: transformers itself is slow to import, and optional.
    """
    return any(kind.__name__ == "PreTrainedModel" for kind in type(model).__mro__)


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None


def _spoil(parameter: Tensor) -> None:
    """Fill with NaN: what a reset leaves out would keep what was learnt, unseen."""
    if parameter.is_floating_point():
        parameter.fill_(math.nan)


def _spoilt(parameter: Tensor) -> bool:
    return bool(torch.isnan(parameter).any())


def _reset(module: nn.Module) -> None:
    method = _reset_of(module) or getattr(module, "reset_running_stats", None)
    if method is not None:
        method()


def _reset_of(module: nn.Module) -> Callable[[], object] | None:
    """The method that draws a module's parameters anew (attention hides its own)."""
    for name in _RESETS:
        if callable(method := getattr(module, name, None)):
            found: Callable[[], object] = method
            return found
    return None


@contextmanager
def _seeded_randomness(seed: int) -> Iterator[None]:
    """Global generators of torch, NumPy and Python seeded inside, put back at the end."""
    with isolated_randomness():
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002  a module's own reset may read it
        yield

"""Grad-CAM: where in an image a classifier finds evidence for a class."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from ..core.capabilities import logits_in
from ..core.checks import did_you_mean
from ..core.errors import DataError, InputError, ModelError
from ..core.isolation import isolated_randomness

Predictions = list[tuple[str, tuple[int, ...]]]
"""Name and output shape of each module, in the order in which a forward pass leaves them."""

_MOST_NAMES = 5


def grad_cam(
    model: nn.Module, images: Tensor, labels: Tensor, *, layer: str | None = None
) -> Tensor:
    r"""Maps of the evidence that a model finds for given classes, one per image.

    With the layer's maps :math:`A_k` and the logit :math:`y_c` of the class in question,

    .. math:: m = \max\Bigl(0, \sum_k \bar g_k A_k\Bigr),\quad
        \bar g_k = \operatorname{mean}_{ij} \partial y_c / \partial A_{k,ij}

    Each is enlarged bilinearly to the size of the images and divided by its own maximum. So
    maps tell where evidence lies, and not how much there is.

    Without ``layer``, it is the last one that keeps places apart: the last module, in the
    order of the forward pass, that returns (N, C, h, w) with more than one place and, within
    a factor of two, the proportions of the images. If tokens (N, T, D) come after it, as
    in vision transformers, it is refused, and a layer has to be named.

    The model is left alone: a copy in float32 and in evaluation mode does the work. Costs two
    forward passes and a backward pass over all images at once.

    Source: Selvaraju et al., *Grad-CAM*, ICCV 2017, https://arxiv.org/abs/1610.02391, as
    captum computes it.

    Args:
        model: Returns logits (N, classes), or a record with such ``logits``.
        images: Inputs as the model wants them, float (N, C, H, W).
        labels: The classes to find evidence for, whole numbers (N,).
        layer: A module's name as in ``model.named_modules()``; it must return (N, C, h, w).

    Returns:
        float32 (N, H, W) on the CPU, from 0 to 1. The maximum of each map is 1, unless the
        layer gives no evidence for the class anywhere; then the map is 0.

    Raises:
        InputError: If captum is not installed, the layer is none that can be used, or none is
            named for a net without maps.
        DataError: If images or labels are not as described.
        ModelError: If the model does not return finite logits.
    """
    captum = captum_attr()
    _check(images, labels)
    with _own_copy(model) as (net, device):
        inputs = images.detach().to(device, torch.float32).clone().requires_grad_()
        seen, logits = _trace(net, inputs)
        _check_labels(labels, logits)
        name = _choose(seen, tuple(images.shape), layer)
        method = captum.LayerGradCam(partial(_logits, net), net.get_submodule(name))
        try:
            maps = method.attribute(inputs, target=labels.to(device).long(), relu_attributions=True)
        except RuntimeError as error:
            if "not have been used in the graph" not in str(error):
                raise
            raise InputError(
                f"expected layer to be a module that the logits depend on, got {name!r}; "
                "name another"
            ) from error
        maps = captum.LayerAttribution.interpolate(maps, tuple(images.shape[2:]), "bilinear")
    found: Tensor = maps.detach()[:, 0].cpu()
    peak = found.amax((1, 2), keepdim=True)
    return found / peak.where(peak > 0, 1.0)


def map_layer(model: nn.Module, images: Tensor, layer: str | None = None) -> str:
    """The name of the layer that ``grad_cam`` uses with these arguments.

    Raises:
        InputError: As ``grad_cam`` does.
    """
    with _own_copy(model) as (net, device):
        seen, _ = _trace(net, images.detach().to(device, torch.float32))
    return _choose(seen, tuple(images.shape), layer)


def captum_attr() -> Any:
    """The module ``captum.attr``, which takes a second or two to import.

    Raises:
        InputError: If it is missing; names the extra that brings it.
    """
    try:
        return import_module("captum.attr")
    except ImportError as error:
        raise InputError(
            f"Grad-CAM needs captum, which cannot be imported ({error}); "
            "run: pip install 'expunge[explain]'"
        ) from error


@contextmanager
def _own_copy(model: nn.Module) -> Iterator[tuple[nn.Module, torch.device]]:
    """A copy that may be changed, and its device; with gradients, without autocast."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        isolated_randomness(),
    ):
        net = copy.deepcopy(model).eval().float()
        for module in net.modules():
            # A ReLU that works in place would overwrite the maps of the layer before it.
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]  # a flag, not a module
        yield net, device


def _logits(net: nn.Module, images: Tensor) -> Tensor:
    output = net(images)
    logits: Tensor = logits_in(output)
    return logits


@torch.no_grad()
def _trace(net: nn.Module, images: Tensor) -> tuple[Predictions, Tensor]:
    """What each module returned, and the logits, of one forward pass."""
    seen: Predictions = []

    def note(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            seen.append((name, tuple(output.shape)))

    hooks = [
        module.register_forward_hook(partial(note, name))
        for name, module in net.named_modules()
        if name
    ]
    try:
        logits = _logits(net, images)
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ModelError(
            f"expected logits of shape ({len(images)}, classes), got {found}; wrap the net in a "
            "module that returns the logits alone"
        )
    if not bool(torch.isfinite(logits).all()):
        raise ModelError("expected finite logits, got NaN or infinity; check the weights")
    return seen, logits


def _choose(seen: Predictions, images: tuple[int, ...], asked: str | None) -> str:
    if asked is not None:
        return _checked_layer(dict(seen), asked)
    maps = [index for index, (_, shape) in enumerate(seen) if _is_map(shape, images)]
    if maps and all(len(shape) != 3 for _, shape in seen[maps[-1] + 1 :]):
        return seen[maps[-1]][0]
    names = [seen[index][0] for index in maps[-_MOST_NAMES:]]
    raise InputError(
        "expected a net whose last layers return maps (N, C, h, w), found none (vision "
        "transformers have tokens instead); name a layer that returns maps, as layer=NAME"
        + (f", e.g. one of {', '.join(names)}" if names else "")
    )


def _is_map(shape: tuple[int, ...], images: tuple[int, ...]) -> bool:
    """Whether a shape is that of maps of the images, not of attention heads or pooled values."""
    if len(shape) != 4 or shape[0] != images[0] or shape[2] * shape[3] < 2:
        return False
    stretch = (shape[2] * images[3]) / (shape[3] * images[2])
    return 0.5 <= stretch <= 2


def _checked_layer(shapes: dict[str, tuple[int, ...]], asked: str) -> str:
    if asked not in shapes:
        raise InputError(
            "expected layer to name a module that the forward pass runs through and that returns "
            f"one tensor, got {asked!r}{did_you_mean(asked, shapes)}; "
            "model.named_modules() lists the names"
        )
    if len(shapes[asked]) != 4:
        raise InputError(
            f"expected layer to name a module that returns maps (N, C, h, w), got {asked!r}, "
            f"which returns {shapes[asked]}; name an earlier one"
        )
    return asked


def _check(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 4 or len(images) == 0 or not images.is_floating_point():
        raise DataError(
            "expected images to be float (N, C, H, W) with N >= 1, got "
            f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}; give the inputs "
            "of the model as one batch"
        )
    if not bool(torch.isfinite(images).all()):
        raise DataError(
            "expected finite images, got NaN or infinite values; repair what loads them"
        )
    if labels.shape != images.shape[:1] or labels.is_floating_point():
        raise DataError(
            f"expected labels to be whole numbers of shape ({len(images)},), one per image, got "
            f"{str(labels.dtype).removeprefix('torch.')} {tuple(labels.shape)}"
        )


def _check_labels(labels: Tensor, logits: Tensor) -> None:
    low, high, classes = int(labels.min()), int(labels.max()), logits.shape[1]
    if low < 0 or high >= classes:
        raise DataError(
            f"expected labels between 0 and {classes - 1}, as the model has {classes} outputs, "
            f"got {low if low < 0 else high}; give the class of each image"
        )

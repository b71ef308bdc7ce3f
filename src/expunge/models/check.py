"""Whether a net fits the images and the classes, found out before any work is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..core.capabilities import logits_in
from ..core.errors import ModelError
from ..core.isolation import isolated_randomness
from .zoo import Net, Shape

_USUAL_SIZES = (32, 64, 96, 128, 224, 256, 299, 384, 512)


def check_net(net: Net | nn.Module, image_shape: Shape, num_classes: int) -> None:
    """Run the net once on two black images, and look at what comes out.

    The net, its mode, its buffers and the global generators are left as they were. Where it
    fails, a few usual image sizes are tried, to say which one would do.

    Args:
        net: The net, on any device.
        image_shape: (channels, height, width) of the images.
        num_classes: Number of logits that the data need.

    Raises:
        ModelError: If the net cannot read such images, or returns other than
            (2, num_classes) logits; says what to change.
    """
    model = net.model if isinstance(net, Net) else net
    with _evaluating(model):
        try:
            output = _forward(model, image_shape)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            advice = _advice(model, image_shape)
            raise ModelError(
                f"the net cannot read images of shape {tuple(image_shape)} "
                f"(channels, height, width): {problem}; {advice}"
            ) from error
    logits = logits_in(output)
    if not isinstance(logits, Tensor):
        raise ModelError(
            f"expected the net to return logits as one tensor, got {type(logits).__name__}; "
            "wrap it in a module that returns the logits alone"
        )
    if tuple(logits.shape) != (2, num_classes):
        raise ModelError(
            f"expected logits of shape (2, {num_classes}) for 2 images and {num_classes} "
            f"classes, got {tuple(logits.shape)}; let the net have {num_classes} outputs "
            f"(num_classes = {num_classes} in [model.arguments] if it is your own), or choose "
            "data with the classes that it was trained on"
        )


def _forward(model: nn.Module, shape: tuple[int, ...]) -> Any:
    like = next((one for one in model.parameters() if one.is_floating_point()), torch.zeros(1))
    return model(torch.zeros((2, *shape), device=like.device, dtype=like.dtype))


def _advice(model: nn.Module, shape: Shape) -> str:
    channels, height, width = shape
    for other in (1, 3):
        if other != channels and _runs(model, (other, height, width)):
            return (
                f"it takes {other} channel{'s' * (other > 1)}, the images have {channels}; "
                f"build it for {channels} (a factory: by [model.arguments]) or convert the images"
            )
    for size in _USUAL_SIZES:
        if (size, size) != (height, width) and _runs(model, (channels, size, size)):
            return f"it takes images of {size} x {size} pixels; set data.image_size = {size}"
    return "set data.image_size to the size that it was made for, or choose another net"


def _runs(model: nn.Module, shape: Shape) -> bool:
    try:
        _forward(model, shape)
    except Exception:
        return False
    return True


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), isolated_randomness():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode

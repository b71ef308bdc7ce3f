"""Whether a net fits the images and the classes, found out before any work is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..core.arguments import check_layers
from ..core.capabilities import logits_in
from ..core.errors import ModelError
from ..core.isolation import isolated_randomness
from .zoo import Network, Shape

_USUAL_SIZES = (32, 64, 96, 128, 224, 256, 299, 384, 512)


def check_network(
    net: Network | nn.Module,
    image_shape: Shape,
    num_classes: int,
    inputs: Tensor | None = None,
) -> None:
    """Run the net once on two samples, and look at what comes out.

    The net, its mode, its buffers and the global generators are left as they were. Where it
    fails, a few usual image sizes are tried, to say which one would do.

    Args:
        net: The net, on any device.
        image_shape: (channels, height, width) of the images.
        num_classes: Number of logits that the data need.
        inputs: Samples of the data, (B, ...); two black images of that shape if None.

    Raises:
        ModelError: If the net cannot read such images, or returns other than
            (B, num_classes) logits; says what to change.
    """
    model = net.model if isinstance(net, Network) else net
    check_layers(model)
    with _evaluating(model):
        try:
            inputs = torch.zeros((2, *image_shape)) if inputs is None else inputs
            output = _forward(model, inputs)
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
    wanted = (len(inputs), num_classes)
    if tuple(logits.shape) != wanted:
        raise ModelError(
            f"expected logits of shape {wanted} for {len(inputs)} images and {num_classes} "
            f"classes, got {tuple(logits.shape)}; let the net have {num_classes} outputs "
            f"(num_classes = {num_classes} in [model.arguments] if it is your own), or choose "
            "data with the classes that it was trained on"
        )


def _forward(model: nn.Module, inputs: Tensor) -> Any:
    like = next((one for one in model.parameters() if one.is_floating_point()), torch.zeros(1))
    dtype = like.dtype if inputs.is_floating_point() else inputs.dtype
    return model(inputs.to(device=like.device, dtype=dtype))


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
        _forward(model, torch.zeros((2, *shape)))
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

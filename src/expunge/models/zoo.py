"""Nets by name: built-in ones, torchvision's, timm's, and the user's own."""

import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core.checks import check_positive, did_you_mean
from ..core.errors import ModelError
from ..core.isolation import isolated_randomness
from .extras import (
    Statistics,
    cifar_resnet18,
    cifar_resnet34,
    cifar_vgg16_bn,
    known_elsewhere,
    timm_net,
    torchvision_net,
)
from .factory import call_factory, find_factory
from .resnet_cifar import PUBLISHED_MEAN, PUBLISHED_STD, ResNetCifar

Builder = Callable[..., nn.Module]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Network:
    """A model, and what it wants of its input.

    Args:
        model: Maps images (B, C, H, W) to logits (B, num_classes).
        mean, std: Normalisation per channel, for pixels in [0, 1]. None: as the data set says.
        image_size: Height and width in pixels. None: as the data set says.
    """

    model: nn.Module
    mean: Statistics | None = None
    std: Statistics | None = None
    image_size: int | None = None


def network_names() -> list[str]:
    """Names of the built-in nets; prefixed names and factories come on top."""
    return list(_BUILDERS)


def build_network(
    name: str,
    *,
    num_classes: int,
    image_shape: Shape,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Network:
    """Build a net with random weights, on the CPU, in training mode.

    Args:
        name: One of ``network_names()``; ``"timm:NAME"``; ``"torchvision:NAME"``; or
            ``"package.module:factory"``, a function of the user's that returns a net.
        num_classes: Number of logits.
        image_shape: (channels, height, width) of the images.
        arguments: Further keyword arguments of the net; they win over those derived here.
        seed: Fixes the weights; the global generators are left as they were.

    Raises:
        ModelError: If the name is unknown, or the net cannot be built so.
    """
    check_positive(num_classes=num_classes)
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ModelError(
            f"expected image_shape = (channels, height, width), each >= 1, got {image_shape!r}"
        )
    given = dict(arguments or {})
    with isolated_randomness():
        try:
            # Seeded only now: importing a user's module may draw numbers, the first time.
            build = _resolve(name, num_classes, image_shape, given)
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002  a factory may draw from it
            return build()
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"cannot build the net {name!r} for {num_classes} classes and images of shape "
                f"{tuple(image_shape)} with arguments {given}: {type(error).__name__}: {error}; "
                "change [model.arguments], data.image_size, or the net"
            ) from error


def _resolve(
    name: str, num_classes: int, shape: Shape, arguments: dict[str, Any]
) -> Callable[[], Network]:
    """What builds the net; everything is imported and checked that can be before."""
    if name in _BUILDERS:
        builder = _BUILDERS[name]()
        _check_arguments(name, builder, arguments)
        given = {"num_classes": num_classes, "in_channels": shape[0], **arguments}
        wants = name in _PUBLISHED and shape[0] == len(PUBLISHED_MEAN)
        mean, std = (PUBLISHED_MEAN, PUBLISHED_STD) if wants else (None, None)
        return lambda: Network(builder(**given), mean, std)
    prefix, _, rest = name.partition(":")
    if prefix == "torchvision":
        return lambda: Network(torchvision_net(rest, num_classes, shape, arguments))
    if prefix == "timm":
        return lambda: Network(*timm_net(rest, num_classes, shape, arguments))
    if ":" in name:
        factory = find_factory(name)
        return lambda: Network(call_factory(name, factory, num_classes, arguments))
    elsewhere = known_elsewhere(name)
    hint = f"; did you mean {elsewhere!r}?" if elsewhere else did_you_mean(name, _BUILDERS)
    raise ModelError(
        f"there is no net called {name!r}{hint}; expected one of "
        f"{', '.join(_BUILDERS)}, 'timm:NAME', 'torchvision:NAME' or 'package.module:factory'"
    )


def _check_arguments(name: str, builder: Builder, arguments: Mapping[str, Any]) -> None:
    known = list(inspect.signature(builder).parameters)
    for key in arguments:
        if key not in known:
            raise ModelError(
                f"the net {name!r} takes no argument {key!r}{did_you_mean(key, known)}; "
                f"it takes {', '.join(known)}"
            )


def _fast() -> Builder:
    from .fast import Fast  # noqa: PLC0415  read only when asked for

    return Fast


def _small() -> Builder:
    from .small import Small  # noqa: PLC0415  read only when asked for

    return Small


def _published(depth: int) -> Callable[[], Builder]:
    def build(num_classes: int, in_channels: int = 3) -> nn.Module:
        return ResNetCifar((depth - 2) // 6, num_classes, in_channels)

    return lambda: build


_PUBLISHED = {f"resnet{depth}": _published(depth) for depth in (20, 32, 44, 56)}

_BUILDERS: dict[str, Callable[[], Builder]] = {
    "fast": _fast,
    "small": _small,
    "resnet18": lambda: cifar_resnet18,
    "resnet34": lambda: cifar_resnet34,
    "vgg16-bn": lambda: cifar_vgg16_bn,
    **_PUBLISHED,
}

"""Nets made of torchvision's and timm's parts; both are optional, so imported when used."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..core import checks
from ..core.checks import did_you_mean
from ..core.errors import ModelError

Statistics = tuple[float, ...]
"""Mean or standard deviation of each channel, for pixel values in [0, 1]."""


def require(package: str) -> Any:
    """Import torchvision or timm.

    Raises:
        ModelError: If it is missing; names the extra that brings it.
    """
    return checks.require(package, "models", "this net", ModelError)


def cifar_resnet18(num_classes: int, in_channels: int = 3) -> nn.Module:
    """ResNet-18 for small images: 3 x 3 stem of stride 1, no max-pool."""
    return _small_stem((2, 2, 2, 2), num_classes, in_channels)


def cifar_resnet34(num_classes: int, in_channels: int = 3) -> nn.Module:
    """ResNet-34 for small images: 3 x 3 stem of stride 1, no max-pool."""
    return _small_stem((3, 4, 6, 3), num_classes, in_channels)


def _small_stem(depths: tuple[int, ...], num_classes: int, in_channels: int) -> nn.Module:
    resnet = require("torchvision.models.resnet")
    model: nn.Module = resnet.ResNet(resnet.BasicBlock, list(depths), num_classes=num_classes)
    stem = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    model.conv1, model.maxpool = stem, nn.Identity()
    return model


def cifar_vgg16_bn(num_classes: int, in_channels: int = 3) -> nn.Module:
    """VGG-16 with batch norm and one linear layer on top; images of 32 pixels or more.

    ImageNet's three-layer classifier would hold 120 M of 135 M parameters.
    """
    vgg = require("torchvision.models.vgg")
    # The layers of configuration D are built alone, so that 120 M weights that would be
    # thrown away are never drawn.
    features = vgg.make_layers(vgg.cfgs["D"], batch_norm=True)
    features[0] = nn.Conv2d(in_channels, 64, 3, padding=1)
    model: nn.Module = vgg.VGG(features, init_weights=False)
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    model.classifier = nn.Linear(512, num_classes)
    for module in features:
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
    nn.init.normal_(model.classifier.weight, 0, 0.01)
    nn.init.zeros_(model.classifier.bias)
    return model


def torchvision_net(
    name: str, num_classes: int, image_shape: tuple[int, int, int], arguments: Mapping[str, Any]
) -> nn.Module:
    """A classifier of torchvision by its name there, without trained weights.

    Vision transformers are told the size of the images.

    Raises:
        ModelError: If the name is unknown, or the images do not have three channels.
    """
    models = require("torchvision.models")
    _check_name("torchvision", name, _torchvision_names())
    if image_shape[0] != 3:
        raise ModelError(
            f"torchvision's nets take images of 3 channels, these have {image_shape[0]}; use a "
            "'timm:' net, a built-in one, or your own factory"
        )
    defaults: dict[str, Any] = {"num_classes": num_classes, "weights": None}
    if name.startswith("vit_"):
        defaults["image_size"] = image_shape[1]
    if name in ("googlenet", "inception_v3") and arguments.get("weights") is None:
        defaults["init_weights"] = True  # left unsaid, torchvision warns
    model: nn.Module = models.get_model(name, **{**defaults, **arguments})
    return model


def timm_net(
    name: str, num_classes: int, image_shape: tuple[int, int, int], arguments: Mapping[str, Any]
) -> tuple[nn.Module, Statistics | None, Statistics | None]:
    """A net of timm by its name there, with the mean and std that its weights want.

    They are None unless ``arguments`` ask for trained weights (``pretrained = true``), which
    timm downloads. Nets whose layout depends on the size of the images are told it.

    Raises:
        ModelError: If the name is unknown.
    """
    timm = require("timm")
    if not timm.is_model(name):
        _check_name("timm", name, _timm_names())
    channels, height, width = image_shape
    given = {"num_classes": num_classes, "in_chans": channels, **arguments}
    size = height if height == width else (height, width)
    try:
        model = timm.create_model(name, **{"img_size": size, **given})
    except TypeError as error:  # nets without positions take images of any size
        if "img_size" in arguments or "img_size" not in str(error):
            raise
        model = timm.create_model(name, **given)
    settings = model.pretrained_cfg if arguments.get("pretrained") else {}
    mean, std = settings.get("mean"), settings.get("std")
    if mean is None or std is None or len(mean) != channels:
        return model, None, None
    return model, tuple(mean), tuple(std)


def known_elsewhere(name: str) -> str | None:
    """The prefixed name if torchvision or timm have a net called so, and are installed."""
    for prefix, names in (("torchvision", _torchvision_names), ("timm", _timm_names)):
        try:
            known = names()
        except ModelError:
            continue
        if name in known:
            return f"{prefix}:{name}"
    return None


def _torchvision_names() -> list[str]:
    models = require("torchvision.models")
    names: list[str] = models.list_models(module=models)  # not those that detect or segment
    return names


def _timm_names() -> list[str]:
    names: list[str] = require("timm").list_models()
    return names


def _check_name(package: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise ModelError(
            f"{package} has no classifier called {name!r}{did_you_mean(name, known)}; "
            f"it has {len(known)}, such as {', '.join(known[:3])}; "
            "print(" + f"{package}.{'models.' * (package != 'timm')}list_models()) lists them"
        )

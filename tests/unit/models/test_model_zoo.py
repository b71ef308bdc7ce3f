"""Nets by name: sizes, seeds, and what happens to names that do not exist."""

import random
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from expunge.core import ModelError
from expunge.core.unlearn import model_digest
from expunge.models import Network, build_network, check_network, network_names
from expunge.models.resnet_cifar import PUBLISHED_MEAN, PUBLISHED_STD

RGB = (3, 32, 32)
PARAMETERS = {
    # Facts from outside: the published files hold 269,722 … 853,018 values, and 11,173,962
    # and 14,728,266 are those of the CIFAR nets in the literature.
    "resnet18": 11_173_962,
    "resnet34": 21_282_122,
    "vgg16-bn": 14_728_266,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
}
TINY_VIT = {"img_size": 32, "patch_size": 4, "depth": 2, "embed_dim": 48}


def count(net: Network) -> int:
    return sum(parameter.numel() for parameter in net.model.parameters())


def test_every_announced_name_is_in_the_list() -> None:
    assert set(network_names()) == {"fast", "small", *PARAMETERS}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts_are_those_of_the_literature(name: str) -> None:
    assert count(build_network(name, num_classes=10, image_shape=RGB)) == PARAMETERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", network_names())
def test_every_built_in_net_learns_and_fits(name: str) -> None:
    net = build_network(name, num_classes=7, image_shape=RGB)
    assert net.model.training
    check_network(net, RGB, 7)
    logits = net.model(torch.randn(2, *RGB))
    F.cross_entropy(logits, torch.tensor([1, 6])).backward()
    for key, parameter in net.model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert bool(torch.isfinite(parameter.grad).all()), key


@pytest.mark.parametrize("name", ["fast", "small", "resnet18", "vgg16-bn", "resnet20"])
def test_grey_images(name: str) -> None:
    net = build_network(name, num_classes=4, image_shape=(1, 32, 32))
    check_network(net, (1, 32, 32), 4)
    assert net.mean is None  # the three published values would not fit one channel
    assert net.std is None


def test_only_published_nets_bring_their_normalisation() -> None:
    published = build_network("resnet20", num_classes=10, image_shape=RGB)
    assert (published.mean, published.std) == (PUBLISHED_MEAN, PUBLISHED_STD)
    assert build_network("small", num_classes=10, image_shape=RGB).mean is None


@pytest.mark.parametrize("name", ["small", "resnet20", "resnet18"])
def test_seed_fixes_the_weights(name: str) -> None:
    first, again, other = (
        model_digest(build_network(name, num_classes=3, image_shape=RGB, seed=seed).model)
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_building_leaves_global_randomness_alone() -> None:
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    expected = torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    build_network("small", num_classes=3, image_shape=RGB, seed=9)
    assert torch.equal(torch.rand(3), expected[0])
    assert (random.random(), np.random.rand()) == expected[1:]  # noqa: NPY002


def test_weight_scale_keeps_activations_alive() -> None:
    """Kaiming's promise: a fresh ResNet-20 neither explodes nor dies, in training mode."""
    net = build_network("resnet20", num_classes=10, image_shape=RGB)
    spread = net.model(torch.randn(16, *RGB)).std().item()
    assert 0.1 < spread < 20


def test_option_a_shortcut_adds_zero_channels_on_both_sides() -> None:
    net = build_network("resnet20", num_classes=10, image_shape=RGB)
    block = net.model.layer2[0]
    hidden = torch.rand(1, 16, 8, 8)
    for name in ("weight", "bias"):
        torch.nn.init.zeros_(getattr(block.bn2, name))  # silence the residual path
    out = block(hidden)
    assert torch.equal(out[:, 8:24], hidden[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


def test_arguments_reach_the_net() -> None:
    narrow = build_network("small", num_classes=3, image_shape=RGB, arguments={"width": 4})
    assert narrow.model.conv1.out_channels == 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet-18", ["resnet-18", "did you mean 'resnet18'", "vgg16-bn", "timm:NAME"]),
        ("timm:vit_tiny_patch16_223", ["timm", "did you mean 'vit_tiny_patch16_224'"]),
        ("torchvision:resnet19", ["torchvision", "did you mean 'resnet1"]),
        ("torchvision:fasterrcnn_resnet50_fpn", ["no classifier"]),
        ("", ["no net called ''"]),
        ("resnet50", ["did you mean 'torchvision:resnet50'"]),
        ("vit_tiny_patch16_224", ["did you mean 'timm:vit_tiny_patch16_224'"]),
    ],
)
def test_unknown_names(name: str, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        build_network(name, num_classes=10, image_shape=RGB)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 2


def test_unknown_name_without_the_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r"no net called 'resnet50'; did you mean 'resnet5?"):
        build_network("resnet50", num_classes=10, image_shape=RGB)


def test_unknown_argument() -> None:
    with pytest.raises(ModelError, match=r"takes no argument 'widht'; did you mean 'width'"):
        build_network("small", num_classes=3, image_shape=RGB, arguments={"widht": 4})


def test_argument_with_a_bad_value() -> None:
    with pytest.raises(ModelError, match=r"cannot build the net 'small'.*'width': -4"):
        build_network("small", num_classes=3, image_shape=RGB, arguments={"width": -4})


@pytest.mark.parametrize("shape", [(3, 32), (3, 0, 32)])
def test_bad_image_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="channels, height, width"):
        build_network("small", num_classes=3, image_shape=shape)  # type: ignore[arg-type]


def test_no_classes() -> None:
    with pytest.raises(ValueError, match="num_classes > 0"):
        build_network("small", num_classes=0, image_shape=RGB)


def test_timm_vit_is_told_classes_channels_and_size() -> None:
    arguments = {key: value for key, value in TINY_VIT.items() if key != "img_size"}
    net = build_network(
        "timm:vit_tiny_patch16_224", num_classes=5, image_shape=(1, 16, 24), arguments=arguments
    )
    check_network(net, (1, 16, 24), 5)
    assert net.mean is None
    assert not any("running_mean" in name for name, _ in net.model.named_buffers())


def test_timm_arguments_win() -> None:
    net = build_network(
        "timm:vit_tiny_patch16_224",
        num_classes=5,
        image_shape=(3, 64, 64),
        arguments={**TINY_VIT, "num_classes": 6},
    )
    check_network(net, RGB, 6)


def test_timm_net_without_positions_takes_any_size() -> None:
    net = build_network("timm:test_resnet", num_classes=5, image_shape=(3, 40, 40))
    check_network(net, (3, 40, 40), 5)


def test_timm_net_refuses_what_it_does_not_take() -> None:
    for arguments in ({"img_size": 32}, {"bogus": 1}):
        with pytest.raises(ModelError, match=r"timm:test_resnet.*" + next(iter(arguments))):
            build_network("timm:test_resnet", num_classes=5, image_shape=RGB, arguments=arguments)


def test_timm_trained_weights_bring_their_normalisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a download would change is only where the weights come from, so it is cut off."""
    import timm

    real = timm.create_model

    def without_download(name: str, *, pretrained: bool, **others: object) -> torch.nn.Module:
        assert pretrained
        return real(name, **others)

    monkeypatch.setattr(timm, "create_model", without_download)

    def build(channels: int) -> Network:
        shape = (channels, 32, 32)
        arguments = {"pretrained": True}
        return build_network("timm:test_vit", num_classes=5, image_shape=shape, arguments=arguments)

    assert build(3).mean == build(3).std == (0.5, 0.5, 0.5)
    assert build(1).mean is None  # three values do not fit one channel


def test_torchvision_net() -> None:
    net = build_network("torchvision:squeezenet1_1", num_classes=5, image_shape=RGB)
    check_network(net, RGB, 5)


def test_torchvision_vit_is_told_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    small = {"patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 16}

    def build(name: str, *, weights: None, **given: int) -> torch.nn.Module:
        assert name == "vit_b_16"
        return torchvision.models.VisionTransformer(**small, **given)

    monkeypatch.setattr(torchvision.models, "get_model", build)
    check_network(build_network("torchvision:vit_b_16", num_classes=5, image_shape=RGB), RGB, 5)


def test_torchvision_net_with_auxiliary_heads_does_not_warn() -> None:
    net = build_network("torchvision:googlenet", num_classes=5, image_shape=RGB)
    check_network(net, RGB, 5)


def test_trained_weights_of_another_number_of_classes() -> None:
    arguments = {"weights": "DEFAULT"}
    with pytest.raises(ModelError, match=r"num_classes.*expected value 1000 but got 5"):
        build_network("torchvision:googlenet", num_classes=5, image_shape=RGB, arguments=arguments)


def test_torchvision_wants_three_channels() -> None:
    with pytest.raises(ModelError, match="3 channels, these have 1"):
        build_network("torchvision:squeezenet1_1", num_classes=5, image_shape=(1, 32, 32))


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("resnet18", "torchvision.models.resnet"),
        ("vgg16-bn", "torchvision.models.vgg"),
        ("torchvision:resnet18", "torchvision.models"),
        ("timm:test_vit", "timm"),
    ],
)
def test_missing_extra(name: str, hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(ModelError, match=r'pip install "expunge\[models\]"'):
        build_network(name, num_classes=5, image_shape=RGB)


@pytest.mark.slow
def test_the_package_imports_neither_torchvision_nor_timm() -> None:
    import subprocess

    code = (
        "import sys, expunge.models as m; "
        "m.build_network('resnet20', num_classes=2, image_shape=(3, 8, 8)); "
        "m.build_network('small', num_classes=2, image_shape=(3, 8, 8)); "
        "sys.exit('torchvision' in sys.modules or 'timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()

"""Nets that do not fit the images or the classes are refused before any work is done."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from expunge.core import ModelError
from expunge.core.unlearn import model_digest
from expunge.models import build_network, check_network

RGB = (3, 32, 32)
VIT = {"depth": 1, "embed_dim": 24, "num_heads": 2}


class Record(nn.Module):
    """Returns what ``wrap`` makes of the logits."""

    def __init__(self, wrap) -> None:
        super().__init__()
        self.head, self.wrap = nn.Linear(12, 4), wrap

    def forward(self, images: Tensor):
        return self.wrap(self.head(images.flatten(1)))


def test_image_size_that_would_do_is_named() -> None:
    net = build_network(
        "timm:vit_tiny_patch16_224",
        num_classes=10,
        image_shape=RGB,
        arguments={"img_size": 224, **VIT},
    )
    with pytest.raises(ModelError) as caught:
        check_network(net, RGB, 10)
    assert "(3, 32, 32)" in str(caught.value)
    assert "data.image_size = 224" in str(caught.value)


def test_images_too_small() -> None:
    net = build_network("vgg16-bn", num_classes=10, image_shape=(3, 8, 8))
    with pytest.raises(ModelError, match=r"\(3, 8, 8\).*data\.image_size = 32"):
        check_network(net, (3, 8, 8), 10)


@pytest.mark.parametrize(("built", "given"), [(3, 1), (1, 3)])
def test_wrong_channels_are_told_from_wrong_size(built: int, given: int) -> None:
    net = build_network("small", num_classes=3, image_shape=(built, 8, 8))
    match = f"takes {built} channels?, the images have {given}"
    with pytest.raises(ModelError, match=match):
        check_network(net, (given, 8, 8), 3)


def test_size_that_nobody_can_guess() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(7, 2))
    with pytest.raises(ModelError, match="the size that it was made for"):
        check_network(net, RGB, 2)


def test_wrong_number_of_classes() -> None:
    net = build_network("small", num_classes=100, image_shape=RGB)
    with pytest.raises(ModelError, match=r"\(2, 10\).*got \(2, 100\).*num_classes = 10"):
        check_network(net, RGB, 10)


def test_records_with_logits_are_read() -> None:
    check_network(Record(lambda logits: SimpleNamespace(logits=logits)), (3, 2, 2), 4)


def test_no_tensor_at_all() -> None:
    with pytest.raises(ModelError, match="one tensor, got tuple"):
        check_network(Record(lambda logits: (logits, logits)), (3, 2, 2), 4)


def test_nothing_is_changed() -> None:
    model = build_network("small", num_classes=3, image_shape=RGB).model
    model.norm1.eval()  # a frozen layer stays frozen, the rest in training mode
    before = model_digest(model)
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    check_network(model, RGB, 3)
    assert torch.equal(torch.rand(2), expected)
    assert model_digest(model) == before
    assert model.training
    assert not model.norm1.training


def test_other_types() -> None:
    check_network(build_network("small", num_classes=3, image_shape=RGB).model.bfloat16(), RGB, 3)


def test_net_without_parameters() -> None:
    check_network(nn.Flatten(), (1, 2, 2), 4)

"""Grad-CAM against maps worked out by hand, on nets that stay as they were."""

import copy
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from expunge.core import DataError, InputError, ModelError
from expunge.evaluation.grad_cam import grad_cam, map_layer

SIDE, CLASSES = 6, 3


class Linear(nn.Module):
    """Two maps A_0, A_1 of 3 x 3 places; logits are weighted sums over all of their places."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 2, stride=2, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(2, CLASSES, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.pool(self.relu(self.maps(images))).flatten(1))


class Tokens(nn.Module):
    """A vision transformer in small: patches become tokens, which are averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 2, stride=2)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.head(self.block(tokens).mean(1))


@pytest.fixture
def net() -> Linear:
    torch.manual_seed(0)
    return Linear()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(5, 1, SIDE, SIDE, generator=generator), torch.tensor([0, 1, 2, 2, 0])


def by_hand(net: Linear, images: Tensor, labels: Tensor) -> Tensor:
    """The logit is the mean of 9 places times the head's weight, so each gradient is w / 9."""
    weights = net.head.weight.detach()[labels] / 9
    active = F.conv2d(images, net.maps.weight.detach(), stride=2).clamp(min=0)
    maps = (weights[:, :, None, None] * active).sum(1, keepdim=True).clamp(min=0)
    large = F.interpolate(maps, (SIDE, SIDE), mode="bilinear", align_corners=False)[:, 0]
    peak = large.flatten(1).max(1).values[:, None, None]
    return torch.where(peak > 0, large / peak, torch.zeros(()))


def test_the_map_is_the_rectified_sum_of_maps_weighted_by_mean_gradients(net, batch) -> None:
    maps = grad_cam(net, *batch)
    assert maps.shape == (5, SIDE, SIDE)
    assert maps.dtype == torch.float32
    assert map_layer(net, batch[0]) == "relu"
    torch.testing.assert_close(maps, by_hand(net, *batch))
    assert set(maps.amax((1, 2)).tolist()) <= {0.0, 1.0}


def test_one_map_with_all_numbers_written_down(net) -> None:
    with torch.no_grad():
        net.maps.weight.copy_(torch.tensor([[[[1.0, 0], [0, 0]]], [[[0, 0], [0, 1.0]]]]))
        net.head.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 0.0], [0.0, 2.0]]))
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[0, 0, 0, 0], image[0, 0, 2, 2] = 4.0, 2.0  # upper left corners of their patches
    image[0, 0, 3, 3] = 1.0  # the lower right corner of the middle patch
    place = {"layer": "relu"}
    small = [grad_cam(net, image, torch.tensor([c]), **place)[0] for c in range(CLASSES)]
    # Class 0: 4 at the corner patch, 2 - 1 in the middle; class 1 has negative evidence only.
    assert small[0][0, 0] == 1
    expected = torch.tensor([[4.0, 0, 0], [0, 1.0, 0], [0, 0, 0]])[None, None] / 4
    smooth = F.interpolate(expected, (SIDE, SIDE), mode="bilinear")[0, 0]
    torch.testing.assert_close(small[0], smooth / smooth.max())
    assert small[1].eq(0).all()
    assert small[2].argmax() in (14, 15, 20, 21)  # the four pixels of the middle patch


def test_an_inplace_relu_does_not_spoil_the_layer_before_it(net, batch) -> None:
    images, labels = batch
    raw = grad_cam(net, images, labels, layer="maps")
    apart = copy.deepcopy(net)
    apart.relu = nn.ReLU()
    assert torch.equal(raw, grad_cam(apart, images, labels, layer="maps"))
    assert not torch.equal(raw, grad_cam(net, images, labels))


def test_the_model_and_the_images_stay_as_they_were(batch) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU())
    model = nn.Sequential(model, nn.Flatten(), nn.Linear(4 * 16, CLASSES)).train()
    model[0][1].eval()
    model[2].weight.requires_grad_(False)
    calls = []
    model[2].register_forward_hook(lambda *parts: calls.append(1))
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    maps = grad_cam(model, *batch)
    assert torch.equal(maps, grad_cam(model, *batch))  # no dropout, no batch statistics
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [m.training for m in model.modules()] == [True, True, True, False, *[True] * 4]
    assert [p.requires_grad for p in model.parameters()] == [*[True] * 4, False, True]
    assert all(p.grad is None for p in model.parameters())
    assert [len(m._forward_hooks) for m in model.modules()] == [*[0] * 7, 1]
    assert torch.equal(state, torch.random.get_rng_state())
    assert not batch[0].requires_grad
    assert batch[0].grad is None


def test_frozen_models_double_precision_and_no_grad_make_no_difference(net, batch) -> None:
    images, labels = batch
    expected = grad_cam(net, images, labels)
    net.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(grad_cam(net, images, labels), expected)
    with torch.inference_mode():
        assert torch.equal(grad_cam(net, images.clone(), labels), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(grad_cam(net, images, labels), expected)
    double = grad_cam(net.double(), images.double(), labels)
    assert double.dtype == torch.float32
    assert torch.equal(double, expected)


def test_a_net_of_tokens_needs_a_layer_by_name(batch) -> None:
    torch.manual_seed(0)
    model = Tokens()
    with pytest.raises(InputError, match=r"found none .* layer=NAME, e\.g\. one of patches"):
        grad_cam(model, *batch)
    maps = grad_cam(model, *batch, layer="patches")
    assert maps.shape == (5, SIDE, SIDE)
    assert maps.max() == 1


def test_a_net_without_maps_is_refused(batch) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, CLASSES))
    with pytest.raises(InputError, match=r"found none .* as layer=NAME$"):
        grad_cam(model, *batch)


def test_wrong_layers_are_named(net, batch) -> None:
    with pytest.raises(InputError, match=r"got 'map'; did you mean 'maps'\?"):
        grad_cam(net, *batch, layer="map")
    with pytest.raises(InputError, match=r"got 'head', which returns \(5, 3\)"):
        grad_cam(net, *batch, layer="head")

    class Aside(Linear):
        def forward(self, images: Tensor) -> Tensor:
            self.relu(self.maps(images))
            return self.head(images.flatten(1)[:, :2])

    with pytest.raises(InputError, match="that the logits depend on, got 'maps'"):
        grad_cam(Aside(), *batch, layer="maps")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[0], y), r"got float32 \(1, 6, 6\)"),
        (lambda x, y: (x[:0], y[:0]), "with N >= 1"),
        (lambda x, y: (x.byte(), y), r"got uint8 \(5, 1, 6, 6\)"),
        (lambda x, y: (x / 0, y), "finite images"),
        (lambda x, y: (x, y[:2]), r"shape \(5,\), one per image, got int64 \(2,\)"),
        (lambda x, y: (x, y.float()), "got float32"),
        (lambda x, y: (x, y + 1), "labels between 0 and 2, as the model has 3 outputs, got 3"),
        (lambda x, y: (x, y - 1), "got -1"),
    ],
)
def test_wrong_images_and_labels_are_refused(change, message, net, batch) -> None:
    with pytest.raises(DataError, match=message):
        grad_cam(net, *change(*batch))


def test_models_without_usable_logits_are_refused(net, batch) -> None:
    with pytest.raises(ModelError, match=r"expected logits of shape \(5, classes\), got \(5, 2, 3"):
        grad_cam(net.maps, *batch)
    with torch.no_grad():
        net.head.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="finite logits"):
        grad_cam(net, *batch)


def test_without_captum_the_extra_is_named(net, batch, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(InputError, match=r"pip install 'expunge\[explain\]'"):
        grad_cam(net, *batch)

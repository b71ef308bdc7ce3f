"""CKA by layers: against hooks set by hand, on nets of all kinds, and without traces."""

import copy
from collections.abc import Callable

import pytest
import torch
from tests.conftest import make_conv, make_mlp
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from expunge.core import InputError, ModelError, UnlearningData, model_digest
from expunge.evaluation import default_layers, layer_cka
from expunge.metrics import linear_cka
from expunge.models import build_network


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def images(count: int = 40) -> TensorDataset:
    inputs = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(inputs, torch.zeros(count, dtype=torch.long))


def sequence(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(1), nn.Linear(64, 12), *layers)


class Tokens(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(len(inputs), 4, 3)


class Answer(nn.Linear):
    """Gives a record, a pair, or a table that has no row per sample."""

    def __init__(self, form: str) -> None:
        super().__init__(12, 12)
        self.form = form

    def forward(self, inputs: Tensor) -> object:
        out = super().forward(inputs)
        if self.form == "record":
            return type("Out", (), {"logits": out})()
        return {"pair": (out, None), "rows": out.repeat(2, 1), "two": out[:2], "none": None}[
            self.form
        ]


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


def test_a_model_is_like_itself(blob_conv_model: nn.Module, blobs: UnlearningData) -> None:
    found = layer_cka(blob_conv_model, blob_conv_model, blobs.retain)
    assert list(found) == ["1", "2", "5"]
    assert list(found.values()) == pytest.approx([1, 1, 1])


def test_layers_are_those_that_hooks_by_hand_see(
    blob_conv_model: nn.Module, blobs: UnlearningData
) -> None:
    other, inputs = make_conv(3).eval(), blobs.test.tensors[0]
    found = layer_cka(
        blob_conv_model, other, blobs.test, layers=["4", "1"], precision="fp32", samples=1000
    )
    with torch.no_grad():
        maps = [net[1](net[0](inputs)).mean((2, 3)) for net in (blob_conv_model, other)]
        flat = [net[:5](inputs) for net in (blob_conv_model, other)]
    assert found == pytest.approx({"4": linear_cka(*flat), "1": linear_cka(*maps)})
    assert list(found) == ["4", "1"]


def test_samples_are_evenly_spaced(blob_model: nn.Module, blobs: UnlearningData) -> None:
    other = make_mlp(1).eval()
    found = layer_cka(blob_model, other, blobs.test, layers="5", samples=3, precision="fp32")
    inputs = blobs.test.tensors[0][[0, 24, 47]]
    with torch.no_grad():
        assert found["5"] == pytest.approx(linear_cka(blob_model(inputs), other(inputs)))


def test_batches_do_not_matter(
    blob_model: nn.Module, blobs: UnlearningData, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_mlp(1)
    whole = layer_cka(blob_model, other, blobs.retain, precision="fp32")
    monkeypatch.setattr("expunge.evaluation.representation.BATCH_SIZE", 7)
    assert layer_cka(blob_model, other, blobs.retain, precision="fp32") == pytest.approx(whole)


def test_models_come_back_as_they_were(blob_conv_model: nn.Module, blobs: UnlearningData) -> None:
    models = [blob_conv_model.train(), make_conv(3).eval()]
    before, randomness = [model_digest(m) for m in models], torch.get_rng_state()
    layer_cka(*models, blobs.forget, precision="bf16")
    assert [model_digest(m) for m in models] == before
    assert [m.training for m in models] == [True, False]
    assert [hooks(m) for m in models] == [0, 0]
    assert torch.equal(torch.get_rng_state(), randomness)


def test_hooks_are_gone_after_an_error(blob_model: nn.Module, blobs: UnlearningData) -> None:
    models = [blob_model, copy.deepcopy(blob_model)]
    wrong = TensorDataset(torch.zeros(5, 7), torch.zeros(5))
    with pytest.raises(RuntimeError):
        layer_cka(*models, wrong)
    broken = copy.deepcopy(blob_model)
    nn.init.constant_(broken[3].weight, torch.nan)
    with pytest.raises(ModelError, match="layer '3'"):
        layer_cka(blob_model, broken, blobs.test)
    assert [hooks(m) for m in (*models, broken)] == [0, 0, 0]


def test_a_layer_that_works_in_place_does_not_spoil_the_one_before() -> None:
    plain, spoilt = (sequence(nn.ReLU(inplace=way), nn.Linear(12, 2)) for way in (False, True))
    spoilt.load_state_dict(plain.state_dict())
    assert layer_cka(plain, spoilt, images(), precision="fp32")["1"] == pytest.approx(1)


def test_tokens_are_averaged_and_forms_of_output_understood() -> None:
    one, other = (sequence(Tokens(), nn.Linear(3, 5)) for _ in "ab")
    found = layer_cka(one, other, images(), layers=["3"], precision="fp32")
    inputs = images().tensors[0]
    with torch.no_grad():
        assert found["3"] == pytest.approx(linear_cka(one(inputs).mean(1), other(inputs).mean(1)))
    for form in ("record", "pair"):
        net = sequence(Answer(form))
        assert layer_cka(net, net, images(), layers=["2"]) == pytest.approx({"2": 1})


def test_one_number_per_sample_is_a_representation() -> None:
    net = sequence(nn.Linear(12, 1), nn.Flatten(0))
    assert layer_cka(net, net, images(), layers=["3"]) == pytest.approx({"3": 1})


@pytest.mark.parametrize("form", ["rows", "two", "none"])
def test_layers_without_a_row_per_sample(form: str) -> None:
    net = sequence(Answer(form))
    with pytest.raises(InputError, match="got '2', which does not"):
        layer_cka(net, net, images(), layers=["2"])
    if form != "two":  # whose two rows look like those of the two samples of the probe
        assert list(layer_cka(net, net, images())) == ["1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("small", ["conv1", "norm1", "conv2", "norm2", "hidden", "head"]),
        ("resnet20", ["conv1", "bn1", "layer1", "layer2", "layer3", "linear"]),
    ],
)
def test_default_layers_of_nets(name: str, expected: list[str]) -> None:
    assert (
        default_layers(build_network(name, num_classes=3, image_shape=(1, 32, 32)).model)
        == expected
    )


def test_few_children_are_opened_and_many_thinned() -> None:
    blocks = nn.Sequential(*(nn.Sequential(nn.Linear(12, 12), nn.ReLU()) for _ in range(20)))
    net = nn.Sequential(nn.Sequential(sequence(), nn.ReLU(), blocks))
    names = default_layers(net)
    assert names == ["0.0.1", *(f"0.2.{i}" for i in range(20))]
    found = list(layer_cka(net, net, images()))
    assert len(found) == 10
    assert [found[0], found[-1]] == ["0.0.1", "0.2.19"]
    assert found == [name for name in names if name in found]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": ["hiden"]}, "got 'hiden'; did you mean 'hidden'"),
        ({"layers": []}, "at least one name in layers"),
        ({"layers": ["head"]}, r"got 'head', which the reference \(Sequential\) lacks"),
        ({}, "'head', which the reference"),
        ({"samples": 1}, "samples = 1 of a set of 48"),
        ({"precision": "fp8"}, "precision to be one of"),
    ],
)
def test_what_cannot_be_compared(
    blobs: UnlearningData, settings: dict[str, object], message: str
) -> None:
    parts = {"hidden": nn.Linear(4, 4), "head": nn.Linear(4, 3)}
    whole, headless = nn.Sequential(), nn.Sequential()
    for name, part in parts.items():
        whole.add_module(name, part)
    headless.add_module("hidden", parts["hidden"])
    with pytest.raises(InputError, match=message):
        layer_cka(whole, headless, blobs.test, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(64, 2), "Linear without any child that has weights"),
        (lambda: nn.Sequential(nn.Flatten(), nn.ReLU()), "without any child"),
        (Unused, "none among the children"),
    ],
)
def test_models_without_layers(make: Callable[[], nn.Module], message: str) -> None:
    net = make()
    with pytest.raises(InputError, match=message):
        layer_cka(net, net, images())

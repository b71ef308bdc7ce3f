"""Data, net and forget set of a config, checked before anything is computed."""

import dataclasses
import sys

import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from expunge.core import DataError, InputError, ModelError
from expunge.models import Network
from expunge.models.resnet_cifar import PUBLISHED_MEAN, PUBLISHED_STD
from expunge.runs import load, prepare
from expunge.runs.settings.input_checks import check_dataset, check_image_size
from expunge.tasks import Classification


@pytest.fixture
def photos(tmp_path):
    """Twenty 8 px photographs of each of two classes."""
    generator = torch.Generator().manual_seed(0)
    for name in ("cat", "dog"):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = torch.randint(256, (8, 8, 3), generator=generator, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
    return tmp_path / "photos"


def test_sets_are_disjoint_and_complete(make_config) -> None:
    prepared = prepare(make_config())
    sizes = prepared.data.sizes()
    assert sizes["forget"] + sizes["retain"] == len(prepared.bundle.train)
    assert len(prepared.ids) == len(set(prepared.ids)) == sizes["forget"]
    assert set(prepared.ids) == set(prepared.data.forget.ids)
    assert set(prepared.ids).isdisjoint(prepared.data.retain.ids)


def test_the_validation_set_may_come_from_the_test_set(make_config) -> None:
    without = prepare(make_config("data.validation=0.0"))
    halved = prepare(make_config("data.validation_from_test=0.5"))
    assert without.data.validation is None
    assert len(halved.bundle.train) == len(without.bundle.train)
    total = len(halved.data.test) + len(halved.data.validation)
    assert total == len(without.data.test)


def test_the_net_says_how_images_are_normalised(photos, make_config) -> None:
    folder = ("data.source=imagefolder", f"data.path='{photos}'", "model.arguments={}")
    given = load(make_config(*folder, "model.name=resnet20")).bundle.train
    assert torch.allclose(torch.tensor(given.mean), torch.tensor(PUBLISHED_MEAN))
    assert torch.allclose(torch.tensor(given.std), torch.tensor(PUBLISHED_STD))
    own = ("data.mean=[0.5, 0.5, 0.5]", "data.std=[1, 1, 1]")
    stated = load(make_config(*folder, "model.name=resnet20", *own)).bundle.train
    assert torch.allclose(torch.tensor(stated.mean), torch.tensor([0.5, 0.5, 0.5]))


def test_ids_in_a_config_are_counted_in_the_record_but_not_shown(make_config) -> None:
    ids = prepare(make_config()).ids[:3]
    prepared = prepare(make_config(f"data.forget={{kind='ids', ids={ids}}}"))
    assert prepared.ids == sorted(ids, key=ids.index)
    assert prepared.request.spec == {"kind": "ids", "ids": "3 ids"}


def test_what_a_method_must_read_has_to_be_there(make_config, monkeypatch) -> None:
    from expunge.core import Split
    from expunge.methods import FineTune

    monkeypatch.setattr(FineTune, "reads", frozenset({Split.VALIDATION}))
    with pytest.raises(InputError, match="fine-tune reads the validation set, but there is none"):
        prepare(make_config("data.validation=0.0"))


def test_identity_depends_on_what_determines_a_trained_net(make_config) -> None:
    base = prepare(make_config())
    same = prepare(make_config("data.forget.seed=9", "method.lr=0.5"))
    assert base.identity(1, "x") == same.identity(1, "x")
    assert base.identity(1, "x") != base.identity(2, "x")
    for change in ("training.lr=0.5", "model.arguments.width=8", "data.limit=200"):
        assert prepare(make_config(change)).identity(1, "x") != base.identity(1, "x")


def test_a_device_that_is_not_there(make_config) -> None:
    with pytest.raises(InputError, match=r"cannot compute on device = 'cuda:77'.*use auto or cpu"):
        load(make_config("device='cuda:77'"))
    with pytest.raises(InputError, match="cannot compute on device = 'abacus'"):
        load(make_config("device=abacus"))


def test_an_untrained_net_that_is_broken(make_config, monkeypatch) -> None:
    module = sys.modules["expunge.runs.settings.classifier"]
    build = module.build_network

    def broken(*args, **kwargs):
        net = build(*args, **kwargs)
        with torch.no_grad():
            next(net.model.parameters()).fill_(float("nan"))
        return net

    monkeypatch.setattr(module, "build_network", broken)
    with pytest.raises(ModelError, match=r"NaN or infinite values in 'conv1.weight'"):
        load(make_config())


def test_a_net_made_for_another_size(make_config) -> None:
    bundle = load(make_config()).bundle
    check_image_size(Network(torch.nn.Identity(), image_size=8), bundle)
    with pytest.raises(DataError, match="wants images of 224 x 224 pixels, those of digits have 8"):
        check_image_size(Network(torch.nn.Identity(), image_size=224), bundle)


def test_bad_samples_are_named_with_set_and_position() -> None:
    task = Classification(num_classes=2)
    inputs, labels = torch.zeros(6, 3), torch.tensor([0, 1, 0, 1, 0, 1])
    check_dataset("train", TensorDataset(inputs, labels), task)
    check_dataset("validation", None, task)
    bad = inputs.clone()
    bad[4, 1] = float("inf")
    with pytest.raises(DataError, match="'train/4', at position 4 of the train set, holds NaN or"):
        check_dataset("train", TensorDataset(bad, labels), task)
    with pytest.raises(DataError, match=r"in the test set: expected labels between 0 and 1, got 5"):
        check_dataset("test", TensorDataset(inputs, labels * 5), task)
    ragged = [(torch.zeros(3), 0), (torch.zeros(4), 1)]
    with pytest.raises(
        DataError, match="in the train set: items 0 to 1 of the list do not form a batch"
    ):
        check_dataset("train", ragged, task)


def test_prepared_is_made_of_one_load(make_config) -> None:
    loaded = load(make_config())
    runs = [prepare(make_config().with_seed(seed), loaded) for seed in (0, 1)]
    assert runs[0].bundle is runs[1].bundle is loaded.bundle
    assert runs[0].ids != runs[1].ids
    assert dataclasses.is_dataclass(runs[0])


def test_one_record_is_too_few_to_keep(make_config) -> None:
    size = len(load(make_config()).bundle.train)
    config = make_config(f"data.forget={{kind='random', count={size - 1}}}")
    with pytest.raises(InputError, match="one is too few to keep a model by"):
        prepare(config)
    assert len(prepare(make_config(f"data.forget={{kind='random', count={size - 2}}}")).ids) > 1

"""The level that D_f is compared with: of the data, and not of the size or kind of a request."""

import pytest
import torch
from tests.unit.methods.test_small_requests import LENIENT, TASK, net
from torch import nn
from torch.utils.data import TensorDataset

from expunge import (
    ImageSet,
    Scissorhands,
    UnlearningData,
    make_recipe,
    train,
    unlearn,
)
from expunge.data.images.image_set import Augmentation


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, TensorDataset, TensorDataset]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 3
    inputs = torch.randn(600, 4, generator=generator) + 2 * nn.functional.one_hot(labels, 4)
    data, unseen = (
        TensorDataset(inputs[part], labels[part]) for part in (slice(400), slice(400, 600))
    )
    model = train(net(), data, make_recipe("quick", epochs=8), task=TASK, seed=0).model
    return model, data, unseen


def test_it_is_the_same_for_eight_records_and_for_twenty(trained) -> None:
    model, data, unseen = trained
    levels = []
    for size in (2, 8, 20, 60):
        request = UnlearningData.split(data, range(size), validation=unseen)
        method = Scissorhands(lr=1e-7, epochs=4, batch_size=64)
        found = unlearn(model, request, method, task=TASK, guard=LENIENT)
        rows = [row["held_out_loss"] for row in found.history if "held_out_loss" in row]
        levels.append(sum(rows) / len(rows))
    with torch.no_grad():
        plain = nn.functional.cross_entropy(model.eval()(unseen.tensors[0]), unseen.tensors[1])
    assert levels == pytest.approx([float(plain)] * 4, rel=0.1)


def test_it_does_not_depend_on_how_the_held_out_set_is_augmented() -> None:
    """A caller seldom augments it; D_f is read augmented."""
    pixels = torch.randint(0, 256, (120, 1, 6, 6), dtype=torch.uint8)
    labels = torch.arange(120) % 3
    varied = ImageSet(pixels[:90], labels[:90], augmentation=Augmentation(2, flip=True))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    histories = []
    for augmentation in (
        Augmentation.none(),
        Augmentation(2, flip=True),
        Augmentation(1, flip=False),
    ):
        unseen = ImageSet(
            pixels[90:], labels[90:], mean=varied.mean, std=varied.std, augmentation=augmentation
        )
        request = UnlearningData.split(varied, range(12), validation=unseen)
        method = Scissorhands(lr=0.01, epochs=2, batch_size=16)
        histories.append(unlearn(model, request, method, task=TASK, guard=LENIENT).history)
    assert histories[0] == histories[1] == histories[2]

"""Sets as people have them: converted, or refused by name of set and position."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from expunge import Classification, DataError, FineTune, InputError, UnlearningData, unlearn
from expunge.core import ModelError
from expunge.core.data import fetch

TASK = Classification(num_classes=2)


class Items:
    """A list, as a class of somebody's own."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        found = self.items[index]
        if isinstance(found, Exception):
            raise found
        return found


def rows(count: int = 12, **changes: Any) -> list[Any]:
    """``(input, label)`` pairs; ``at`` and ``item`` put something else in one place."""
    made: list[Any] = [(torch.randn(4), number % 2) for number in range(count)]
    if "item" in changes:
        made[changes.get("at", 3)] = changes["item"]
    return made


def run(forget: Any, retain: Any, model: nn.Module | None = None, **others: Any) -> nn.Module:
    model = model or nn.Linear(4, 2)
    data = UnlearningData(forget, retain, **others)
    return unlearn(model, data, FineTune(epochs=1, lr=0.01), task=TASK).model


def image(number: int) -> Image.Image:
    return Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8))


NET = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))


@pytest.mark.parametrize(
    ("make", "model"),
    [
        (lambda n: (torch.randn(4, dtype=torch.float64), n % 2), None),
        (lambda n: (np.random.default_rng(n).normal(size=4), np.int64(n % 2)), None),
        (lambda n: (torch.randn(4), torch.tensor([n % 2])), None),
        (lambda n: (torch.randn(4), float(n % 2)), None),
        (lambda n: {"x": torch.randn(4), "label": n % 2, "note": None}, None),
        (lambda n: (image(n), n % 2), NET),
        (lambda n: {"image": image(n), "label": n % 2}, NET),
    ],
    ids=["double", "numpy", "column", "float label", "empty column", "PIL", "mapping of PIL"],
)
def test_items_are_converted(make: Any, model: nn.Module | None) -> None:
    items = [make(number) for number in range(12)]
    run(Items(items[:4]), Items(items[4:]), copy.deepcopy(model))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ((torch.randn(4), None), "in the retain set: item 3 holds None"),
        (None, "in the retain set: item 3 holds None"),
        (ValueError("broken file"), r"in the retain set: item 3 of the Items cannot be read "
         r"\(ValueError: broken file\)"),
        ((torch.randn(5), 0), "in the retain set: items 0 to 7 of the Items do not form a batch"),
    ],
)  # fmt: skip
def test_broken_items_are_named(item: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run(Items(rows(4)), Items(rows(8, item=item)))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("cat", "in the forget set: expected numbers of classes as labels, got str at position 0"),
        (0.5, r"in the forget set: expected numbers of classes as labels, got 0\.5 at position 0"),
        (torch.tensor([0.2, 0.8]), "soft labels, several labels per sample and one-hot"),
        (torch.tensor([1, 0, 1]), "soft labels, several labels per sample and one-hot"),
    ],
)
def test_labels_that_are_no_classes_are_refused(label: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run(Items([(torch.randn(4), label)] * 4), Items(rows(8)))


def test_an_index_in_front_is_named() -> None:
    items = [(n, torch.randn(4), n % 2) for n in range(8)]
    with pytest.raises(DataError, match=r"return \(index, input, label\); return \(input, label\)"):
        run(Items(items[:4]), Items(items[4:]))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda z: (z, z), "got tuple; wrap the model so that it returns the logits alone"),
        (lambda z: z[:, :1], r"one number per sample: for two classes with one logit z"),
        (lambda z: z[:, 0], r"one number per sample: for two classes with one logit z"),
        (lambda z: torch.cat([z, z], 1), "give the model and the task the number of classes"),
    ],
)
def test_outputs_that_are_no_logits_get_the_right_advice(output: Any, message: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, inputs: Tensor) -> Any:
            return output(self.layer(inputs))

    with pytest.raises(ModelError, match=message):
        run(Items(rows(4)), Items(rows(8)), Net())


def test_a_mapping_with_logits_is_taken() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, inputs: Tensor) -> dict[str, Tensor]:
            return {"features": inputs, "logits": self.layer(inputs)}

    run(Items(rows(4)), Items(rows(8)), Net())


def test_one_class_is_none() -> None:
    with pytest.raises(InputError, match="num_classes"):
        Classification(num_classes=1)


def test_loaders_stand_for_their_sets() -> None:
    sets = [Items(rows(size)) for size in (4, 8, 4, 4)]
    with pytest.warns(UserWarning, match="is a DataLoader: its data set is taken") as said:
        data = UnlearningData(*(DataLoader(one, batch_size=2) for one in sets))  # type: ignore[arg-type]
    assert [data.forget, data.retain, data.validation, data.test] == sets
    assert len(said) == 4
    with pytest.warns(UserWarning, match="the training set is a DataLoader"):
        UnlearningData.split(DataLoader(sets[1]), [1, 2])  # type: ignore[arg-type]


TRAIN = TensorDataset(torch.randn(10, 4), torch.arange(10) % 2)


@pytest.mark.parametrize(
    "chosen",
    [[2, 5], (5, 2), torch.tensor([2.0, 5.0]), np.array([2, 5]), range(2, 6, 3),
     torch.isin(torch.arange(10), torch.tensor([2, 5])), [n in (2, 5) for n in range(10)]],
    ids=["list", "tuple", "whole floats", "numpy", "range", "mask", "mask of bools"],
)  # fmt: skip
def test_positions_and_masks(chosen: Any) -> None:
    assert UnlearningData.split(TRAIN, chosen).forget.indices == [2, 5]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (torch.tensor([1.7, 2.2]), r"expected whole numbers as positions, got 1\.7"),
        ([float("nan")], "expected whole numbers as positions, got nan"),
        ({2, 5}, "got set; ids and names are resolved by expunge.select_forget"),
        ("25", "got str"),
        (["a", "b"], "expected positions as a list or tensor of whole numbers"),
        ([True, False], "expected a mask of 10 booleans"),
        ([1, [2, 3]], "expected positions as a list or tensor of whole numbers"),
        ([True] * 10, "the forget set is the whole training set"),
        ([False] * 10, "the forget set is empty"),
        (None, "expected positions"),
    ],
)
def test_positions_that_are_none(chosen: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        UnlearningData.split(TRAIN, chosen)


def test_sets_that_show_the_same_samples_are_refused() -> None:
    gone = Subset(TRAIN, range(3))
    with pytest.raises(DataError, match="3 samples are in the forget set and in the retain set"):
        UnlearningData(gone, TRAIN)
    with pytest.raises(DataError, match="1 samples are in the retain set and in the test set"):
        UnlearningData(gone, Subset(TRAIN, range(3, 10)), test=Subset(TRAIN, [9]))
    nested = Subset(Subset(TRAIN, [9, 8, 7, 1]), [3])
    with pytest.raises(DataError, match="1 samples are in the forget set and in the validation"):
        UnlearningData(gone, Subset(TRAIN, range(3, 7)), nested)
    UnlearningData(gone, Subset(TRAIN, range(3, 10)))


@pytest.mark.parametrize("form", [None, "torch", "numpy", "arrow", "pandas"])
def test_hugging_face_sets_in_any_format(form: str | None) -> None:
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict(
        {"image": [image(n % 10) for n in range(12)], "label": [n % 2 for n in range(12)],
         "who": ["Anna", "Ben"] * 6},
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=2),
             "who": datasets.Value("string")}
        ),
    )  # fmt: skip
    data = UnlearningData.split(table.with_format(form), [1, 4, 7])
    inputs = fetch(data.forget, torch.arange(3))["image"]
    assert inputs.shape == (3, 3, 8, 8)
    assert inputs[1, 0, 0, 0].item() == pytest.approx(80 / 255)
    unlearn(copy.deepcopy(NET), data, FineTune(epochs=1, lr=0.01), task=TASK)
    transformed = table.with_transform(
        lambda batch: {"x": [torch.ones(4)] * len(batch["label"]), "label": batch["label"]}
    )
    data = UnlearningData.split(transformed, [1, 4, 7])
    unlearn(nn.Linear(4, 2), data, FineTune(epochs=1, lr=0.01), task=TASK)

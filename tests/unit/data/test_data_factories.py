"""Data sets from the user's own code."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from expunge.core import DataError, InputError
from expunge.core.data import fetch
from expunge.data import Augmentation, ImageSet, load_source, select_forget
from expunge.data.bundle import Bundle, RowSet, TargetSet, ids_of

Writer = Callable[[str, str], str]

IMAGES = """
import torch
from torch.utils.data import TensorDataset

def pixels(n, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, 8, 8), generator=g, dtype=torch.uint8)

def pair(n=20):
    return (TensorDataset(pixels(n).float() / 255, torch.arange(n) % 4),
            TensorDataset(pixels(6, 1).float() / 255, torch.arange(6) % 4))

def mapping():
    train, test = pair()
    return {"train": train, "validation": test, "test": test}

def alone():
    return {"train": pair(40)[0]}

def normalised(n=20):
    x = (pixels(n + 4).float() / 255 - 0.5) / 0.2
    return TensorDataset(x[:n], torch.arange(n) % 4), TensorDataset(x[n:], torch.arange(4))

def vectors(n=20):
    return {"train": TensorDataset(torch.randn(n, 5), torch.arange(n) % 3)}

def deep():
    return {"train": TensorDataset(torch.randn(20, 1, 2, 3, 4), torch.arange(20) % 3)}
"""


TARGETS = """
import torch
from torch.utils.data import TensorDataset

def make(kind):
    targets = {
        "classes": torch.arange(20) % 3,
        "numbers": torch.arange(20) / 20,
        "column": torch.arange(20)[:, None] / 20,
        "pairs": torch.arange(40).view(20, 2),
    }
    return {"train": TensorDataset(torch.randn(20, 5), targets[kind])}
"""


@pytest.mark.parametrize(
    ("kind", "outputs", "labelled"),
    [("classes", 3, True), ("numbers", 1, False), ("column", 1, False), ("pairs", 2, False)],
)
def test_the_first_target_tells_whether_there_are_classes(
    kind: str, outputs: int, labelled: bool, module: Writer
) -> None:
    module("own_targets", TARGETS)
    bundle = load_source("own_targets:make", arguments={"kind": kind}, labelled=None)
    assert bundle.num_classes == outputs
    assert isinstance(bundle.train, TargetSet) != labelled


def test_images_reach_the_model_as_they_did_before(module: Writer) -> None:
    module("own_images", IMAGES)
    bundle = load_source("own_images:pair", validation=0.25)
    assert (len(bundle.train), len(bundle.validation), len(bundle.test)) == (15, 5, 6)
    assert isinstance(bundle.train, ImageSet)
    assert bundle.train.augmentation == Augmentation.none()
    assert bundle.num_classes == 4
    assert bundle.image_shape == (3, 8, 8)
    import own_images  # type: ignore[import-not-found]

    row = int(bundle.train.ids[4].removeprefix("train/"))
    torch.testing.assert_close(bundle.train[4][0], own_images.pair()[0][row][0])
    assert bundle.test.ids == [f"test/{row}" for row in range(6)]


def test_images_obey_the_wishes(module: Writer) -> None:
    module("own_wishes", IMAGES)
    bundle = load_source(
        "own_wishes:pair", arguments={"n": 30}, image_size=16, augment=True,
        mean=(0.5,) * 3, std=(0.2,) * 3, limit=20,
    )  # fmt: skip
    assert bundle.image_shape == (3, 16, 16)
    assert bundle.train.augmentation == Augmentation(2, True)
    assert bundle.train.mean == (0.5, 0.5, 0.5)
    assert len(bundle.train) == 18
    plain = load_source("own_wishes:pair", augment=False)
    assert plain.train.augmentation == Augmentation.none()


def test_given_sets_keep_their_roles_and_missing_ones_are_carved(module: Writer) -> None:
    module("own_roles", IMAGES)
    bundle = load_source("own_roles:mapping")
    assert (len(bundle.train), len(bundle.validation), len(bundle.test)) == (20, 6, 6)
    bundle = load_source("own_roles:alone", test=0.5, validation=0)
    assert (len(bundle.train), bundle.validation, len(bundle.test)) == (20, None, 20)
    bundle = load_source("own_roles:pair", validation=0, validation_from_test=0.5)
    assert len(bundle.validation) == len(bundle.test) == 3
    assert bundle.validation.ids[0].startswith("test/")


def test_other_sets_stay_as_they_are_and_keep_their_positions(module: Writer) -> None:
    module("own_plain", IMAGES)
    bundle = load_source("own_plain:normalised")
    assert isinstance(bundle.train, RowSet)
    assert bundle.image_shape == (3, 8, 8)
    import own_plain  # type: ignore[import-not-found]

    source = own_plain.normalised()[0]
    chosen = select_forget(bundle, {"kind": "ids", "ids": [bundle.train.ids[3], "train/17"]})
    for position in chosen.tolist():
        row = int(bundle.train.ids[position].removeprefix("train/"))
        assert torch.equal(bundle.train[position][0], source[row][0])
    data = bundle.unlearning_data(chosen)
    assert data.sizes() == {"forget": 2, "retain": 16, "validation": 2, "test": 4}
    assert "train/17" in data.forget.ids
    inputs, labels = fetch(data.forget, torch.arange(2))
    assert torch.equal(labels, data.forget.labels)
    assert inputs.shape == (2, 3, 8, 8)
    assert bundle.fingerprint() == load_source("own_plain:normalised").fingerprint()


def test_vectors_have_a_shape_too(module: Writer) -> None:
    module("own_vectors", IMAGES)
    assert load_source("own_vectors:vectors").image_shape == (5, 1, 1)
    with pytest.raises(DataError, match="at most three dimensions"):
        load_source("own_vectors:deep")
    with pytest.raises(DataError, match="image_size, mean, std and augment do not apply"):
        load_source("own_vectors:vectors", image_size=4)


def test_image_sets_bundles_and_hugging_face_sets(module: Writer) -> None:
    pytest.importorskip("datasets")
    module(
        "own_ready",
        IMAGES
        + """
from datasets import Dataset, Features, Image, ClassLabel
from PIL import Image as Pil
from expunge.data import Augmentation, Bundle, ImageSet

def images():
    s = ImageSet(pixels(20), torch.arange(20) % 2, ids=[f"p{n}" for n in range(20)],
                 classes=["a", "b"], mean=(.5,)*3, std=(.5,)*3, augmentation=Augmentation(1))
    return {"train": s}

def bundle():
    s = images()["train"]
    return Bundle("mine", s, None, None, s.classes, 2, s.image_shape)

def hub():
    rows = {"image": [Pil.fromarray(p.permute(1, 2, 0).numpy()) for p in pixels(20)],
            "label": [n % 2 for n in range(20)]}
    return {"train": Dataset.from_dict(
        rows, features=Features({"image": Image(), "label": ClassLabel(names=["a", "b"])}))}
""",
    )
    bundle = load_source("own_ready:images")
    assert bundle.train.ids[0].startswith("p")
    assert bundle.train.mean == (0.5,) * 3
    assert bundle.train.augmentation == Augmentation(1)
    assert bundle.classes == ["a", "b"]
    assert load_source("own_ready:bundle").name == "mine"
    bundle = load_source("own_ready:hub")
    assert bundle.train.ids[0].startswith("train/")
    assert bundle.classes == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def make(): raise RuntimeError('no disk')", "failed with RuntimeError: no disk"),
        ("def make(x): return x", "cannot be called with the arguments {}: missing a required"),
        ("def mak(): pass", "has no 'make'; did you mean 'mak'?"),
        ("make = 3", "to be a function or class, got a value of type int"),
        ("1 / 0", "cannot import"),
        ("def make(): return 3", "expected the factory to return a Bundle, a pair"),
        ("def make(): return {'test': [1]}", "expected the factory to return a Bundle, a pair"),
        ("def make(): return {'train': [1], 'tset': [2]}", "got 'tset'; did you mean 'test'?"),
        ("def make(): return {'train': iter([1])}", "the train set to be a map-style data set"),
        ("def make(): return {'train': []}", "the train set of the factory is empty"),
        ("def make(): return {'train': [(1.5, 0.5)]}", "label of item 0 to be a whole number"),
        ("from expunge.core import DataError\ndef make(): raise DataError('mine')", "mine"),
        (
            "import torch\nfrom expunge import UnlearningData\n"
            "def make(): return UnlearningData([1], [2])",
            "divided already",
        ),
        (
            "import torch\ndef make(): return {'train': [(torch.full((1, 4, 4), torch.nan), 0)]}",
            "got nan in item 0",
        ),
    ],
)
def test_bad_factories(module: Writer, body: str, message: str, request: Any) -> None:
    name = f"own_bad_{abs(hash(body))}"
    module(name, body)
    with pytest.raises(InputError, match=re.escape(message)):
        load_source(f"{name}:make")


def test_unknown_modules_and_paths() -> None:
    with pytest.raises(
        InputError, match=r"cannot import 'no_such_module_anywhere'.*ModuleNotFoundError"
    ):
        load_source("no_such_module_anywhere:make")
    with pytest.raises(InputError, match=r"path does not apply to a\.b:c"):
        load_source("a.b:c", path="x")


def test_rows_of_rows() -> None:
    labels = torch.tensor([0, 1, 0, 1])
    rows = (
        RowSet(list("abcd"), labels, "train/")
        .subset(torch.tensor([3, 1]))
        .subset(torch.tensor([1]))
    )
    assert rows.ids == ["train/1"]
    assert rows[0] == "b"
    assert rows.labels.tolist() == [1]


def test_hand_made_bundles_of_plain_sets(tmp_path: Path) -> None:
    items: list[tuple[Tensor, int]] = [(torch.full((2,), n), n % 2) for n in range(6)]
    unseen = [(torch.full((2,), -1.0), n) for n in range(2)]
    bundle = Bundle("mine", items, None, unseen, None, 2, (2, 1, 1))
    assert ids_of(items) == [f"train/{n}" for n in range(6)]
    assert select_forget(bundle, {"kind": "ids", "ids": ["train/4"]}).tolist() == [4]
    with pytest.raises(DataError, match="4 could be a row of the training file or a key of your"):
        select_forget(bundle, {"kind": "ids", "ids": [4]})
    assert select_forget(bundle, {"kind": "classes", "classes": [1]}).tolist() == [1, 3, 5]
    assert bundle.unlearning_data(torch.tensor([4])).sizes()["retain"] == 5
    other = Bundle("mine", items[:5], None, unseen, None, 2, (2, 1, 1))
    assert bundle.fingerprint() != other.fingerprint()
    with pytest.raises(DataError, match=r"1 id is in the test set.*'test/1'"):
        select_forget(bundle, {"kind": "ids", "ids": ["test/1"]})


def test_the_search_path_is_left_as_it_was(module: Writer) -> None:
    import sys

    before = list(sys.path)
    module("own_path", IMAGES)
    load_source("own_path:pair")
    assert sys.path == before
    module("own_clean", IMAGES + "import sys\nsys.path.pop(0)\n")
    load_source("own_clean:pair", validation=0)
    assert sys.path == before

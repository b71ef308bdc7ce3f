"""The sources on the real files that EXPUNGE_DATA names."""

import os
import time
from pathlib import Path

import pytest
import torch

from expunge.data import Augmentation, load_source, select_forget

ROOT = os.environ.get("EXPUNGE_DATA")

pytestmark = pytest.mark.real


def folder(name: str) -> Path:
    """The folder of a data set; skips the test if it is not there."""
    if not ROOT:
        pytest.skip("EXPUNGE_DATA is not set, so there are no real data")
    path = Path(ROOT) / name
    if not path.is_dir():
        pytest.skip(f"there is no {name} in EXPUNGE_DATA")
    return path


def test_cifar10_whole_and_fast() -> None:
    folder("cifar10")
    start = time.process_time()
    bundle = load_source("cifar10")
    seconds = time.process_time() - start
    assert (len(bundle.train), len(bundle.validation), len(bundle.test)) == (45000, 5000, 10000)
    assert bundle.image_shape == (3, 32, 32)
    assert bundle.classes is not None
    assert bundle.classes[0] == "airplane"
    assert torch.bincount(bundle.test.labels).tolist() == [1000] * 10
    everything = torch.bincount(torch.cat([bundle.train.labels, bundle.validation.labels]))
    assert everything.tolist() == [5000] * 10
    mean, std = bundle.train.channel_statistics()
    assert mean == pytest.approx(bundle.train.mean, abs=2e-3)
    assert std == pytest.approx(bundle.train.std, abs=2e-3)
    # The first test image is the cat of the original file, in its original order.
    assert bundle.test.ids[0] == "test/0"
    assert int(bundle.test.labels[0]) == 3
    assert bundle.test.images[0, :, 0, 0].tolist() == [158, 112, 49]
    assert seconds < 30  # about 5 s on an idle core


def test_cifar10_batches_are_fast_enough_to_train_from() -> None:
    folder("cifar10")
    train = load_source("cifar10", limit=2000).train
    indices, generator = torch.arange(512), torch.Generator().manual_seed(0)
    train.batch(indices, generator)
    rates = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(4):
            train.batch(indices, generator)
        rates.append(4 * 512 / (time.process_time() - start))
    assert max(rates) > 20_000  # images a second


def test_cifar10_limit_is_a_part_of_the_whole() -> None:
    folder("cifar10")
    bundle = load_source("cifar10", limit=1000)
    assert (len(bundle.train), len(bundle.validation), len(bundle.test)) == (900, 100, 1000)
    again = load_source("cifar10", limit=1000)
    assert again.fingerprint() == bundle.fingerprint()


def test_faces_are_forgotten_by_person() -> None:
    folder("faces")
    bundle = load_source("faces", image_size=32)
    assert bundle.num_classes == 249
    assert bundle.image_shape == (3, 32, 32)
    who = bundle.train.columns["celeba_identity"][0]
    chosen = select_forget(bundle, {"kind": "groups", "column": "celeba_identity", "values": [who]})
    labels = bundle.train.labels[chosen].unique()
    assert len(labels) == 1
    assert bundle.classes is not None
    assert bundle.classes[int(labels)] == str(who)
    by_name = select_forget(bundle, {"kind": "classes", "classes": [str(who)]})
    assert torch.equal(by_name, chosen)


def test_a_tenth_of_the_people_is_forgotten_by_label_and_by_column() -> None:
    folder("faces")
    bundle = load_source("faces", image_size=64, validation=0.0)
    assert (len(bundle.train), bundle.image_shape) == (4659, (3, 64, 64))
    how = {"fraction": 0.1, "seed": 0}
    by_label = select_forget(bundle, {"kind": "classes", **how})
    assert len(bundle.train.labels[by_label].unique()) == 25
    by_column = select_forget(bundle, {"kind": "groups", "column": "celeba_identity", **how})
    people = bundle.train.columns["celeba_identity"]
    chosen = {people[place] for place in by_column.tolist()}
    assert len(chosen) == 25
    assert by_column.tolist() == [at for at, who in enumerate(people) if who in chosen]
    # A person is a class here, so that either way whole people go and nobody is cut in two.
    assert len(bundle.train.labels[by_column].unique()) == 25
    data = bundle.unlearning_data(by_column)
    assert not set(data.forget.columns["celeba_identity"]) & set(
        data.retain.columns["celeba_identity"]
    )


def test_svhn_by_path_and_imagenette_by_folder() -> None:
    bundle = load_source("svhn", path=str(folder("svhn_first1083")))
    assert len(bundle.train) + len(bundle.validation) + len(bundle.test) == 1083
    assert not bundle.train.augmentation.flip
    bundle = load_source(f"hf:{folder('imagenette64')}", limit=300)
    assert bundle.name == "imagenette64"
    assert bundle.classes is not None
    assert bundle.classes[0] == "tench"
    assert bundle.train.augmentation == Augmentation(8, True)
    assert bundle.test.ids[0].startswith("validation/")

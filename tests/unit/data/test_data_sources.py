"""Named sources, splits that no seed can move, and data that are not there."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import encoded, random_pixels, write_table

from expunge.core import DataError, InputError
from expunge.data import SOURCES, Augmentation, Bundle, ImageSet, load_source
from expunge.data.sources.hub import collect_hub


def sizes(bundle: Bundle) -> tuple[int, int, int]:
    return len(bundle.train), len(bundle.validation or ()), len(bundle.test or ())


def test_digits_need_nothing(no_data: None) -> None:
    from sklearn.datasets import load_digits

    bundle = load_source("digits")
    assert sizes(bundle) == (1132, 126, 539)
    assert bundle.image_shape == (1, 8, 8)
    assert bundle.num_classes == 10
    assert bundle.classes == list("0123456789")
    assert bundle.train.augmentation == Augmentation.none()
    assert int(bundle.train.images.max()) == 255
    counts = torch.bincount(bundle.test.labels)
    assert int(counts.max()) - int(counts.min()) <= 3
    everything = torch.cat([s.images for s in (bundle.train, bundle.validation, bundle.test)])
    expected = np.rint(load_digits().images * (255 / 16)).sum()
    assert float(everything.sum()) == expected
    assert bundle.test.ids == [f"test/{row}" for row in range(539)]
    names = [*bundle.train.ids, *bundle.validation.ids]
    assert sorted(names) == sorted(f"train/{row}" for row in range(1258))


def test_digits_obey_the_arguments(no_data: None) -> None:
    bundle = load_source("digits", test=0.5, image_size=16, augment=True, validation=0)
    assert bundle.image_shape == (1, 16, 16)
    assert bundle.validation is None
    assert abs(len(bundle.test) - 898) <= 5
    assert bundle.train.augmentation == Augmentation(2, False)
    assert load_source("digits", augment=True).train.augmentation == Augmentation(1, False)
    with pytest.raises(InputError, match="path does not apply to digits"):
        load_source("digits", path=".")


def test_known_files_are_found_by_the_environment(cifar_root: Path) -> None:
    bundle = load_source("cifar10")
    assert sizes(bundle) == (36, 4, 10)
    assert bundle.classes[3] == "cat"
    assert bundle.train.mean == SOURCES["cifar10"].mean
    # Shifts are a share of the side, so they grow and shrink with the images.
    assert load_source("cifar10", image_size=32).train.augmentation == Augmentation(4, True)
    assert load_source("cifar10", image_size=16).train.augmentation == Augmentation(2, True)
    row = int(bundle.train.ids[5].removeprefix("train/"))
    assert np.array_equal(np.asarray(bundle.train.picture(5)), random_pixels(50)[row])
    assert bundle.test.ids[3] == "test/3"
    assert {*bundle.train.ids, *bundle.validation.ids} == {f"train/{row}" for row in range(40)}


def test_path_goes_before_the_environment(cifar_root: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "mine" / "train.parquet", random_pixels(20), [n % 10 for n in range(20)])
    bundle = load_source("cifar10", path=str(tmp_path / "mine"), test=0.5, validation=0)
    assert sizes(bundle) == (10, 0, 10)
    assert bundle.test.ids[0].startswith("train/")
    with pytest.raises(DataError, match="expected Parquet files such as train-00000"):
        load_source("cifar10", path=str(tmp_path))


def test_cifar100_takes_the_fine_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [row // 2 for row in range(20)]
    write_table(
        tmp_path / "cifar100" / "train-0.parquet", random_pixels(20), labels,
        label="fine_label", names=[f"c{n}" for n in range(100)],
        coarse_label=[n // 5 for n in labels],
    )  # fmt: skip
    monkeypatch.setenv("EXPUNGE_DATA", str(tmp_path))
    bundle = load_source("cifar100", validation=0)
    assert bundle.num_classes == 100
    assert set(bundle.train.columns) == {"coarse_label"}


def test_limits_and_shares_are_nested(cifar_root: Path) -> None:
    whole, part = load_source("cifar10"), load_source("cifar10", limit=20)
    assert sizes(part) == (18, 2, 10)
    assert set(part.train.ids) < set(whole.train.ids)
    assert set(part.validation.ids) < set(whole.validation.ids)
    tiny = load_source("cifar10", limit=5, validation=0)
    assert sizes(tiny) == (5, 0, 5)
    larger = load_source("cifar10", validation=0.3)
    assert set(whole.validation.ids) < set(larger.validation.ids)
    assert whole.train.ids == sorted(whole.train.ids, key=lambda name: int(name[6:]))


def test_splits_ignore_every_seed(cifar_root: Path) -> None:
    torch.manual_seed(1)
    first = load_source("cifar10")
    torch.manual_seed(2)
    assert load_source("cifar10").validation.ids == first.validation.ids
    # Pinned: another hash would hand samples that published models trained on to methods.
    assert first.validation.ids == ["train/2", "train/12", "train/20", "train/36"]


def test_validation_from_the_test_file(cifar_root: Path) -> None:
    bundle = load_source("cifar10", validation=0, validation_from_test=0.4)
    assert sizes(bundle) == (40, 4, 6)
    assert {*bundle.validation.ids, *bundle.test.ids} == {f"test/{row}" for row in range(10)}
    assert bundle.fingerprint() != load_source("cifar10", validation=0).fingerprint()


def test_validation_from_a_carved_test_set(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", random_pixels(40), [n % 4 for n in range(40)])
    bundle = load_source(f"hf:{tmp_path}", validation=0, validation_from_test=0.5)
    assert sizes(bundle) == (32, 4, 4)
    together = [*bundle.train.ids, *bundle.validation.ids, *bundle.test.ids]
    assert sorted(together) == sorted(f"train/{row}" for row in range(40))


def test_a_validation_file_is_used_as_it_is(tmp_path: Path) -> None:
    for name, count in (("train", 10), ("validation", 4), ("test", 3)):
        write_table(tmp_path / f"{name}.parquet", random_pixels(count), [0, 1, *[0] * (count - 2)])
    bundle = load_source(f"hf:{tmp_path}")
    assert sizes(bundle) == (10, 4, 3)
    assert bundle.validation.ids == [f"validation/{row}" for row in range(4)]
    (tmp_path / "test.parquet").unlink()
    bundle = load_source(f"hf:{tmp_path}")
    assert sizes(bundle) == (9, 1, 4)
    assert bundle.test.ids[0] == "validation/0"


def test_saved_data_sets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}
    )

    def make(count: int) -> Any:
        rows = {
            "image": [{"bytes": encoded(one), "path": None} for one in random_pixels(count)],
            "label": [n % 2 for n in range(count)],
        }
        return datasets.Dataset.from_dict(rows, features=features)

    datasets.DatasetDict({"train": make(10), "test": make(4)}).save_to_disk(tmp_path / "both")
    bundle = load_source(f"hf:{tmp_path / 'both'}")
    assert sizes(bundle) == (9, 1, 4)
    assert bundle.classes == ["a", "b"]
    make(10).save_to_disk(tmp_path / "one")
    assert sizes(load_source(f"hf:{tmp_path / 'one'}")) == (7, 1, 2)
    datasets.DatasetDict({"test": make(4)}).save_to_disk(tmp_path / "odd")
    with pytest.raises(DataError, match=r"a split called train in odd, found \['test'\]"):
        load_source(f"hf:{tmp_path / 'odd'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds neither Parquet files"):
        load_source(f"hf:{tmp_path / 'empty'}")


def test_the_datasets_library_reads_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for name, count in (("train", 10), ("test", 4)):
        write_table(
            tmp_path / "hub" / f"{name}.parquet", random_pixels(count), [0, 1] * (count // 2)
        )
    found = collect_hub(str(tmp_path / "hub"), "mine", {}, ["a", "b"])
    assert (len(found.train), len(found.test or ())) == (10, 4)
    assert found.train.classes == ["a", "b"]
    images = ImageSet(**found.train.decoded(torch.tensor([7]), augmentation=Augmentation.none()))
    assert np.array_equal(np.asarray(images.picture(0)), random_pixels(10)[7])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "cifar"}, "did you mean 'cifar10'"),
        ({"source": "hf:"}, "expected hf:user/name"),
        ({"source": "hf:./nowhere"}, "expected a folder at nowhere, found none"),
        ({"source": "hf:user/name"}, "nothing is downloaded unasked: set EXPUNGE_DOWNLOAD=1"),
        ({"source": "hf:user/name", "path": "x"}, "path does not apply to hf:user/name"),
        ({"source": "cifar10"}, "$EXPUNGE_DATA/cifar10/ as train-*.parquet and test-*.parquet"),
        ({"source": "cifar10"}, "or set EXPUNGE_DOWNLOAD=1 to download uoft-cs/cifar10"),
        ({"source": "faces"}, "the data set faces is not here (EXPUNGE_DATA is not set)"),
        ({"source": "digits", "arguments": {"downlod": True}}, "did you mean 'download'"),
        ({"source": "cifar10", "arguments": {"download": 1}}, "download to be true or false"),
        ({"validation": 1.0}, "validation: expected less than 1, got 1.0"),
        ({"validation": -0.1}, "validation: expected greater than or equal to 0, got -0.1"),
        ({"test": 0.0}, "test: expected greater than 0, got 0.0"),
        ({"validation_from_test": 0.5}, "validation samples come either from the training set"),
        ({"validation_from_test": 1.5, "validation": 0}, "validation_from_test: expected less"),
        ({"limit": 1}, "limit: expected greater than or equal to 2, got 1"),
        ({"limit": 10.5}, "got 10.5"),
        ({"mean": (0.5,)}, "expected mean and std together"),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3}, "expected mean to hold 1 finite numbers"),
        ({"image_size": -1}, "image_size: expected greater than or equal to 1"),
        ({"limit": 2, "validation": 0.9}, "too few for these shares: 0 left to train"),
    ],
)  # fmt: skip
def test_bad_arguments(no_data: None, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        load_source(**({"source": "digits"} | arguments))


def test_missing_data_say_where_was_looked(cifar_root: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"(looked in {cifar_root / 'svhn'})")):
        load_source("svhn")
    with pytest.raises(DataError, match="cifar10 has a test set of its own; leave it out"):
        load_source("cifar10", test=0.2)


def test_a_download_that_fails_is_explained(
    no_data: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("EXPUNGE_DOWNLOAD", "1")
    monkeypatch.chdir(tmp_path)
    for source in ("svhn", "hf:nobody/nothing-here"):
        with pytest.raises(DataError, match="cannot be downloaded from the Hugging Face hub"):
            load_source(source)
    with pytest.raises(DataError, match="the data set faces is not here"):
        load_source("faces")  # is on no hub


def test_labels_must_fit_the_classes(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", random_pixels(6), [0, 1, 2, 0, 1, 2])
    write_table(tmp_path / "test.parquet", random_pixels(3), [0, -1, 1])
    with pytest.raises(DataError, match=r"expected labels >= 0 in .*, got -1"):
        load_source(f"hf:{tmp_path}")
    write_table(tmp_path / "test.parquet", random_pixels(3), [0, 3, 1])
    with pytest.raises(DataError, match=r"found 3 in another: a class without training samples"):
        load_source(f"hf:{tmp_path}")
    write_table(tmp_path / "train.parquet", random_pixels(6), [0, 1] * 3, names=["a", "b"])
    with pytest.raises(DataError, match=r"between 0 and 1, as there are 2 names .* got 3"):
        load_source(f"hf:{tmp_path}")


def test_without_the_datasets_library(
    no_data: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    write_table(tmp_path / "train.parquet", random_pixels(10), [0, 1] * 5)
    assert load_source(f"hf:{tmp_path}").num_classes == 2  # Parquet does not need it
    with pytest.raises(DataError, match=re.escape("pip install 'expunge[data]'")):
        load_source("hf:user/name", arguments={"download": True})


def test_a_class_with_one_sample_stays_in_training(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", random_pixels(9), [0] * 4 + [1] * 4 + [2])
    bundle = load_source(f"hf:{tmp_path}", validation=0, test=0.1)
    assert torch.bincount(bundle.train.labels).tolist() == [3, 3, 1]
    assert torch.bincount(bundle.test.labels).tolist() == [1, 1]

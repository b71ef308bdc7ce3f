"""Folders of images: layouts, ids, and a bad file named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import random_pixels, write_folder

from expunge.core import DataError, InputError
from expunge.data import Augmentation, load_source

PIXELS = random_pixels(40)


def layout(root: Path, parts: dict[str, int], classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """``parts`` maps a sub-folder to its images per class."""
    files, place = {}, 0
    for part, count in parts.items():
        for word in classes:
            for number in range(count):
                files[f"{part}/{word}/{number}.png".lstrip("/")] = PIXELS[place % 40]
                place += 1
    return write_folder(root, files)


def test_train_and_test(tmp_path: Path) -> None:
    root = layout(tmp_path, {"train": 10, "test": 2})
    (root / "train" / "cat" / "notes.txt").write_text("no image")
    (root / "train" / "cat" / ".hidden.png").write_text("no image")
    (root / "train" / ".cache").mkdir()
    bundle = load_source("imagefolder", path=str(root))
    assert bundle.classes == ["cat", "dog"]
    assert (len(bundle.train), len(bundle.validation), len(bundle.test)) == (18, 2, 4)
    assert bundle.test.ids == [
        "test/cat/0.png",
        "test/cat/1.png",
        "test/dog/0.png",
        "test/dog/1.png",
    ]
    assert bundle.test.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(np.asarray(bundle.test.picture(0)), PIXELS[20])
    names = {*bundle.train.ids, *bundle.validation.ids}
    assert names == {f"train/{word}/{n}.png" for word in ("cat", "dog") for n in range(10)}


@pytest.mark.parametrize("word", ["val", "valid", "validation"])
def test_a_lone_validation_folder_is_the_test_set(tmp_path: Path, word: str) -> None:
    bundle = load_source("imagefolder", path=str(layout(tmp_path, {"train": 10, word: 1})))
    assert bundle.test.ids == [f"{word}/cat/0.png", f"{word}/dog/0.png"]
    assert len(bundle.validation) == 2


def test_three_folders_keep_their_roles(tmp_path: Path) -> None:
    root = layout(tmp_path, {"train": 5, "val": 2, "test": 1})
    bundle = load_source("imagefolder", path=str(root))
    assert (len(bundle.train), len(bundle.validation), len(bundle.test)) == (10, 4, 2)
    assert bundle.validation.ids[0] == "val/cat/0.png"


def test_classes_alone_are_split_evenly_and_always_alike(tmp_path: Path) -> None:
    root = layout(tmp_path, {"": 10})
    bundle = load_source("imagefolder", path=str(root))
    assert torch.bincount(bundle.test.labels).tolist() == [2, 2]
    assert bundle.train.ids[0].startswith("cat/")
    assert load_source("imagefolder", path=str(root), test=0.5).test.ids != bundle.test.ids
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    root.rename(moved)
    again = load_source("imagefolder", path=str(moved))
    assert again.test.ids == bundle.test.ids
    assert again.validation.ids == bundle.validation.ids
    assert again.fingerprint() == bundle.fingerprint()


def test_removing_a_file_moves_no_other_between_train_and_validation(tmp_path: Path) -> None:
    root = layout(tmp_path, {"train": 20, "test": 1})
    before = load_source("imagefolder", path=str(root))
    (root / before.train.ids[3]).unlink()
    after = load_source("imagefolder", path=str(root))
    assert set(after.validation.ids) <= set(before.validation.ids)


def test_bad_files_are_named(tmp_path: Path) -> None:
    root = layout(tmp_path, {"train": 3, "test": 1})
    (root / "train" / "dog" / "1.png").write_bytes(b"\x89PNG rubbish")
    with pytest.raises(DataError, match=r"train/dog/1\.png' cannot be read"):
        load_source("imagefolder", path=str(root), validation=0)
    write_folder(root, {"train/dog/1.png": random_pixels(1, (8, 9, 3))[0]})
    with pytest.raises(DataError, match=r"train/dog/1\.png' is 8x9 .* set image_size = 6"):
        load_source("imagefolder", path=str(root), validation=0)
    bundle = load_source("imagefolder", path=str(root), validation=0, image_size=4)
    assert bundle.image_shape == (3, 4, 4)
    assert bundle.validation is None


def test_sizes_and_channels_of_train_and_test_must_agree(tmp_path: Path) -> None:
    root = layout(tmp_path, {"train": 5})
    write_folder(root, {"test/cat/0.png": random_pixels(1, (9, 9, 3))[0]})
    with pytest.raises(DataError, match=r"expected test images .*\(6, 6\), found \(9, 9\)"):
        load_source("imagefolder", path=str(root))
    write_folder(root, {"test/cat/0.png": random_pixels(1, (6, 6))[0]})
    bundle = load_source("imagefolder", path=str(root))
    assert bundle.test.image_shape == bundle.train.image_shape == (3, 6, 6)


def test_bad_layouts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="imagefolder needs path"):
        load_source("imagefolder")
    with pytest.raises(DataError, match=r"expected data\.path to be a folder"):
        load_source("imagefolder", path=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="expected one folder per class"):
        load_source("imagefolder", path=str(tmp_path))
    root = layout(tmp_path, {"train": 3, "test": 1})
    (root / "train" / "emu").mkdir()
    with pytest.raises(DataError, match=r"train/emu, found none; add some or remove"):
        load_source("imagefolder", path=str(root))
    (root / "train" / "emu").rename(root / "test" / "dig")
    with pytest.raises(DataError, match=r"dig is not one of .*did you mean 'dog'"):
        load_source("imagefolder", path=str(root))


def test_augmentation_and_normalisation_suit_the_images(tmp_path: Path) -> None:
    pixels = random_pixels(12, (16, 16, 3))
    root = write_folder(tmp_path, {f"{'ab'[n % 2]}/{n}.png": one for n, one in enumerate(pixels)})
    bundle = load_source("imagefolder", path=str(root))
    assert bundle.train.augmentation == Augmentation(2, True)
    assert (bundle.train.mean, bundle.train.std) == bundle.train.channel_statistics()
    assert bundle.test.mean == bundle.train.mean
    assert load_source("imagefolder", path=str(root), augment=False).train.augmentation == (
        Augmentation.none()
    )
    given = load_source("imagefolder", path=str(root), mean=(0.1, 0.2, 0.3), std=(1, 1, 1))
    assert given.test.mean == (0.1, 0.2, 0.3)
    grey = write_folder(
        tmp_path / "g", {f"{n % 2}/{n}.png": one[:, :, 0] for n, one in enumerate(pixels)}
    )
    assert load_source("imagefolder", path=str(grey)).train.augmentation == Augmentation(2, False)

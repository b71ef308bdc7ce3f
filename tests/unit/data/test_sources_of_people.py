"""Folders and tables as people have them: read as meant, or refused with the remedy."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_files import encoded, random_pixels, write_folder, write_table
from PIL import Image

from expunge.core import DataError, InputError
from expunge.data import load_source

PIXELS = random_pixels(24)


def folder(root: Path, names: list[str]) -> Path:
    return write_folder(root, dict(zip(names, PIXELS, strict=False)))


def images(part: str, count: int = 4) -> list[str]:
    return [f"{part}/{word}/{n}.png" for word in ("cat", "dog") for n in range(count)]


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("TRAIN", "VAL"), ("training", "Testing")]
)
def test_names_of_splits_in_any_case(tmp_path: Path, train: str, test: str) -> None:
    root = folder(tmp_path, images(train) + images(test, 2))
    bundle = load_source("imagefolder", path=str(root), validation=0)
    assert bundle.classes == ["cat", "dog"]
    assert (len(bundle.train), len(bundle.test)) == (8, 4)
    assert bundle.train.ids[0] == f"{train}/cat/0.png"


def test_two_folders_for_one_set_and_none_to_train_on(tmp_path: Path) -> None:
    root = folder(tmp_path / "a", images("train") + images("Train") + images("test", 2))
    with pytest.raises(DataError, match="could both be the train set; rename one"):
        load_source("imagefolder", path=str(root))
    root = folder(tmp_path / "b", images("test", 2) + images("val", 2))
    with pytest.raises(DataError, match="expected a folder train beside test"):
        load_source("imagefolder", path=str(root))


def test_what_archivers_leave_is_passed_over_and_the_rest_named(tmp_path: Path) -> None:
    root = folder(tmp_path, images("train") + images("test", 2))
    for name in ("__MACOSX/train/cat/._0.png", "train/__MACOSX/x.png", "train/cat/._1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"no image")
    (root / "README.md").write_text("about")
    (root / "train" / "labels.csv").write_text("x")
    (root / "train" / "cat" / "notes.txt").write_text("x")
    bundle = load_source("imagefolder", path=str(root), validation=0)
    assert (bundle.classes, len(bundle.train)) == (["cat", "dog"], 8)
    told = " ".join(bundle.notes)
    assert re.findall(r"not used: 1 file or folder in \S+ \((\S+)\)", told) == [
        "README.md", "labels.csv", str(root / "train" / "cat" / "notes.txt"),
    ]  # fmt: skip


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    root = folder(tmp_path, images("train") + images("test", 2))
    try:
        with open(os.fsencode(root) + b"/train/cat/\xff.png", "wb") as file:  # noqa: PTH123
            file.write(encoded(PIXELS[0]))
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(DataError, match="is not UTF-8; rename that file"):
        load_source("imagefolder", path=str(root))


def test_pictures_that_claim_gigabytes(tmp_path: Path) -> None:
    root = folder(tmp_path, images("train") + images("test", 2))
    Image.new("1", (13_000, 13_000)).save(root / "train" / "cat" / "0.png")
    # Pillow warns by itself, which tests take for an error, and goes on elsewhere.
    message = (
        r"0\.png' cannot be read \((it has 13000 x 13000 pixels, more than 89,478,485\)|Image)"
    )
    with pytest.raises(DataError, match=message):
        load_source("imagefolder", path=str(root), image_size=8)


@pytest.mark.parametrize(
    "there",
    [
        ["train-00001-of-00002"],
        ["train-00000-of-00002"],
        ["train-00000-of-00003", "train-00002-of-00003"],
    ],
)
def test_parts_of_a_set_are_not_taken_for_it(tmp_path: Path, there: list[str]) -> None:
    for name in there:
        write_table(tmp_path / f"{name}.parquet", PIXELS[:8], [0, 1] * 4)
    write_table(tmp_path / "test-00000-of-00001.parquet", PIXELS[8:12], [0, 1] * 2)
    with pytest.raises(
        DataError, match=r"holds \d of the \d files of 'train': number \d+ is missing"
    ):
        load_source(f"hf:{tmp_path}")


def test_two_divisions_of_one_set(tmp_path: Path) -> None:
    write_table(tmp_path / "train-00000-of-00001.parquet", PIXELS[:8], [0, 1] * 4)
    for number in range(2):
        write_table(tmp_path / f"train-0000{number}-of-00002.parquet", PIXELS[:8], [0, 1] * 4)
    with pytest.raises(DataError, match="files of two divisions of one set"):
        load_source(f"hf:{tmp_path}")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 2, 3, 1, 2, 3, 1, 2], "expected labels 0 to 2 in .*found 1 to 3 and none of class 0"),
        ([0, 1, 2, 3, 0, 1, 2, 10**6], "expected labels 0 to 4 .*found 0 to 1000000 and none of"),
        ([0, 1, 0, 1, 0, 1, 0, 2**40], r"has the label 1099511627776 in column 'label'"),
    ],
)
def test_numbers_that_are_no_classes(tmp_path: Path, labels: list[int], message: str) -> None:
    write_table(tmp_path / "train.parquet", PIXELS[:8], labels)
    with pytest.raises(DataError, match=message):
        load_source(f"hf:{tmp_path}")


def test_unsigned_labels_that_no_tensor_holds(tmp_path: Path) -> None:
    labels = pa.array([0, 1] * 3 + [0, 2**64 - 1], pa.uint64())
    write_table(tmp_path / "train.parquet", PIXELS[:8], labels)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="has the label 18446744073709551615"):
        load_source(f"hf:{tmp_path}")


def test_texts_are_names_whatever_they_look_like(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", PIXELS[:9], ["1", "2", "3"] * 3)
    write_table(tmp_path / "test.parquet", PIXELS[9:12], ["1", "2", "3"])
    bundle = load_source(f"hf:{tmp_path}", validation=0)
    assert (bundle.classes, bundle.num_classes) == (["1", "2", "3"], 3)


@pytest.mark.parametrize("names", [5, {"a": 1}, [1, 2], None])
def test_names_of_classes_that_are_none(tmp_path: Path, names: object) -> None:
    path = write_table(tmp_path / "train.parquet", PIXELS[:8], [0, 1] * 4)
    features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pq.read_table(path).replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, path)
    assert load_source(f"hf:{tmp_path}").classes is None


def test_paths_of_images_count_from_the_table(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "set" / "images").mkdir(parents=True)
    cells = []
    for number in range(8):
        name = f"images/{number}.png"
        (tmp_path / "set" / name).write_bytes(encoded(PIXELS[number]))
        cells.append({"bytes": None, "path": name})
    write_table(tmp_path / "set" / "train.parquet", cells, [0, 1] * 4)
    write_table(tmp_path / "set" / "test.parquet", PIXELS[8:10], [0, 1])
    monkeypatch.chdir(tmp_path)
    bundle = load_source(f"hf:{tmp_path}/set", validation=0)
    assert np.array_equal(np.asarray(bundle.train.picture(3)), PIXELS[3])


def test_pixels_have_a_limit_too() -> None:
    with pytest.raises(InputError, match="image_size: expected less than or equal to 8192"):
        load_source("digits", image_size=100_000)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train_set", "test_set"),
        ("Train Data", "Val Data"),
        ("1-train", "2-test"),
        ("trainset", "dev"),
    ],
)
def test_sets_are_not_taken_for_classes(tmp_path: Path, train: str, test: str) -> None:
    root = folder(tmp_path, images(train, 2) + images(test, 2))
    with pytest.raises(DataError, match="look like two sets, not like classes; call them train"):
        load_source("imagefolder", path=str(root))


def test_classes_may_have_such_a_word_in_their_name(tmp_path: Path) -> None:
    names = [f"{word}/{n}.png" for word in ("train station", "test tube") for n in range(4)]
    bundle = load_source("imagefolder", path=str(folder(tmp_path, names)), test=0.25)
    assert bundle.classes == ["test tube", "train station"]


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, [f"train/cat/{n}.png" for n in range(4)])
    with pytest.raises(DataError, match=r"two or more classes in .*train, found 'cat' alone"):
        load_source("imagefolder", path=str(root))


def test_links_to_nowhere_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path, images("train") + images("test", 2))
    (root / "train" / "cat" / "9.png").symlink_to(".git/annex/objects/9.png")
    with pytest.raises(DataError, match=r"9.png is a link to .git/annex/.* is not there; fetch it"):
        load_source("imagefolder", path=str(root))


def test_labels_as_pandas_writes_categories(tmp_path: Path) -> None:
    words = ["dog", "cat"] * 12
    column = pa.array(words).dictionary_encode()
    table = pa.table(
        {"image": [{"bytes": encoded(one), "path": None} for one in PIXELS], "label": column}
    )
    (tmp_path / "d").mkdir()
    pq.write_table(table, tmp_path / "d" / "train.parquet")
    bundle = load_source(f"hf:{tmp_path / 'd'}", validation=0, test=0.25)
    assert bundle.classes == ["cat", "dog"]
    rows = [int(name.split("/")[1]) for name in bundle.train.ids]
    assert bundle.train.labels.tolist() == [1 - row % 2 for row in rows]


def test_images_beyond_the_memory_of_the_machine_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the images need [\d,.]+ GiB of memory, of which this"):
        load_source("digits", image_size=8192, limit=1000)

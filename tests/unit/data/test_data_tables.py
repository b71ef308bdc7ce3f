"""Parquet files and Hugging Face data sets: columns, class names, rows as ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from data_files import encoded, random_pixels, write_table

from expunge.core import DataError
from expunge.data import Augmentation, ImageSet
from expunge.data.sources.shards import find_parquet
from expunge.data.sources.tables import raw_from_hf, raw_from_parquet

PIXELS = random_pixels(7)
NONE = Augmentation.none()


def test_rows_of_several_files_and_only_the_wanted_ones(tmp_path: Path) -> None:
    files = [
        write_table(tmp_path / "a.parquet", PIXELS[:3], [0, 1, 2], who=["x", "y", "z"]),
        write_table(
            tmp_path / "b.parquet", [*PIXELS[3:6], b"bad"[:0]][:3], [0, 1, 2], who=list("uvw")
        ),
    ]
    raw = raw_from_parquet(files, "train/")
    assert raw.ids == [f"train/{row}" for row in range(6)]
    images = ImageSet(**raw.decoded(torch.tensor([1, 4, 5]), augmentation=NONE))
    assert np.array_equal(images.images.permute(0, 2, 3, 1).numpy(), PIXELS[[1, 4, 5]])
    assert images.ids == ["train/1", "train/4", "train/5"]
    assert images.columns == {"who": ["y", "v", "w"]}
    assert images.labels.tolist() == [1, 1, 2]


def test_a_corrupt_row_that_is_not_wanted_does_no_harm(tmp_path: Path) -> None:
    cells = [PIXELS[0], {"bytes": b"rubbish", "path": None}, {"bytes": None, "path": "gone.png"}]
    raw = raw_from_parquet([write_table(tmp_path / "a.parquet", cells, [0, 0, 0])], "train/")
    assert len(ImageSet(**raw.decoded(torch.tensor([0]), augmentation=NONE))) == 1
    with pytest.raises(DataError, match="'train/1' cannot be read"):
        ImageSet(**raw.decoded(torch.tensor([0, 1])))
    with pytest.raises(DataError, match=r"'train/2' cannot be read .*gone\.png"):
        ImageSet(**raw.decoded(torch.tensor([0, 2])))


def test_class_names_from_metadata_or_from_texts(tmp_path: Path) -> None:
    file = write_table(tmp_path / "a.parquet", PIXELS[:2], [1, 0], names=["cat", "dog"])
    assert raw_from_parquet([file], "train/").classes == ["cat", "dog"]
    file = write_table(tmp_path / "b.parquet", PIXELS[:3], ["owl", "bee", "owl"])
    raw = raw_from_parquet([file], "train/")
    assert raw.classes == ["bee", "owl"]
    assert raw.labels.tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="'test/1' has the label 'bee', which is none of"):
        raw_from_parquet([file], "test/", classes=["owl"])
    file = write_table(tmp_path / "c.parquet", PIXELS[:2], [True, False])
    assert raw_from_parquet([file], "train/").labels.tolist() == [1, 0]


@pytest.mark.parametrize("text", [b"{}", b"no json", b'{"info": {"features": 3}}'])
def test_strange_metadata_only_costs_the_names(tmp_path: Path, text: bytes) -> None:
    file = write_table(tmp_path / "a.parquet", PIXELS[:1], [0])
    table = pq.read_table(file).replace_schema_metadata({b"huggingface": text})
    pq.write_table(table, file)
    assert raw_from_parquet([file], "train/").classes is None


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (["a", "b", "a"], "the column 'id' gives no ids: row 3 holds 'a' once more"),
        (["a", None, "b"], "the column 'id' gives no ids: row 2 is empty"),
    ],
)
def test_a_column_of_ids_that_repeats_is_told(tmp_path: Path, ids: list[Any], told: str) -> None:
    file = write_table(tmp_path / "a.parquet", PIXELS[:3], [0, 1, 2], id=ids)
    raw = raw_from_parquet([file], "train/")
    assert (raw.ids, raw.made_up_ids) == (["train/0", "train/1", "train/2"], True)
    assert raw.notes == (told,)


def test_columns_can_be_named(tmp_path: Path) -> None:
    file = write_table(
        tmp_path / "a.parquet", PIXELS[:2], [0, 1], image="left", label="kind",
        right=[encoded(one) for one in PIXELS[2:4]],
    )  # fmt: skip
    with pytest.raises(DataError, match=r"one column of images .* name it with"):
        raw_from_parquet([file], "train/")
    with pytest.raises(DataError, match=r"a column of labels .* name it with"):
        raw_from_parquet([file], "train/", "left")
    raw = raw_from_parquet([file], "train/", "right", "kind")
    assert raw.columns == {}
    images = ImageSet(**raw.decoded(torch.arange(2), augmentation=NONE))
    assert np.array_equal(images.images.permute(0, 2, 3, 1).numpy(), PIXELS[2:4])
    with pytest.raises(DataError, match=r"image_column .*got 'lef'; did you mean 'left'"):
        raw_from_parquet([file], "train/", "lef", "kind")
    with pytest.raises(DataError, match=r"'kind' holds int64; columns of images"):
        raw_from_parquet([file], "train/", "kind", "kind")
    with pytest.raises(DataError, match="expected label_column to be one of"):
        raw_from_parquet([file], "train/", "left", "species")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, None], r"'train/1' has no label in column 'label'"),
        ([0.5, 1.0], "to hold whole numbers or names of classes, found double"),
    ],
)
def test_bad_labels(tmp_path: Path, labels: list[Any], message: str) -> None:
    file = write_table(tmp_path / "a.parquet", PIXELS[:2], labels)
    with pytest.raises(DataError, match=message):
        raw_from_parquet([file], "train/")


def test_broken_empty_and_unlike_files(tmp_path: Path) -> None:
    good = write_table(tmp_path / "a.parquet", PIXELS[:1], [0])
    other = write_table(tmp_path / "b.parquet", PIXELS[:1], [0], label="kind")
    empty = write_table(tmp_path / "c.parquet", [], pa.array([], pa.int64()))
    (tmp_path / "d.parquet").write_bytes(good.read_bytes()[:60])
    with pytest.raises(DataError, match=r"d\.parquet cannot be read as Parquet"):
        raw_from_parquet([good, tmp_path / "d.parquet"], "train/")
    with pytest.raises(DataError, match="do not have the same columns"):
        raw_from_parquet([good, other], "train/")
    with pytest.raises(DataError, match="expected images in the table, found none"):
        raw_from_parquet([empty], "train/")


def test_split_names(tmp_path: Path) -> None:
    assert find_parquet(tmp_path) == {}
    for name in ("train-00000-of-00001", "val", "test_0", "notes"):
        (tmp_path / f"{name}.parquet").touch()
    found = {
        split: [file.stem for file in files] for split, files in find_parquet(tmp_path).items()
    }
    assert found == {"train": ["train-00000-of-00001"], "validation": ["val"], "test": ["test_0"]}
    inner = tmp_path / "repository" / "data"
    inner.mkdir(parents=True)
    (inner / "part-1.parquet").touch()
    assert find_parquet(inner.parent) == {"train": [inner / "part-1.parquet"]}


def hf(count: int = 4) -> Any:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"img": datasets.Image(), "fine_label": datasets.ClassLabel(names=["a", "b"]),
         "coarse_label": datasets.Value("int64")}
    )  # fmt: skip
    rows = {
        "img": [{"bytes": encoded(one), "path": None} for one in PIXELS[:count]],
        "fine_label": [row % 2 for row in range(count)],
        "coarse_label": list(range(count)),
    }
    return datasets.Dataset.from_dict(rows, features=features)


def test_hugging_face_sets_with_selections_and_formats() -> None:
    dataset = hf().select([3, 1]).with_format("torch")
    images = ImageSet.from_hf(dataset, augmentation=NONE)
    assert np.array_equal(images.images.permute(0, 2, 3, 1).numpy(), PIXELS[[3, 1]])
    assert images.classes == ["a", "b"]
    assert images.columns == {"coarse_label": [3, 1]}
    assert images.ids == ["0", "1"]
    small = ImageSet.from_hf(dataset, "img", "coarse_label", image_size=3, augmentation=NONE)
    assert small.image_shape == (3, 3, 3)
    assert small.classes is None
    assert small.labels.tolist() == [3, 1]


def test_not_one_hugging_face_set() -> None:
    with pytest.raises(DataError, match=r"expected a datasets\.Dataset, got dict"):
        raw_from_hf({"train": hf()})

"""Lists as people have them: understood, or refused with the remedy; never guessed."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from data_files import random_pixels, write_folder, write_table
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.test_data_forget_list import BUNDLE

from expunge.core import DataError, InputError
from expunge.core.schemas.request import parse_request
from expunge.data import Bundle, load_source, select_forget
from expunge.data.requests.select import resolve

LISTS: list[tuple[str, str, list[int]]] = [
    ("a.csv", "id;name\n4;Anna\n7;Ben\n", [4, 7]),
    ("a.csv", "id\tname\ntrain/4\tAnna, née B.\n", [4]),
    ("a.csv", "name|id\nAnna|4\n", [4]),
    ("a.csv", "id,sum\n3.0,17.5\n5.0,2\n", [3, 5]),
    ("a.csv", ",id\n0,44\n1,45\n", [44, 45]),
    ("a.csv", "# asked on Monday\nid\n4\n\n# and later\n5\n", [4, 5]),
    ("a.csv", "4,Anna\n5,Ben\n", [4, 5]),
    ("a.csv", '"id","note"\n"4","a;b"\n', [4]),
    ("a.txt", "# asked on Monday\ntrain/4\n5\n", [4, 5]),
    ("a.jsonl", '{"id": 4, "who": "Anna"}\n{"id": "train/5"}\n', [4, 5]),
    ("a.jsonl", '"train/4"\n5\n6.0\n', [4, 5, 6]),
    ("a.ndjson", '{"record": 4, "why": "law"}\n', [4]),
    ("a.csv", "sample_id\n44\n45\n", [44, 45]),
    ("a.csv", "id,label\n44,1\n45,2\n", [44, 45]),
    ("a.csv", "id\n4\n5\n4\n", [4, 5]),
    # Inside a quoted cell nothing is a comment, nor the end of a row.
    ("a.csv", 'id,note\n4,"a\n#b"\n5,c\n', [4, 5]),
    ("a.csv", 'id,note\n4,"a\n\n5,b"\n6,c\n', [4, 6]),
    ("a.txt", "  # c\n4\n5\n", [4, 5]),
]


@pytest.mark.parametrize(("name", "text", "expected"), LISTS)
def test_what_is_unambiguous_is_read(
    tmp_path: Path, name: str, text: str, expected: list[int]
) -> None:
    (tmp_path / name).write_text(text)
    request = {"kind": "ids", "file": str(tmp_path / name)}
    assert select_forget(BUNDLE, request).tolist() == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", ",sample_id\n0,44\n1,45\n", "several columns of a.csv hold names of this data: "
         "'', 'sample_id'; say which one is meant with forget.column"),
        ("a.csv", "id,record\n1,44\n2,45\n", "several columns of a.csv hold names"),
        ("a.csv", 'id,note\n4,"a\n5,c\n6,d\n', "cannot be read as CSV (unexpected end of data)"),
        ("a.csv", "0\n44\n45\n", "could be the header that pandas writes for columns without"),
        ("a.csv", ",0\n0,44\n1,45\n", "could be the header that pandas writes"),
        ("a.csv", "0,1\n44,7\n45,8\n", "could be the header that pandas writes"),
        ("a.csv", "44,1\n45,2\n", "several columns of a.csv hold names of this data: 'column 1'"),
        ("a.csv", "train/99999\ntrain/1\ntrain/2\n",
         "the first line of a.csv, 'train/99999', is neither known in this data"),
        ("a.csv", "Kennung\n4\n", "name the column with forget.column = 'Kennung'"),
        ("a.csv", "who,where\nAnna,Bonn\n", "is neither known in this data nor a usual name"),
        ("a.csv", "name,place\nAnna,Bonn\n", "none of the columns of a.csv holds names"),
        ("a.csv", "id;a,b\n4;x,y\n", "could be separated by commas or semicolons"),
        ("a.txt", "1" * 5000 + "\n", f"1 id is not in this data: '{'1' * 60}…'"),
        ("a.csv", "id\n" + "x" * 131073 + "\n", "cannot be read as CSV"),
        ("a.csv", "id\n007\n", "1 id is not in this data: '007'"),
        ("a.csv", "id\n4.5\n", "1 id is not in this data: '4.5'"),
        ("a.jsonl", '{"id": 4}\n5\n', "expected an object in every line"),
        ("a.jsonl", '{"id": true}\n', "has no name in row 1 of its data but True"),
        ("a.jsonl", "{id: 4}\n", "cannot be read as JSON lines"),
        ("a.jsonl", "[" * 100_000 + "\n", "cannot be read as JSON lines"),
        ("a.jsonl", "4\n", "has no columns"),
        ("x" * 300 + ".csv", "", "cannot read the list"),
    ],
)  # fmt: skip
def test_what_is_ambiguous_or_broken_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    if text:
        (tmp_path / name).write_text(text)
    request: dict[str, Any] = {"kind": "ids", "file": str(tmp_path / name)}
    if message == "has no columns":
        request["column"] = "id"
    with pytest.raises(InputError, match=re.escape(message)):
        select_forget(BUNDLE, request)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, 59), min_size=1, max_size=30, unique=True),
    separator=st.sampled_from(",;\t|"),
    header=st.booleans(),
    bom=st.booleans(),
    as_float=st.booleans(),
)
def test_every_way_of_writing_a_list_means_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[int],
    separator: str,
    header: bool,
    bom: bool,
    as_float: bool,
) -> None:
    file = tmp_path_factory.mktemp("list") / "ids.csv"
    lines = [f"{float(row) if as_float else row}{separator}Anna" for row in rows]
    text = "\n".join([f"id{separator}name", *lines] if header else lines)
    file.write_text(text, encoding="utf-8-sig" if bom else "utf-8")
    found = resolve(BUNDLE, {"kind": "ids", "file": str(file)})
    assert found.positions.tolist() == sorted(rows)
    assert (found.asked, found.unknown, found.outside, found.repeated) == (len(rows), 0, 0, 0)


def test_pandas_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sample_id": [44, 45]})
    frame.to_csv(tmp_path / "with_index.csv")
    frame.to_csv(tmp_path / "plain.csv", index=False)
    frame.to_parquet(tmp_path / "plain.parquet")
    frame.astype(float).to_parquet(tmp_path / "float.parquet")
    with pytest.raises(DataError, match="several columns"):
        select_forget(BUNDLE, {"kind": "ids", "file": str(tmp_path / "with_index.csv")})
    pd.Series([44, 45]).to_csv(tmp_path / "series.csv", index=False)
    series = {"kind": "ids", "file": str(tmp_path / "series.csv"), "column": "0"}
    assert select_forget(BUNDLE, series).tolist() == [44, 45]
    for name in ("plain.csv", "plain.parquet", "float.parquet"):
        request = {"kind": "ids", "file": str(tmp_path / name)}
        assert select_forget(BUNDLE, request).tolist() == [44, 45]


def test_missing_ids_are_counted_if_that_is_asked_for() -> None:
    ids = ["train/1", "train/1", 2, "train/61", "test/3", "nobody"]
    with pytest.raises(DataError, match="never trained on"):
        resolve(BUNDLE, {"kind": "ids", "ids": ids})
    found = resolve(BUNDLE, {"kind": "ids", "ids": ids, "missing": "skip"})
    assert found.positions.tolist() == [1, 2]
    assert (found.asked, found.unknown, found.outside, found.repeated) == (5, 1, 2, 1)
    with pytest.raises(DataError, match="the forget set is empty"):
        resolve(BUNDLE, {"kind": "ids", "ids": ["nobody"], "missing": "skip"})


@pytest.mark.parametrize(
    ("name", "text"),
    [("u.csv", "who\n7203\n7205\n"), ("u.csv", "user_id,who\n1,7203\n2,7205\n"),
     ("u.txt", "7203\n7205.0\n7203\n"), ("u.csv", "user\n7203\n7205\n")],
)  # fmt: skip
def test_users_come_from_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    request = {"kind": "groups", "column": "who", "file": str(tmp_path / name)}
    assert select_forget(BUNDLE, request).tolist() == [n for n in range(60) if n % 6 in (1, 3)]


def test_users_that_nobody_knows(tmp_path: Path) -> None:
    file = tmp_path / "users.txt"
    file.write_text("7203\n9999\n")
    request = {"kind": "groups", "column": "who", "file": str(file)}
    with pytest.raises(DataError, match=r"no training sample has '9999'.*forget.missing"):
        select_forget(BUNDLE, request)
    found = resolve(BUNDLE, request | {"missing": "skip"})
    assert (len(found.positions), found.asked, found.unknown) == (10, 2, 1)
    with pytest.raises(InputError, match="expected one of values, file, fraction and count"):
        select_forget(BUNDLE, request | {"count": 1})


def test_numbers_that_a_join_made_floats_mean_the_same_person() -> None:
    train = BUNDLE.train.subset(torch.arange(60))
    train.columns = {"who": [float(n % 6) if n % 7 else None for n in range(60)]}
    bundle = Bundle("x", train, None, None, BUNDLE.classes, 4, (1, 6, 6))
    expected = [n for n in range(60) if n % 6 == 3 and n % 7]
    for value in (3, "3", "3.0"):
        request = {"kind": "groups", "column": "who", "values": [value]}
        assert select_forget(bundle, request).tolist() == expected


@pytest.fixture
def folder(tmp_path: Path) -> Bundle:
    names = [f"train/{word}/REC-{10 * place + n}.jpg"
             for place, word in enumerate(("cat", "dog")) for n in range(8)]  # fmt: skip
    names += ["test/cat/0.jpg", "test/dog/1.jpg", "train/cat/same.png", "train/dog/same.png"]
    pixels = dict(zip(names, random_pixels(len(names)), strict=True))
    write_folder(tmp_path / "pets", pixels)
    return load_source("imagefolder", path=str(tmp_path / "pets"), validation=0)


@pytest.mark.parametrize(
    "form",
    ["train/cat/REC-3.jpg", "./train/cat/REC-3.jpg", "train\\cat\\REC-3.jpg", "cat/REC-3.jpg",
     "REC-3.jpg", "REC-3", "pets/train/cat/REC-3.jpg", "{root}/train/cat/REC-3.jpg"],
)  # fmt: skip
def test_paths_in_any_common_form(folder: Bundle, tmp_path: Path, form: str) -> None:
    name = form.format(root=tmp_path / "pets")
    (at,) = select_forget(folder, {"kind": "ids", "ids": [name]}).tolist()
    assert folder.train.ids[at] == "train/cat/REC-3.jpg"
    list_ = tmp_path / "list.csv"
    list_.write_text(f"file,why\n{name},law\n")
    assert select_forget(folder, {"kind": "ids", "file": str(list_)}).tolist() == [at]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("same.png", "'same.png' could be any of 2 samples, such as 'train/cat/same.png'"),
        ("/elsewhere/train/cat/REC-3.jpg", "1 id is not in this data"),
        ("../pets/train/cat/REC-3.jpg", "1 id is not in this data"),
        ("cat", "1 id is not in this data"),
        ("3", "1 id is not in this data"),
        ("1", "1 id is in the test set"),
        ("test/cat/0", "1 id is in the test set"),
    ],
)
def test_paths_that_could_be_others_are_refused(folder: Bundle, form: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        select_forget(folder, {"kind": "ids", "ids": [form]})


def test_a_table_brings_its_own_ids(tmp_path: Path) -> None:
    names = [f"img-{n:03d}" for n in range(20)]
    write_table(tmp_path / "train.parquet", random_pixels(20), [0, 1] * 10, id=names)
    write_table(tmp_path / "test.parquet", random_pixels(4), [0, 1] * 2, id=names[:4])
    bundle = load_source(f"hf:{tmp_path}", validation=0)
    assert bundle.train.ids == names
    assert bundle.test.ids[0] == "test/img-000"
    assert select_forget(bundle, {"kind": "ids", "ids": ["img-003"]}).tolist() == [3]
    with pytest.raises(DataError, match="'train/3'"):
        select_forget(bundle, {"kind": "ids", "ids": ["train/3"]})


def test_numeric_ids_are_no_rows(tmp_path: Path) -> None:
    keys = list(range(100, 120))
    write_table(tmp_path / "train.parquet", random_pixels(20), [0, 1] * 10, key=keys)
    write_table(tmp_path / "test.parquet", random_pixels(4), [0, 1] * 2, key=[1, 2, 3, 4])
    named = load_source(f"hf:{tmp_path}", validation=0, arguments={"id_column": "key"})
    for form in (107, "107", "107.0"):
        assert select_forget(named, {"kind": "ids", "ids": [form]}).tolist() == [7]
    bare = load_source(f"hf:{tmp_path}", validation=0)
    message = "7 could be a row of the training file or a key of your own.*data.arguments.id_column"
    (tmp_path / "keys.csv").write_text("id\n7\n")
    for request in ({"ids": [7]}, {"file": str(tmp_path / "keys.csv")}):
        with pytest.raises(DataError, match=message):
            select_forget(bare, {"kind": "ids", **request})
    assert select_forget(bare, {"kind": "ids", "ids": ["train/7"]}).tolist() == [7]
    with pytest.raises(DataError, match="did you mean 'key'"):
        load_source(f"hf:{tmp_path}", arguments={"id_column": "keys"})


def test_ids_that_occur_twice_are_none(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", random_pixels(4), [0, 1] * 2, id=[1, 2, 2, 3])
    write_table(tmp_path / "test.parquet", random_pixels(2), [0, 1], id=[8, 9])
    assert load_source(f"hf:{tmp_path}", validation=0).train.ids[0] == "train/0"
    with pytest.raises(DataError, match=r"in column 'id', but row 3 holds '2' once more"):
        load_source(f"hf:{tmp_path}", validation=0, arguments={"id_column": "id"})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_mapping_gives_the_samples_of_an_id(folder: Bundle, tmp_path: Path, ending: str) -> None:
    file, list_ = tmp_path / f"map.{ending}", tmp_path / "people.csv"
    table = {"id": [7, 7, 8], "sample": ["REC-3", "dog/REC-12.jpg", "REC-4"], "note": [None] * 3}
    if ending == "csv":
        pd.DataFrame(table).to_csv(file)
    else:
        pq.write_table(pa.table(table), file)
    list_.write_text("person,since\n7,2020\n")
    request = {"kind": "ids", "file": str(list_), "mapping": str(file)}
    found = resolve(folder, request)
    names = [folder.train.ids[at] for at in found.positions.tolist()]
    assert names == ["train/cat/REC-3.jpg", "train/dog/REC-12.jpg"]
    assert (found.asked, found.unknown) == (1, 0)
    with pytest.raises(DataError, match="'9'"):
        resolve(folder, {"kind": "ids", "ids": [9], "mapping": str(file)})
    list_.write_text("person,since\n7.0,2020\n")
    assert resolve(folder, request).positions.tolist() == found.positions.tolist()


def test_a_mapping_whose_samples_are_not_all_there(folder: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_text("id,sample\n7,REC-3\n7,REC-999\n")
    request = {"kind": "ids", "ids": [7], "mapping": str(file)}
    with pytest.raises(DataError, match="1 id is not in this data: 'REC-999'"):
        resolve(folder, request)
    assert len(resolve(folder, request | {"missing": "skip"}).positions) == 1


def test_bad_mappings(folder: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    request = {"kind": "ids", "ids": [7], "mapping": str(file)}
    for text, message in (
        (None, "cannot be read as a table"),
        ("id,path\n7,REC-3\n", "expected the columns id and sample in map.csv, found id, path"),
        ("id,sample\n7,\n", "has an empty cell in row 1"),
    ):
        if text is not None:
            file.write_text(text)
        with pytest.raises(DataError, match=re.escape(message)):
            select_forget(folder, request)


def test_the_time_of_long_lists_grows_with_their_length(tmp_path: Path) -> None:
    class Rows:
        def __init__(self, count: int) -> None:
            self.ids = [f"train/{row}" for row in range(count)]

        def __len__(self) -> int:
            return len(self.ids)

        def __getitem__(self, index: int) -> Any:
            return torch.zeros(1), 0

    def seconds(count: int) -> float:
        bundle = Bundle("many", Rows(count), None, None, None, 1, (1, 1, 1))
        rows = np.random.default_rng(0).permutation(count)[: count // 2]
        file = tmp_path / "ids.csv"
        file.write_text("id,who\n" + "".join(f"{row},Anna\n" for row in rows))
        start = time.process_time()
        found = select_forget(bundle, {"kind": "ids", "file": str(file)})
        spent = time.process_time() - start
        assert found.tolist() == sorted(rows.tolist())
        return spent

    assert seconds(160_000) < 24 * seconds(20_000)  # eight times; 64 if it were quadratic


def test_empty_cells_are_nobody(tmp_path: Path) -> None:
    train = BUNDLE.train.subset(torch.arange(6))
    train.columns = {"who": ["Anna", None, float("nan"), "", "Ben", None]}
    bundle = Bundle("x", train, None, None, BUNDLE.classes, 4, (1, 6, 6))
    for value in ("", " ", "None", "nan"):
        with pytest.raises(DataError, match="no training sample has"):
            select_forget(bundle, {"kind": "groups", "column": "who", "values": [value]})
    (tmp_path / "who.csv").write_text(",who\n0,Ben\n")
    request = {"kind": "groups", "column": "who", "file": str(tmp_path / "who.csv")}
    assert select_forget(bundle, request).tolist() == [4]


def test_what_a_record_shows_of_a_request_names_nobody() -> None:
    asked = parse_request({"kind": "groups", "column": "who", "values": ["Anna", "Ben"]})
    assert "Anna" not in json.dumps(asked.shown())
    assert asked.shown()["values"] == "2 values"


def test_a_column_that_is_there_twice_is_not_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,id\n4,5\n1,6\n")
    request = {"kind": "ids", "file": str(tmp_path / "a.csv"), "column": "id"}
    with pytest.raises(DataError, match=r"a.csv has several columns called 'id'"):
        select_forget(BUNDLE, request)
    (tmp_path / "m.csv").write_text("id,id,sample\n7,8,train/4\n")
    request = {"kind": "ids", "ids": [7], "mapping": str(tmp_path / "m.csv")}
    with pytest.raises(DataError, match=r"m.csv has several columns called id"):
        select_forget(BUNDLE, request)


@pytest.mark.parametrize("text", ["id,sample\n100,train/4\n", "id,sample\n"])
def test_a_key_that_a_mapping_lacks_is_no_row(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    request: dict[str, Any] = {"kind": "ids", "ids": [3, "train/5"]}
    request["mapping"] = str(tmp_path / "m.csv")
    with pytest.raises(DataError, match=r"2 ids are not in the column id of m.csv: '3', 'train/5'"):
        select_forget(BUNDLE, request)
    if "100" in text:
        found = resolve(BUNDLE, request | {"ids": [3, 3, 100], "missing": "skip"})
        assert found.positions.tolist() == [4]
        assert (found.asked, found.unknown, found.repeated) == (2, 1, 1)


def test_a_date_beyond_all_calendars_is_named(tmp_path: Path) -> None:
    column = pa.array([2**60], pa.timestamp("ms"))
    pq.write_table(pa.table({"id": column}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet holds a value that cannot be read"):
        select_forget(BUNDLE, {"kind": "ids", "file": str(tmp_path / "a.parquet")})


def test_the_column_of_a_list_of_persons_is_named_by_its_own_option(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", random_pixels(8), [0, 1] * 4,
                person=["u1", "u1", "u2", "u3"] * 2)  # fmt: skip
    write_table(tmp_path / "test.parquet", random_pixels(2), [0, 1], person=["u4", "u4"])
    bundle = load_source(f"hf:{tmp_path}", validation=0)
    (tmp_path / "u.csv").write_text("Kunde,seit\nu1,2020\nu3,2021\n")
    request = {"kind": "groups", "column": "person", "file": str(tmp_path / "u.csv")}
    with pytest.raises(DataError, match=r"name the column with forget.file_column = 'Kunde'"):
        select_forget(bundle, request)
    assert len(select_forget(bundle, request | {"file_column": "Kunde"})) == 6
    with pytest.raises(InputError, match="file_column goes with file"):
        parse_request({"kind": "groups", "column": "person", "values": ["u1"], "file_column": "x"})

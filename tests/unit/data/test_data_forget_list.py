"""Requests to positions; every way a request can be wrong."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.core import DataError, InputError
from expunge.data import Bundle, ImageSet, request_digest, select_forget

CLASSES = ["ant", "bee", "cat", "dog"]
WHO = [7201, 7203, 7204, 7205, 7206, 7207]


def images(prefix: str, rows: range) -> ImageSet:
    labels = torch.tensor([row % 3 for row in rows])  # nobody is a dog
    return ImageSet(
        torch.zeros(len(rows), 1, 6, 6, dtype=torch.uint8), labels, classes=CLASSES,
        ids=[f"{prefix}/{row}" for row in rows], columns={"who": [WHO[row % 6] for row in rows]},
    )  # fmt: skip


BUNDLE = Bundle(
    "toy", images("train", range(60)), images("train", range(60, 66)), images("test", range(9)),
    CLASSES, 4, (1, 6, 6),
)  # fmt: skip


def chosen(**request: Any) -> list[int]:
    positions = select_forget(BUNDLE, request)
    assert positions.dtype == torch.int64
    assert positions.tolist() == sorted(set(positions.tolist()))
    return positions.tolist()


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 59), seed=st.integers(0, 2**63 - 1))
def test_random_draws_as_many_as_asked_by_the_seed_alone(count: int, seed: int) -> None:
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    first = chosen(kind="random", count=count, seed=seed)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert len(first) == count
    assert chosen(kind="random", count=count, seed=seed) == first


def test_random_fraction_and_seeds() -> None:
    assert len(chosen(kind="random", fraction=0.1)) == 6
    assert chosen(kind="random", fraction=0.1) == chosen(kind="random", count=6, seed=0)
    assert chosen(kind="random", count=6, seed=1) != chosen(kind="random", count=6, seed=0)
    smaller = set(chosen(kind="random", count=6))
    assert smaller < set(chosen(kind="random", count=12, fraction=None))
    hits = np.bincount(
        [at for seed in range(600) for at in chosen(kind="random", count=6, seed=seed)],
        minlength=60,
    )
    assert hits.min() > 30
    assert hits.max() < 95


def test_classes_by_name_number_and_digits() -> None:
    bees = [row for row in range(60) if row % 3 == 1]
    assert chosen(kind="classes", classes=["bee"]) == bees
    assert chosen(kind="classes", classes=[1]) == bees
    assert chosen(kind="classes", classes=["1"]) == bees
    assert len(chosen(kind="classes", classes=["ant", "bee", 1])) == 40


def test_names_that_are_digits_go_before_numbers() -> None:
    bundle = Bundle("x", BUNDLE.train, None, None, ["2", "1", "0", "7"], 4, (1, 6, 6))
    assert select_forget(bundle, {"kind": "classes", "classes": ["2"]}).tolist()[0] == 0
    message = '2 could be the class called "2", or class number 2; write "2" for the former, or the'
    with pytest.raises(DataError, match=message):
        select_forget(bundle, {"kind": "classes", "classes": [2]})
    with pytest.raises(
        DataError, match='7 could be the class called "7"; write "7" for the former'
    ):
        select_forget(bundle, {"kind": "classes", "classes": [7]})
    assert select_forget(bundle, {"kind": "classes", "classes": [1]}).tolist()[0] == 1


def test_groups() -> None:
    mine = [row for row in range(60) if row % 6 in {1, 3}]
    assert chosen(kind="groups", column="who", values=[7203, 7205]) == mine
    assert chosen(kind="groups", column="who", values=["7203", 7205, 7205]) == mine


def test_drawn_classes_are_whole_and_follow_the_seed() -> None:
    drawn = chosen(kind="classes", count=1, seed=3)
    assert len({row % 3 for row in drawn}) == 1
    assert len(drawn) == 20
    assert drawn == chosen(kind="classes", fraction=0.3, seed=3)
    assert set(drawn) < set(chosen(kind="classes", fraction=0.67, seed=3))
    seen = {chosen(kind="classes", count=1, seed=seed)[0] for seed in range(20)}
    assert seen == {0, 1, 2}  # any class that occurs, never the dog


def test_drawn_groups_are_whole_and_do_not_depend_on_the_order_of_rows() -> None:
    drawn = chosen(kind="groups", column="who", fraction=0.34, seed=1)
    people = {row % 6 for row in drawn}
    assert len(people) == 2
    assert drawn == [row for row in range(60) if row % 6 in people]
    assert chosen(kind="groups", column="who", count=2, seed=1) == drawn
    turned = BUNDLE.train.subset(torch.arange(59, -1, -1))
    bundle = Bundle("x", turned, None, None, CLASSES, 4, (1, 6, 6))
    again = select_forget(bundle, {"kind": "groups", "column": "who", "count": 2, "seed": 1})
    assert sorted(59 - row for row in again.tolist()) == drawn
    seen = {chosen(kind="groups", column="who", count=1, seed=seed)[0] for seed in range(60)}
    assert seen == {0, 1, 2, 3, 4, 5}


def test_empty_cells_are_no_group() -> None:
    train = images("train", range(12))
    train.columns = {"who": ["a", "b", None, float("nan")] * 3}
    bundle = Bundle("x", train, None, None, CLASSES, 4, (1, 6, 6))
    request = {"kind": "groups", "column": "who", "count": 1}
    assert {select_forget(bundle, request | {"seed": seed}).tolist()[0] for seed in range(20)} == {
        0,
        1,
    }


def test_ids_in_full_and_in_short(tmp_path: Path) -> None:
    assert chosen(kind="ids", ids=["train/9", 3, "5", 7]) == [3, 5, 7, 9]
    file = tmp_path / "ids.txt"
    file.write_text("train/9\n3\n\n 5 \n")
    assert chosen(kind="ids", file=str(file)) == [3, 5, 9]
    assert chosen(kind="ids", file=file, ids=None, column=None) == [3, 5, 9]


@pytest.mark.parametrize(
    ("name", "text", "column", "expected"),
    [
        ("a.csv", "id,why\ntrain/4,asked\n2,law\n", None, [2, 4]),
        ("a.csv", "why,ID\nasked,4\n", None, [4]),
        ("a.csv", "record,why\n4,asked\n", None, [4]),
        ("a.csv", "why,record\nasked,4\n", "record", [4]),
        ("a.csv", "4\n5\n", None, [4, 5]),
        ("a.csv", "train/4\ntrain/5\n", None, [4, 5]),
        ("a.csv", "\ufeffid\n4\n", None, [4]),
        ("a.csv", '"id"\n"train/4"\n\n', None, [4]),
        ("a.tsv", "why\tid\nasked, twice\t4\n", None, [4]),
    ],
)
def test_tables_of_ids(
    tmp_path: Path, name: str, text: str, column: str | None, expected: list[int]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert chosen(kind="ids", file=str(tmp_path / name), column=column) == expected


def test_parquet_of_ids(tmp_path: Path) -> None:
    file = tmp_path / "ids.parquet"
    pq.write_table(pa.table({"why": ["asked"], "id": [4]}), file)
    assert chosen(kind="ids", file=str(file)) == [4]
    pq.write_table(pa.table({"record": ["train/4"], "row": [5]}), file)
    with pytest.raises(
        DataError, match=r"several columns of ids\.parquet hold names of this data: "
    ):
        chosen(kind="ids", file=str(file))
    assert chosen(kind="ids", file=str(file), column="record") == [4]
    assert chosen(kind="ids", file=str(file), column="row") == [5]
    pq.write_table(pa.table({"id": [4, None]}), file)
    with pytest.raises(DataError, match="has no name in row 2"):
        chosen(kind="ids", file=str(file))
    pq.write_table(pa.table({}), file)
    with pytest.raises(DataError, match="the forget set is empty"):
        chosen(kind="ids", file=str(file))
    file.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        chosen(kind="ids", file=str(file))


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.csv", b"id,why\n1,x\n", "idd", "got 'idd'; did you mean 'id'?"),
        ("a.csv", b"why,id\nx\n", None, "has no name in row 1 of its data"),
        ("a.csv", b"id,why\n ,x\n", None, "has no name in row 1 of its data"),
        ("a.csv", b"", None, "the forget set is empty"),
        ("a.csv", b"id\n", None, "the forget set is empty"),
        ("a.txt", b"\n", None, "the forget set is empty"),
        ("a.txt", b"1\n", "id", "a.txt has no columns"),
        ("a.txt", b"\xff\xfe\xfa", None, "cannot be read as text"),
        ("a.json", b"[1]", None, "as .txt, .csv, .tsv, .jsonl, .ndjson, .parquet, got a.json"),
    ],
)
def test_bad_files_of_ids(
    tmp_path: Path, name: str, content: bytes, column: str | None, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        chosen(kind="ids", file=str(tmp_path / name), column=column)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "forget: expected a key kind with one of random, classes, groups, ids"),
        ({"kind": "class"}, "did you mean 'classes'?"),
        ({"kind": "random", "fracton": 0.1}, "fracton: unknown key; did you mean 'fraction'?"),
        ({"kind": "random"}, "one of them, got neither"),
        ({"kind": "random", "fraction": 0.1, "count": 3}, "got both; leave one out"),
        ({"kind": "random", "fraction": 0}, "forget.fraction: expected greater than 0, got 0"),
        ({"kind": "random", "fraction": 1}, "expected a share below 1"),
        ({"kind": "random", "fraction": float("nan")}, "forget.fraction: expected a finite number"),
        ({"kind": "random", "fraction": "0.1"}, 'forget.fraction: expected a number, got "0.1"'),
        ({"kind": "random", "fraction": 0.001}, "the forget set is empty"),
        ({"kind": "random", "fraction": 0.999}, "is the whole training set (60 samples)"),
        ({"kind": "random", "count": 0}, "count: expected greater than or equal to 1"),
        ({"kind": "random", "count": 60}, "between 1 and 59, as there are 60 training"),
        ({"kind": "random", "count": 2.5}, "got 2.5"),
        ({"kind": "random", "count": True}, "forget.count: expected a whole number, got true"),
        ({"kind": "random", "count": 5, "seed": 0.5}, "forget.seed: expected a whole number"),
        ({"kind": "classes"}, "forget: expected one of classes (a list, e.g. [\"cat\"]), fraction"),
        ({"kind": "classes", "classes": "cat"}, "classes: expected a list in square"),
        ({"kind": "classes", "classes": []}, "forget.classes: expected at least 1 of them"),
        ({"kind": "classes", "classes": ["cta"]},
         "(ant, bee, cat, dog); got 'cta'; did you mean 'cat'"),
        ({"kind": "classes", "classes": [4]}, "by number (0 to 3) or name"),
        ({"kind": "classes", "classes": [-1]}, "got -1"),
        ({"kind": "classes", "classes": [True]}, "got true"),
        ({"kind": "classes", "classes": ["dog"]}, "no training sample of class 'dog'"),
        ({"kind": "classes", "classes": [0, 1, 2]}, "is the whole training set"),
        ({"kind": "groups", "column": "whom", "values": [1]},
         "(there are: who); got 'whom'; did you mean 'who'?"),
        ({"kind": "groups", "values": [1]}, "forget.column: is missing; add it"),
        ({"kind": "groups", "column": "who", "values": [7300]},
         "no training sample has '7300' in column 'who'"),
        ({"kind": "groups", "column": "who", "values": []}, "values: expected at least 1 of"),
        ({"kind": "groups", "column": "who", "values": WHO}, "is the whole training set"),
        ({"kind": "classes", "classes": [0], "count": 1},
         "(e.g. 3), got 2 of them"),
        ({"kind": "classes", "classes": [0], "seed": 1}, "a list of classes leaves nothing"),
        ({"kind": "classes", "count": 1, "fraction": 0.5}, "(e.g. 3), got 2 of them"),
        ({"kind": "classes", "seed": 1}, "(e.g. 3), got none of them"),
        ({"kind": "classes", "count": 3}, "between 1 and 2, as there are 3 classes, got 3"),
        ({"kind": "classes", "fraction": 0.1}, "a fraction of 0.1 of 3 classes is less than half"),
        ({"kind": "classes", "fraction": 0.9}, "is the whole training set"),
        ({"kind": "classes", "fraction": True}, "forget.fraction: expected a number, got true"),
        ({"kind": "groups", "column": "who", "values": [7201], "fraction": 0.5},
         "(e.g. 3), got 2 of them"),
        ({"kind": "groups", "column": "who", "count": 6}, "as there are 6 values of who, got 6"),
        ({"kind": "groups", "column": "who", "count": 2, "seed": "1"}, "forget.seed: expected a"),
        ({"kind": "groups", "column": "whom", "count": 2}, "did you mean 'who'?"),
        ({"kind": "ids"}, "either ids (a list) or file (a path), got neither"),
        ({"kind": "ids", "ids": [1], "file": "x.csv"}, "got both; leave one out"),
        ({"kind": "ids", "ids": [1], "column": "id"}, "column goes with file, not with ids"),
        ({"kind": "ids", "ids": "train/1"}, "forget.ids: expected a list in square brackets"),
        ({"kind": "ids", "ids": []}, "forget.ids: expected at least 1 of them"),
        ({"kind": "ids", "ids": [1.5]}, "forget.ids.0: expected text in quotes, got 1.5, or"),
        ({"kind": "ids", "ids": [1, "x"]}, "1 id is not in this data: 'x'; its 60 training ids"),
        ({"kind": "ids", "ids": list(range(100, 110))}, "10 ids are not in this data: 'train/100', "
         "'train/101', 'train/102', 'train/103', 'train/104' and 5 more"),
        ({"kind": "ids", "ids": [1, "test/3"]}, "1 id is in the test set, only tested on"),
        ({"kind": "ids", "ids": [1, 61, 62]}, "2 ids are in the validation set, held out and never "
         "trained on: 'train/61', 'train/62'"),
        ({"kind": "ids", "ids": list(range(60))}, "is the whole training set"),
        ({"kind": "ids", "file": "nowhere.csv"}, "there is no such file"),
    ],
)  # fmt: skip
def test_bad_requests(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        select_forget(BUNDLE, request_)


def test_class_lists_without_names_and_long_ones() -> None:
    unnamed = Bundle("x", BUNDLE.train, None, None, None, 3, (1, 6, 6))
    with pytest.raises(DataError, match=re.escape("(0 to 2); got 'cat'")):
        select_forget(unnamed, {"kind": "classes", "classes": ["cat"]})
    many = Bundle("x", BUNDLE.train, None, None, [f"c{n}" for n in range(30)], 30, (1, 6, 6))
    with pytest.raises(DataError, match=re.escape("c19, …)")):
        select_forget(many, {"kind": "classes", "classes": ["zebra"]})
    held = Bundle("x", BUNDLE.train, None, [1, 2], None, 3, (1, 6, 6))
    with pytest.raises(DataError, match="'test/1'"):
        select_forget(held, {"kind": "ids", "ids": ["test/1"]})


def test_digest_commits_to_the_set_and_the_salt() -> None:
    digest = request_digest(["train/1", "train/2"], "salt")
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert digest == request_digest(["train/2", "train/1"], "salt")
    assert digest != request_digest(["train/1", "train/2"], "pepper")
    assert digest != request_digest(["train/1"], "salt")
    assert request_digest(["a", "bc"], "s") != request_digest(["ab", "c"], "s")
    assert request_digest(["ab"], "s") != request_digest(["b"], "sa")

"""The most memorised samples of a file of scores; every way such a file can be wrong."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from expunge.core import InputError
from expunge.data import Bundle, ImageSet, select_forget

IDS = [f"train/{row}" for row in (0, 1, 2, 10, 11)]
SCORES = [0.1, 0.9, 0.5, 0.5, -0.2]
BUNDLE = Bundle(
    "toy",
    ImageSet(torch.zeros(5, 1, 6, 6, dtype=torch.uint8), torch.tensor([0, 1, 0, 1, 0]), ids=IDS),
    None, None, None, 2, (1, 6, 6),
)  # fmt: skip


def chosen(file: Path, **size: Any) -> list[int]:
    request = {"kind": "most-memorised", "scores": str(file), **size}
    return select_forget(BUNDLE, request).tolist()


def table(file: Path, ids: list[Any] = IDS, scores: list[Any] = SCORES) -> Path:
    pq.write_table(pa.table({"score": scores, "id": ids}), file)
    return file


def test_the_highest_scores_are_taken_and_ties_go_by_id(tmp_path: Path) -> None:
    file = table(tmp_path / "s.parquet")
    assert chosen(file, count=1) == [1]
    assert chosen(file, fraction=0.4) == [1, 3]  # "train/10" comes before "train/2"
    assert chosen(file, count=4) == [0, 1, 2, 3]
    turned = table(tmp_path / "t.parquet", IDS[::-1], SCORES[::-1])
    assert chosen(turned, fraction=0.4) == [1, 3]


def test_text_files_do_as_well(tmp_path: Path) -> None:
    rows = [f"{name},x,{score}" for name, score in zip(IDS, SCORES, strict=True)]
    (tmp_path / "s.csv").write_text("\ufeffid,why,score\n" + "\n".join(rows), encoding="utf-8")
    (tmp_path / "s.tsv").write_text(
        "id,why,score\n".replace(",", "\t") + "\n".join(rows).replace(",", "\t")
    )
    assert chosen(tmp_path / "s.csv", count=2) == chosen(tmp_path / "s.tsv", count=2) == [1, 3]


@pytest.mark.parametrize(
    ("ids", "scores", "message"),
    [
        ([*IDS, "train/3"], [*SCORES, 1.0], "1 ids that are not in the training set, the first"),
        (
            IDS[:-2],
            SCORES[:-2],
            "has no score for 2 of 5 training samples, the first is 'train/10'",
        ),
        ([*IDS, IDS[0]], [*SCORES, 1.0], "has two scores for 'train/0'; keep one"),
        (IDS, [*SCORES[:-1], float("nan")], "got nan in row 5 of its data; repair"),
        (IDS, [float("inf"), *SCORES[1:]], "expected finite numbers in the column score"),
        (IDS, [None, *SCORES[1:]], "got None in row 1"),
    ],
)
def test_scores_that_do_not_fit_the_data(tmp_path: Path, ids, scores, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        chosen(table(tmp_path / "s.parquet", ids, scores), count=1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.parquet", b"x", "cannot be read as Parquet"),
        ("s.csv", b"id,scores\na,1\n", "found id, scores; did you mean 'scores'?"),
        ("s.csv", b"name,score\na,1\n", "expected the columns id and score in s.csv"),
        ("s.csv", b"", "found none"),
        ("s.csv", b"id,score\ntrain/0,high\n", "got 'high' in row 1"),
        ("s.csv", b"id,score\ntrain/0\n", "got None in row 1"),
        ("s.csv", b"\xff\xfe\xfa", "cannot be read as text"),
        ("s.json", b"{}", "as .parquet, .csv or .tsv, got s.json"),
        ("none.csv", None, "no such file; expunge memorisation CONFIG --out FILE makes such"),
    ],
)
def test_files_that_hold_no_scores(tmp_path: Path, name: str, content, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        chosen(tmp_path / name, count=1)


def test_bad_requests(tmp_path: Path) -> None:
    file = table(tmp_path / "s.parquet")
    with pytest.raises(InputError, match="one of them, got neither"):
        chosen(file)
    with pytest.raises(InputError, match="between 1 and 4, as there are 5 training samples"):
        chosen(file, count=5)
    with pytest.raises(InputError, match=r"seed: unknown key; .*known are kind, scores, fra"):
        chosen(file, count=1, seed=0)
    with pytest.raises(InputError, match=r"forget\.scores: is missing; add it"):
        select_forget(BUNDLE, {"kind": "most-memorised", "count": 1})

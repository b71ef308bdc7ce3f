"""Files of prompts: columns by the names that published lists use, and what is refused."""

import os
from pathlib import Path

import pytest

from expunge.core import DataError
from expunge.data import ListedPrompt, load_prompts


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prompts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_of_published_lists(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "\ufeffcase_number,prompt,evaluation_seed,evaluation_guidance,class\n"
        '0,"a church, old",41,7.5,church\n1, ,42,7,church\n2,a dog,43,7,\n',
    )
    assert load_prompts(path) == [
        ListedPrompt("a church, old", 41, 7.5, "church"),
        ListedPrompt("", 42, 7.0, "church"),
        ListedPrompt("a dog", 43, 7.0, None),
    ]
    assert load_prompts(path, limit=1) == [ListedPrompt("a church, old", 41, 7.5, "church")]


def test_seeds_may_count_up_instead(tmp_path: Path) -> None:
    path = write(tmp_path, "sensitive prompt,normal prompt\none,x\ntwo,y\n")
    assert load_prompts(path, first_seed=7) == [ListedPrompt("one", 7), ListedPrompt("two", 8)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("words,seed\na,1\n", "expected a column called prompt in .*, found words, seed"),
        ("", "expected a column called prompt in .*, found no header"),
        ("prompt\na church\n", "has no seeds: expected a column called evaluation_seed or seed"),
        ("prompt,seed\na,1\nb,two\n", "line 3: expected a number in the column 'seed', got 'two'"),
        ("prompt,seed\n", "expected prompts in .*, found none below the header"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_prompts(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the prompts .*absent.csv"):
        load_prompts(tmp_path / "absent.csv")


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "count", "first_seed"),
    [
        ("i2p_unsafe-prompts4703.csv", 4703, None),
        ("coco_10k.csv", 9969, None),
        ("uce_imagenette.csv", 5000, None),
        ("salun_imagenette.csv", 10, None),
        ("unlearndiffatk_nudity.csv", 142, None),
        ("unlearndiffatk_church.csv", 50, None),
        ("rece_nudity-ring-a-bell.csv", 79, 0),
    ],
)
def test_published_lists_are_read(name: str, count: int, first_seed: int | None) -> None:
    root = os.environ.get("EXPUNGE_DATA")
    if not root:
        pytest.skip("EXPUNGE_DATA is not set")
    found = load_prompts(Path(root) / "prompts" / name, first_seed=first_seed)
    assert len(found) == count
    assert sum(not one.text for one in found) <= 1  # I2P has one
    assert all(one.seed >= 0 for one in found)

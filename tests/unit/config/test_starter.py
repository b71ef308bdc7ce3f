"""What ``expunge init`` writes is TOML that means the same, whatever the names hold."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.config.starter import starter_table, starter_text

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(model=WORDS, weights=WORDS, users=WORDS)
def test_any_name_comes_back(model: str, weights: str, users: str) -> None:
    here = str(Path(__file__))
    table = starter_table(data="mine:make", forget=here, model=model, weights=weights, users=users)
    read = tomllib.loads(starter_text(table, "x.toml"))
    assert read["model"] == {"name": model, "weights": weights}
    assert read["data"]["forget"] == {"kind": "groups", "column": users, "file": here}


@pytest.mark.parametrize(
    "name", ["a\x7fb", 'quote"s', "back\\slash", "tab\tand\nline", "é\u2028😀"]
)
def test_names_that_need_an_escape(name: str) -> None:
    table = starter_table(data="mine:make", forget=__file__, model=name)
    assert tomllib.loads(starter_text(table, "x.toml"))["model"]["name"] == name

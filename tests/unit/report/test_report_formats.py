"""Numbers, times and sizes as the page prints them."""

import math

import pytest

from expunge.reporting import formats

MINUS = "\u2212"
SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (True, 1.0),
        (None, None),
        ("3", None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        ([1.0], None),
    ],
)
def test_only_finite_numbers_are_known(value: object, expected: float | None) -> None:
    assert formats.known(value) == expected


def test_counts_and_plurals() -> None:
    assert formats.count(1234567) == "1,234,567"
    assert formats.count(-3) == f"{MINUS}3"
    assert formats.plural(1, "class", "classes") == "1 class"
    assert formats.plural(2, "class", "classes") == "2 classes"
    assert formats.plural(2000, "step") == "2,000 steps"


def test_small_numbers_are_not_rounded_to_nothing() -> None:
    assert formats.number(0.58) == "0.58"
    assert formats.number(0.0) == "0.00"
    assert formats.number(-0.00031) == f"{MINUS}3.1e{MINUS}04"
    assert formats.share(3, 45000) == f"0.007{SPACE}%"
    assert formats.share(4500, 45000) == f"10.0{SPACE}%"
    assert formats.share(0, 10) == f"0.0{SPACE}%"


def test_signs() -> None:
    assert formats.signed(0.24) == "+0.2"
    assert formats.signed(-1.25, 2) == f"{MINUS}1.25"
    assert formats.signed(0.04) == "0.0"
    assert formats.signed(-0.04) == "0.0"
    assert formats.fixed(-0.001, 1) == "0.0"
    assert formats.percent(91.26) == f"91.3{SPACE}%"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.344, "0.34 s"),
        (57.2, "57 s"),
        (59.7, "1 min 00 s"),
        (501, "8 min 21 s"),
        (7500, "2 h 05 min"),
        (3599.6, "1 h 00 min"),
    ],
)
def test_times(value: float, expected: str) -> None:
    assert formats.seconds(value).replace(SPACE, " ") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(512, "512 B"), (1536, "1.5 KiB"), (1.5 * 2**30, "1.5 GiB"), (2**42, "4.0 TiB")],
)
def test_sizes(value: float, expected: str) -> None:
    assert formats.size(value) == expected


def test_moments() -> None:
    assert formats.moment("2025-01-02T03:04:05+00:00") == "2 January 2025, 03:04 UTC"
    assert formats.moment("2025-01-02T03:04:05+02:00") == "2 January 2025, 01:04 UTC"
    assert formats.moment("2025-01-02T03:04:05") == "2 January 2025, 03:04"
    assert formats.moment("yesterday") == "yesterday"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        ("text", "text"),
        (3, "3"),
        (1e-5, "1e\u221205"),
        (math.nan, "not a finite number"),
        ([1, "a"], "1, a"),
        ([], "none"),
        ({"a": 1, "b": None}, "a = 1, b = none"),
        ([{"a": 1}], '[{"a": 1}]'),
    ],
)
def test_any_value_is_one_line(value: object, expected: str) -> None:
    assert formats.plain(value) == expected


def test_long_text_is_cut() -> None:
    assert formats.clip("abc", 3) == "abc"
    assert formats.clip("abcd", 3) == "ab\u2026"
    assert len(formats.plain("x" * 10_000)) == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b", "A b."), (" Is it? ", "Is it?"), ("", ""), ("cut\u2026", "Cut\u2026")],
)
def test_sentences(text: str, expected: str) -> None:
    assert formats.sentence(text) == expected

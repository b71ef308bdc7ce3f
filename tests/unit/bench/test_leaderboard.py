"""The leaderboard as text: complete, escaped, self-contained and without a NaN."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pages import Page
from tests.unit.bench import benches

from expunge.core.errors import InputError
from expunge.reporting.bench.charts import pareto_figure, pareto_front, relearn_figure
from expunge.reporting.bench.leaderboard import MOST_TRIALS, leaderboard, render
from expunge.reporting.bench.rows import sections

LIMIT = 2_000_000
HOSTILE = "<script>alert(1)</script>'\"&--></style><!--<img src=x onerror=alert(2)>{{ 7*7 }}"


@pytest.fixture(scope="module")
def html() -> str:
    return render(benches.full())


@pytest.fixture(scope="module")
def full(html: str) -> Page:
    return Page(html)


def test_everything_asked_for_is_there(full: Page) -> None:
    for part in (
        "INCOMPLETE: 65 of 66 planned results",
        "INCOMPLETE: 32 of 33 in this table",
        "This is empirical evidence, not a proof.",
        "good where it is close to retraining",
        "slower than retraining",
        "worse than the untouched original",
        "within the floor",
        f"gradient-ascent failed on seeds 0, 1, 2: {benches.REFUSED}",
        "l1-sparse seed 1 not run",
        "6 trials per method and scenario on pilot seed 100 (not reported)",
        "recipe = speedrun, epochs = 10",
        "expunge bench configs/bench.toml --set scale=100_%",
        "Distance to retraining against cost",
        "while they are learnt again",
        "lr = 0.025, epochs = 4 (chosen)",
        "refused",
        "Loss D_f",
        "1.5 GiB",
    ):
        assert part in full.text, part


def test_the_methods_start_sorted_by_gap_with_failures_last(full: Page) -> None:
    keys = [
        attrs["data-key"]
        for tag, attrs in full.tags
        if (attrs.get("class") or "").startswith("gap ")
    ]
    ranked = [key for key in keys[3:11] if key]
    assert ranked == sorted(ranked, key=lambda key: float(key or 0))
    assert keys[14:][-1] == ""
    heads = [
        attrs.get("aria-sort") for tag, attrs in full.tags if tag == "th" and "aria-sort" in attrs
    ]
    assert heads == ["ascending", "ascending"]


def test_scores_sort_by_their_distance_to_the_retrain(html: str) -> None:
    row = next(one for one in sections(benches.full())[0].rows if one.method == "salun")
    assert row.distance["forget_accuracy"] < 0
    assert f'data-key="{abs(row.distance["forget_accuracy"]):.9g}"' in html


def test_ids_are_unique_and_nothing_is_loaded(full: Page, html: str) -> None:
    ids = [attrs["id"] for _, attrs in full.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] or "" for tag, attrs in full.tags if tag == "a"]
    assert all(link[1:] in ids for link in links)
    assert not any("src" in attrs for _, attrs in full.tags)
    policy = [attrs["content"] or "" for _, attrs in full.tags if attrs.get("http-equiv")]
    assert "default-src 'none'" in policy[0]
    assert len(html.encode()) <= LIMIT


@pytest.mark.parametrize("make", [benches.full, benches.bare, benches.minimal])
def test_no_value_is_shown_as_nan_or_none(make: object) -> None:
    assert callable(make)
    page = Page(render(make()))
    assert not re.search(r"\b(nan|NaN|None|inf|null|undefined)\b", page.text)
    keys = [attrs["data-key"] for _, attrs in page.tags if "data-key" in attrs]
    assert not {"nan", "inf", "None"} & set(keys)


def test_without_times_and_curves_there_are_no_charts() -> None:
    (section,) = sections(benches.bare())
    assert pareto_figure(section, "p") is None
    assert relearn_figure(section, "r") is None
    assert "Nothing has been measured yet." in Page(render(benches.minimal())).text


def test_hostile_text_is_shown_as_text() -> None:
    hostile = benches.result("unlearned", HOSTILE, HOSTILE, 0)
    hostile["record"]["warnings"] = [{"code": HOSTILE, "text": HOSTILE}]
    results = [
        benches.result("retrained", HOSTILE, HOSTILE, 0, number=1),
        hostile,
        benches.result("unlearned", HOSTILE, HOSTILE, 1, scores=None, error=HOSTILE),
    ]
    tuning = benches.full().tuning[0].model_dump()
    tuning |= {"method": HOSTILE, "scenario": HOSTILE, "objective": HOSTILE}
    tuning["trials"] = [{"settings": {HOSTILE: HOSTILE}, "value": 1.0}] * (MOST_TRIALS + 5)
    html = render(
        benches.minimal(
            title=HOSTILE, created=HOSTILE, command=HOSTILE, order=[HOSTILE], results=results,
            tuning=[tuning], config={"scale": HOSTILE},
        )
    )  # fmt: skip
    page = Page(html)
    assert page.text.count("alert(2)") > 10
    assert "<script>alert" not in html
    assert not any("onerror" in attrs for _, attrs in page.tags)
    scripts = sum(tag == "script" for tag, _ in page.tags)
    assert scripts == html.lower().count("</script")
    assert "5 more trials in the file of the bench." in page.text


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "board.html"
    leaderboard(benches.minimal(), target)
    assert [path.name for path in target.parent.iterdir()] == ["board.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*choose a folder"):
        leaderboard(benches.minimal(), tmp_path / "file" / "board.html")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    front = {points[i] for i in pareto_front(points)}
    naive = {
        one
        for one in points
        if not any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in points)
    }
    assert front == naive
    assert len(pareto_front(points)) == len(naive)

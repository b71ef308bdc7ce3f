"""The page as a whole: everything in it, nothing unescaped, never too large."""

import base64
import importlib
import re
from pathlib import Path

import pytest
from tests.pages import Page
from tests.unit.report import records

from expunge.core.errors import InputError
from expunge.core.schemas.record import Record
from expunge.reporting import render, report
from expunge.reporting.run.html import inline
from expunge.reporting.run.page import MOST_PICTURES, build

LIMIT = 2_000_000


@pytest.fixture(scope="module")
def full() -> Page:
    return Page(render(records.full()))


def test_everything_asked_for_is_there_in_order(full: Page) -> None:
    expected = [
        "Forget 4,500 of 45,000 training records of cifar10",
        "What was asked.",
        "Pass",
        "This is empirical evidence, not a proof.",
        "The distance to retrained (Avg. Gap 0.58)",
        "Accuracy on kept records fell by 1.2 points.",
        "close to the retrained model",
        "97.7 %",
        "+8.0",
        "Floor: retrained again",
        "Confidence before and after",
        "Change of test accuracy in each class",
        "Some of the forgotten images",
        "Losses",
        "v*: strength of the correction",
        "Cosine of g_f and g_o",
        "Constraint active in",
        "Accuracy on forgotten records, step by step",
        "2 min 11 s",
        "speedrun",
        "1.5 GiB",
        "94,500",
        "The records to forget are spread over classes that are kept.",
        "0a" * 32,
        "1b" * 32,
        "f7" * 32,
        "d1" * 32,
        "bf16",
        "expunge unlearn configs/cifar10-random10.toml --set method.epochs=2",
        "Hyper-parameters",
        "3.11.9",
    ]
    at = 0
    for part in expected:
        at = full.text.find(part, at)
        assert at >= 0, f"{part!r} is missing or stands too early"


def test_every_chart_has_a_spec_and_a_text(full: Page) -> None:
    charts = [attrs for tag, attrs in full.tags if (attrs.get("class") or "") == "chart"]
    assert len(charts) == 10
    for chart in charts:
        assert chart["data-spec"] in full.ids
        assert chart["role"] == "img"
        assert len(chart["aria-label"] or "") > 40
    figures = sum(tag == "figure" for tag, _ in full.tags)
    assert figures == sum(attrs.get("class") == "numbers" for _, attrs in full.tags)


def test_ids_are_unique_and_links_lead_somewhere(full: Page) -> None:
    assert len(full.ids) == len(set(full.ids))
    links = [attrs["href"] or "" for tag, attrs in full.tags if tag == "a"]
    assert links
    assert all(link.startswith("#") and link[1:] in full.ids for link in links)


def test_nothing_is_loaded(full: Page) -> None:
    loading = [a.get("src") or a.get("href") or "" for t, a in full.tags if t in ("img", "link")]
    assert loading
    assert all(one.startswith("data:") for one in loading)
    assert not any(tag == "script" and "src" in attrs for tag, attrs in full.tags)
    policy = [a["content"] for t, a in full.tags if a.get("http-equiv")]
    assert policy
    assert "default-src 'none'" in (policy[0] or "")


@pytest.mark.parametrize("make", [records.full, records.minimal, records.failed, records.large])
def test_the_page_is_small_enough(make: object) -> None:
    assert callable(make)
    assert len(render(make()).encode()) <= LIMIT


def test_unknown_values_are_said_to_be_unknown() -> None:
    text = Page(render(records.minimal())).text
    for part in (
        "set [reference] retrain = 1",
        "set [reference] retrain = 2",
        "pass relearn=True to evaluate()",
        "pass pictures=True to evaluate()",
        "the run was started from Python",
        "it was not measured on this device",
        "None are recorded: every setting was given beforehand.",
        "the record gives no reasons",
    ):
        assert part in text
    assert text.lower().count("not known") > 15
    assert not re.search(
        r"\b(nan|NaN|None|null|undefined|inf)\b(?! are recorded|: the method)", text
    )


def test_no_scores_at_all() -> None:
    text = Page(render(records.minimal(scores={}))).text
    assert "Not known: the record holds no scores; run expunge evaluate." in text


def test_values_that_are_no_finite_numbers_are_unknown() -> None:
    scores = records.scores()
    scores["unlearned"]["mia"] = float("nan")
    record = records.full(scores=scores, avg_gap=float("nan"))
    text = Page(render(record)).text
    assert "nan" not in text.lower().replace("provenance", "")
    assert "not known: scores are missing" in text


def test_a_score_that_retrained_lacks_is_shown_without_a_distance() -> None:
    scores = records.scores()
    del scores["retrained"]["mia"]
    for one in scores.values():
        del one["test_loss"]
    rows = {row.words.field: row.cells for row in build(records.full(scores=scores))["rows"]}
    assert [(cell.value is None, cell.distance) for cell in rows["mia"]] == [
        (False, ""),
        (False, ""),
        (True, ""),
        (False, ""),
    ]
    assert "test_loss" not in rows


def test_zero_is_a_value() -> None:
    cost = {"seconds": 0.0, "samples_read": 0, "rte": 0.0, "peak_memory_bytes": 0}
    facts = {fact.label: fact.value for fact in build(records.full(cost=cost))["cost"]}
    assert facts["Samples read"] == "0"
    assert facts["Peak memory"] == "0 B"
    assert facts["RTE: unlearning / retraining"] == "0.000"
    bars = build(records.full(avg_gap=0.0, original_gap=0.0, floor=0.0))["bars"]
    assert [bar.width for bar in bars] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("status", ["pass", "fail", "cannot tell"])
def test_the_verdict_is_told_by_word_shape_and_colour(status: str) -> None:
    html = render(records.minimal(verdict={"status": status, "reasons": ["Because."]}))
    page = Page(html)
    kind = status.replace(" ", "-")
    assert any(attrs.get("class") == f"verdict {kind}" for _, attrs in page.tags)
    assert f"Verdict: {status.capitalize()}" in page.text
    assert f"<title>{status.capitalize()}: " in html
    shapes = {"pass": "circle", "fail": "M15 2h18", "cannot tell": "M24 1l23"}
    assert [other for other, mark in shapes.items() if mark in _sign(html)] == [status]


def _sign(html: str) -> str:
    found = re.search(r'<svg class="sign".*?</svg>', html, re.DOTALL)
    assert found
    return found[0]


def test_hostile_text_is_shown_as_text() -> None:
    html = render(records.hostile())
    page = Page(html)
    assert page.text.count(records.HOSTILE) > 15
    assert "49" not in page.text.split("Provenance")[-1]
    assert not any("onerror" in attrs for _, attrs in page.tags)
    assert "<script>alert" not in html
    assert html.count("</style>") == 1
    scripts = sum(tag == "script" for tag, _ in page.tags)
    assert scripts == html.lower().count("</script") == html.lower().count("<script")
    assert "no picture" in page.text


def test_the_runtime_cannot_close_its_element() -> None:
    code = inline("a='</script>';b='</SCRIPT >';c='<!-- <script>';d='<b>'")
    assert code == "a='<\\/script>';b='<\\/SCRIPT >';c='<\\!-- <script>';d='<b>'"


@pytest.mark.slow
def test_pictures_are_limited_and_checked() -> None:
    many = build(records.large())
    assert 0 < len(many["pictures"]) <= MOST_PICTURES
    assert many["more_pictures"] == 1600 - len(many["pictures"])
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(220_000)).decode()
    big = [{"label": "big", "png": png, "probability": {}}] * 3
    assert len(build(records.full(samples=big))["pictures"]) == 1
    broken = [{"label": "x", "png": "\u00e9", "probability": {}}]
    (picture,) = build(records.full(samples=broken))["pictures"]
    assert picture.png is None
    assert picture.odds == []


def test_unchanged_weights_are_pointed_out() -> None:
    model = {"name": "m", "parameters": 1, "sha256_before": "a", "sha256_after": "a"}
    assert "the weights were not changed" in Page(render(records.minimal(model=model))).text


def test_the_standing_sentence_is_not_repeated_as_a_reason() -> None:
    verdict = {"status": "pass", "reasons": ["Near.", "This is empirical evidence, not a proof."]}
    assert build(records.minimal(verdict=verdict))["reasons"] == ["Near."]


def test_many_warnings_fold(full: Page) -> None:
    assert "1 warning" in full.text
    text = Page(
        render(
            records.minimal(
                warnings=[{"code": "other", "text": f"Warning {i}."} for i in range(11)]
            )
        )
    ).text
    assert "11 warnings" in text
    assert "3 more" in text


def test_decisions_without_a_reason() -> None:
    method = {"name": "m", "hyperparameters": {}, "seed": 0, "decisions": {"lr": {"value": 0.5}}}
    assert "No reason was given." in Page(render(records.minimal(method=method))).text


def test_the_same_record_gives_the_same_page() -> None:
    record = records.full()
    again = Record.model_validate_json(record.to_json())
    assert render(record) == render(again)


def test_the_function_and_its_package_have_names_of_their_own() -> None:
    package = importlib.import_module("expunge.reporting")
    assert package.report is report
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = package.other


def test_report_writes_whole_files_or_none(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    report(records.minimal(), target)
    assert target.read_text(encoding="utf-8") == render(records.minimal())
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*choose a folder"):
        report(records.minimal(), tmp_path / "file" / "report.html")

"""What passes for a text-to-image model, what fails, and when nothing can be said."""

import pytest

from expunge.core.codes import Code
from expunge.core.schemas.record import Scores
from expunge.evaluation import NOT_A_PROOF, judge_generated


def make(forget: float | None, retain: float | None = 95.0, **more: float) -> Scores:
    return {"forget_accuracy": forget, "retain_accuracy": retain, **more}


def three(unlearned: Scores, **changes: Scores) -> dict[str, Scores]:
    return {
        "original": make(96.0), "unlearned": unlearned, "retrained": make(4.0), **changes
    }  # fmt: skip


def test_a_good_run_passes_with_numbers() -> None:
    verdict = judge_generated(three(make(12.0, 93.0)))
    assert verdict.status == "pass"
    for part in ("12 % of cases, 8 points from the 4 %", "96 % before", "93 % of cases, 95 %"):
        assert part in " ".join(verdict.reasons)
    assert verdict.reasons[-1] == NOT_A_PROOF


@pytest.mark.parametrize(
    ("unlearned", "word"),
    [
        (make(15.0), "11 points from the 4 % of the retrained model"),
        (make(4.0, 89.0), "a loss of 5 points is exceeded"),
        (make(96.0), "Nothing changed"),
    ],
)
def test_each_criterion_fails_alone(unlearned: Scores, word: str) -> None:
    verdict = judge_generated(three(unlearned))
    assert verdict.status == "fail"
    assert word in verdict.reasons[0]


def test_limits_themselves_pass() -> None:
    assert judge_generated(three(make(14.0, 90.0))).status == "pass"


def test_fewer_than_a_retrained_model_generates_is_as_far_as_more() -> None:
    high = {"retrained": make(40.0)}
    assert judge_generated(three(make(29.0), **high)).status == "fail"
    assert judge_generated(three(make(30.0), **high)).status == "pass"


def test_a_damaged_model_fails_even_without_a_retrained_one() -> None:
    scores = three(make(0.0, 50.0))
    del scores["retrained"]
    assert judge_generated(scores).status == "fail"


def test_without_a_retrained_model_numbers_are_told() -> None:
    scores = three(make(7.0))
    del scores["retrained"]
    verdict = judge_generated(scores)
    assert verdict.status == "cannot tell"
    assert "7 % of cases, 96 % before" in verdict.reasons[0]
    assert "decide what is good enough" in verdict.reasons[2]


def test_an_original_that_never_generated_it_says_nothing() -> None:
    verdict = judge_generated(three(make(8.0), retrained=make(90.0)))
    assert verdict.status == "cannot tell"
    assert "could not generate them well to begin with" in verdict.reasons[0]


def test_without_a_judge_nothing_is_counted() -> None:
    none = {name: {"forget_loss": float(n)} for n, name in enumerate(("original", "unlearned"))}
    assert judge_generated(none).status == "cannot tell"


def test_a_warning_that_nothing_was_forgotten_is_told() -> None:
    told = judge_generated(three(make(90.0)), changed=False)
    assert told.status == "fail"
    assert told.codes == [Code.FORGET_ACCURACY, Code.UNCHANGED]
    assert "Nothing was forgotten" in " ".join(told.reasons)

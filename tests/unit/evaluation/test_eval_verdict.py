"""Verdicts: what passes, what fails, and when nothing can be said."""

import pytest

from expunge.core.record import Scores
from expunge.evaluation import NOT_A_PROOF, judge


def make(forget: float, test: float = 90.0, mia: float = 10.0) -> Scores:
    return Scores(forget_accuracy=forget, retain_accuracy=99, test_accuracy=test, mia=mia)


ORIGINAL, RETRAINED = make(100, mia=2), make(91)


def three(unlearned: Scores) -> dict[str, Scores]:
    return {"original": ORIGINAL, "unlearned": unlearned, "retrained": RETRAINED}


def test_a_good_run_passes_with_numbers() -> None:
    verdict = judge(three(make(93, 89)), 1.0, 5.0, 0.3)
    assert verdict.status == "pass"
    text = " ".join(verdict.reasons)
    for part in ("93.0 %", "91.0 %", "2.0 points", "89.0 %", "1.00 points", "5.00"):
        assert part in text
    assert verdict.reasons[-1] == NOT_A_PROOF
    assert len(verdict.reasons) == 4


@pytest.mark.parametrize(
    ("unlearned", "gap", "word"),
    [
        (make(96.1), 1.0, "Forget accuracy is 96.1 %, 5.1 points"),
        (make(85.9), 1.0, "Forget accuracy is 85.9 %, 5.1 points"),
        (make(92, 86.9), 1.0, "Test accuracy is 86.9 %, 3.1 points"),
        (make(92, 93.1), 1.0, "Test accuracy is 93.1 %, 3.1 points"),
        (make(92), 2.6, "2.60 points, the original's 5.00; more than half"),
    ],
)
def test_each_criterion_fails_alone(unlearned: Scores, gap: float, word: str) -> None:
    verdict = judge(three(unlearned), gap, 5.0, 0.3)
    assert verdict.status == "fail"
    assert len(verdict.reasons) == 2
    assert word in verdict.reasons[0]
    assert verdict.reasons[-1] == NOT_A_PROOF


def test_all_failed_criteria_are_named() -> None:
    verdict = judge(three(make(80, 80)), 9.0, 5.0, None)
    assert (verdict.status, len(verdict.reasons)) == ("fail", 4)


def test_limits_themselves_pass() -> None:
    assert judge(three(make(96, 93)), 2.5, 5.0, None).status == "pass"


def test_an_independent_retrain_passes() -> None:
    assert judge(three(make(91.4, 89.8)), 0.4, 5.0, 0.4).status == "pass"


@pytest.mark.parametrize("reference", [True, False])
def test_an_untouched_original_fails(reference: bool) -> None:
    scores = three(ORIGINAL)
    if not reference:
        del scores["retrained"]
    verdict = judge(scores, 5.0, 5.0, 0.3)
    assert verdict.status == "fail"
    assert verdict.reasons[0].startswith("Nothing changed")


@pytest.mark.parametrize("reference", [True, False])
def test_a_run_that_forgot_nothing_fails(reference: bool) -> None:
    scores = three(make(99.9))
    if not reference:
        del scores["retrained"]
    verdict = judge(scores, 4.9, 5.0, None, changed=False)
    assert verdict.status == "fail"
    assert verdict.reasons[0].startswith("Nothing was forgotten: on the forget set")


def test_without_a_reference_nothing_can_be_told() -> None:
    scores = {"original": ORIGINAL, "unlearned": make(92)}
    verdict = judge(scores, None, None, None)
    assert verdict.status == "cannot tell"
    assert "no retrained model" in verdict.reasons[0]
    assert "[reference] retrain = 2" in verdict.reasons[0]
    assert verdict.reasons[-1] == NOT_A_PROOF


@pytest.mark.parametrize(
    ("original_gap", "floor", "status"),
    [
        (0.9, None, "cannot tell"),
        (1.0, None, "pass"),
        (1.4, 1.0, "cannot tell"),
        (1.5, 1.0, "cannot tell"),
        (1.6, 1.0, "pass"),
        (0.9, 0.1, "pass"),
    ],
)
def test_an_original_within_the_floor_cannot_be_told_from_retrained(
    original_gap: float, floor: float | None, status: str
) -> None:
    verdict = judge(three(make(92)), 0.2, original_gap, floor)
    assert verdict.status == status
    if status == "cannot tell":
        assert "too small, or too easy" in verdict.reasons[0]
        assert f"{original_gap:.2f}" in verdict.reasons[0]


def test_a_weak_test_excuses_neither_damage_nor_idleness() -> None:
    damaged = judge(three(make(92, 80)), 3.0, 0.5, None)
    assert damaged.status == "fail"
    assert "Test accuracy is 80.0 %" in damaged.reasons[0]
    assert judge(three(ORIGINAL), 0.5, 0.5, None).status == "fail"


def test_a_weak_test_excuses_a_retrain_that_scores_as_before() -> None:
    verdict = judge(three(make(99.9)), 0.4, 0.5, None, changed=False)
    assert verdict.status == "cannot tell"


def test_missing_scores_are_named_unless_something_failed() -> None:
    holed = make(92).model_copy(update={"test_accuracy": None, "mia": None})
    verdict = judge(three(holed), None, None, None)
    assert verdict.status == "cannot tell"
    assert verdict.reasons[0].startswith("Test accuracy is not known")
    assert "average gap to retrained is not known" in verdict.reasons[1]
    bad = make(50).model_copy(update={"test_accuracy": None})
    assert judge(three(bad), None, None, None).status == "fail"

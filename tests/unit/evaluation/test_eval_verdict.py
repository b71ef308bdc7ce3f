"""Verdicts: what passes, what fails, and when nothing can be said."""

import pytest

from expunge.core.codes import Code
from expunge.core.schemas.record import Scores
from expunge.evaluation import NOT_A_PROOF, judge


def make(forget: float, test: float = 90.0, mia: float = 10.0) -> Scores:
    return {
        "forget_accuracy": forget, "retain_accuracy": 99.0, "test_accuracy": test, "mia": mia,
    }  # fmt: skip


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
    assert len(verdict.reasons) == 6


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
    assert verdict.codes == [Code.UNCHANGED]
    assert verdict.reasons[0].startswith("Nothing was forgotten: ")


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
    holed = make(92) | {"test_accuracy": None, "mia": None}
    verdict = judge(three(holed), None, None, None)
    assert verdict.status == "cannot tell"
    assert verdict.reasons[0].startswith("Test accuracy is not known")
    assert verdict.reasons[1].startswith(
        "What the membership attack takes for unseen of the forget"
    )
    assert "average gap to retrained is not known" in verdict.reasons[2]
    bad = make(50) | {"test_accuracy": None}
    assert judge(three(bad), None, None, None).status == "fail"


def test_codes_and_criteria_say_what_the_sentences_say() -> None:
    good = judge(three(make(93, 89)), 1.0, 5.0, 0.3)
    names = ["forget-accuracy", "test-accuracy", "retain-accuracy", "membership", "average-gap"]
    assert good.codes == names
    forget, test, *_, gap = good.criteria
    assert (forget.met, forget.value, forget.aim, forget.bound) == (True, 93.0, 91.0, 5.0)
    assert (test.met, gap.met, gap.value, gap.bound) == (True, True, 1.0, 2.5)
    bad = judge(three(make(80, 89)), 1.0, 5.0, 0.3)
    assert bad.codes == [Code.FORGET_ACCURACY]
    assert [one.met for one in bad.criteria] == [False, True, True, True, True]
    weak = judge(three(make(92, 80)), 3.0, 0.5, None)
    assert weak.codes == [Code.TEST_ACCURACY, Code.TOO_WEAK]
    alone = {"original": ORIGINAL, "unlearned": make(92)}
    assert judge(alone, None, None, None).codes == [Code.NO_REFERENCE]
    assert judge(three(ORIGINAL), 5.0, 5.0, 0.3).codes == [Code.SAME_SCORES]


def kept(value: float, mia: float | None = 10.0) -> Scores:
    return make(92) | {"retain_accuracy": value, "mia": mia}


@pytest.mark.parametrize(
    ("unlearned", "code", "word"),
    [
        (kept(60), Code.RETAIN_ACCURACY, "Retain accuracy is 60.0 %, 39.0 points from the 99.0 %"),
        (kept(95.9), Code.RETAIN_ACCURACY, "more than the 3 that are allowed"),
        (kept(99, 88), Code.MEMBERSHIP, "is 88.0 %, 78.0 points from the 10.0 %"),
        (kept(99, 20.1), Code.MEMBERSHIP, "more than the 10 that are allowed"),
    ],
)
def test_damage_and_an_attack_that_answers_otherwise_fail(
    unlearned: Scores, code: Code, word: str
) -> None:
    """Class-wise, the average gap alone lets both pass: the original is a hundred points away."""
    verdict = judge(three(unlearned), 20.0, 80.0, 0.3)
    assert (verdict.status, verdict.codes) == ("fail", [code])
    assert word in verdict.reasons[0]


def test_better_on_what_is_kept_is_no_fault() -> None:
    scores = three(kept(99.9))
    scores["retrained"] = RETRAINED | {"retain_accuracy": 90.0}
    verdict = judge(scores, 1.0, 5.0, 0.3)
    assert verdict.status == "pass"
    assert "Retain accuracy is 99.9 %, above the 90.0 %" in verdict.reasons[2]


@pytest.mark.parametrize(
    ("mia", "again", "size", "met"),
    [
        (20.0, None, None, True),
        (21.0, None, None, False),
        (21.0, 11.5, None, True),  # two retrained models differ by 1.5
        (35.0, None, 16, True),  # 10 + 2 * sqrt(10 * 90 / 16) = 25
        (35.1, None, 16, False),
    ],
)
def test_chance_is_left_to_the_attack(
    mia: float, again: float | None, size: int | None, met: bool
) -> None:
    scores = three(make(92, mia=mia))
    if again is not None:
        scores["retrained_again"] = make(91, mia=again)
    found = judge(scores, 1.0, 5.0, 0.3, forget_size=size)
    assert [one.met for one in found.criteria if one.code == Code.MEMBERSHIP] == [met]


def test_an_attack_that_learns_nothing_of_retrained_is_no_criterion() -> None:
    scores = three(make(92))
    scores["retrained"] = RETRAINED | {"mia": None}
    found = judge(scores, 1.0, 5.0, 0.3)
    assert found.status == "pass"
    assert Code.MEMBERSHIP not in found.codes


def test_a_model_that_the_attack_learns_nothing_of_does_not_pass_by_that() -> None:
    found = judge(three(make(92) | {"mia": None}), None, 5.0, 0.3)
    assert found.status == "cannot tell"
    assert found.codes == [Code.MEMBERSHIP, Code.AVERAGE_GAP]


def test_the_weights_of_the_original_fail_whatever_is_answered() -> None:
    found = judge(three(make(91)), 0.1, 5.0, 0.3, same_weights=True)
    assert (found.status, found.codes) == ("fail", [Code.SAME_WEIGHTS])
    assert found.reasons[0].startswith("No weight changed")

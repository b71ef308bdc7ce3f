"""One word about a run, and the sentences behind it."""

import math
from collections.abc import Mapping, Sequence

from ..core.codes import Code
from ..core.schemas.record import Criterion, Scores, Status, Verdict

NOT_A_PROOF = "This is empirical evidence, not a proof."
"""Stands at the end of every verdict; other pages show it, too."""

NO_REFERENCE = (
    "There is no retrained model to compare with, so it is not known what the scores should "
    "be. Train one on the retained data alone and give it as the retrained reference (in a "
    "config: [reference] retrain = 2)."
)
SAME_SCORES = "Nothing changed: all scores are those of the original model."
SAME_WEIGHTS = (
    "No weight changed: all parameters are those of the original model. What is different stands "
    "beside them, such as a buffer that hides an answer, and can be taken off again."
)
UNCHANGED = (
    "Nothing was forgotten: on the forget set loss and accuracy are as before, so the run did "
    "not act on what it was asked to forget."
)
FORGET_POINTS = 5.0
TEST_POINTS = 3.0
ATTACK_POINTS = 10.0
GAP_SHARE = 0.5
FLOOR_FACTOR = 1.5
LEAST_GAP = 1.0


def judge(
    scores: Mapping[str, Scores],
    avg_gap: float | None,
    original_gap: float | None,
    floor: float | None,
    *,
    changed: bool = True,
    same_weights: bool = False,
    forget_size: int | None = None,
) -> Verdict:
    """Compare an unlearned model with a retrained one.

    ``"pass"``: forget accuracy within 5 points of retrained, test accuracy within 3, retain
    accuracy no more than 3 below, the membership attack within 10 points (and what chance makes of
    a forget set of this size, and two retrained models differ in), and an Avg. Gap of at most
    half the original's. ``"cannot tell"``: no retrained reference, or a score is missing, or the
    original is itself as close to retrained as chance allows (1.5 times the floor, or 1 point
    without a floor), so that nothing can be told apart. ``"fail"``: else, and whenever nothing
    changed. What is certain in spite of a weak test still fails: test or retain accuracies that
    are off, scores or weights of the original.

    Args:
        scores: ``original``, ``unlearned`` and perhaps ``retrained``.
        avg_gap: Distance of unlearned to retrained, points.
        original_gap: Distance of original to retrained, points.
        floor: Distance of a second retrained model to the first, points.
        changed: Whether the run changed any answer on the forget set.
        same_weights: Whether all parameters are those of the original, whatever it answers.
        forget_size: Samples of D_f; None leaves chance out of the membership attack.

    Returns:
        The verdict; its last sentence is ``NOT_A_PROOF``.
    """
    if same_weights and scores["unlearned"] != scores["original"]:
        found = _plain("fail", Code.SAME_WEIGHTS, SAME_WEIGHTS)
    else:
        found = _decide(scores, avg_gap, original_gap, floor, changed, forget_size)
    return found.model_copy(update={"reasons": [*found.reasons, NOT_A_PROOF]})


def _decide(
    scores: Mapping[str, Scores],
    avg_gap: float | None,
    original_gap: float | None,
    floor: float | None,
    changed: bool,
    forget_size: int | None,
) -> Verdict:
    unlearned, retrained = scores["unlearned"], scores.get("retrained")
    if unlearned == scores["original"]:
        return _plain("fail", Code.SAME_SCORES, SAME_SCORES)
    weak = _too_weak(original_gap, floor) if retrained else None
    if not changed and not weak:
        return _plain("fail", Code.UNCHANGED, UNCHANGED)
    if retrained is None:
        return _plain("cannot tell", Code.NO_REFERENCE, NO_REFERENCE)
    criteria = [
        near(Code.FORGET_ACCURACY, unlearned, retrained, "forget_accuracy", FORGET_POINTS),
        near(Code.TEST_ACCURACY, unlearned, retrained, "test_accuracy", TEST_POINTS),
        _kept(unlearned, retrained),
        *_attacked(unlearned, retrained, scores.get("retrained_again"), forget_size),
        _halved(avg_gap, original_gap),
    ]
    if weak:
        if certain := [one for one in criteria[1:3] if one.met is False]:
            return Verdict(
                status="fail", codes=[*(one.code for one in certain), Code.TOO_WEAK],
                criteria=criteria, reasons=[*map(sentence, certain), weak],
            )  # fmt: skip
        return Verdict(
            status="cannot tell", codes=[Code.TOO_WEAK], criteria=criteria, reasons=[weak]
        )
    return decided(criteria, [sentence(one) for one in criteria])


def decided(criteria: Sequence[Criterion], sentences: Sequence[str]) -> Verdict:
    """Fail if a criterion is not met, cannot tell if one is not known, else pass.

    ``codes`` and ``reasons`` are those of the criteria that decided it.
    """
    outcomes: list[tuple[bool | None, Status]] = [(False, "fail"), (None, "cannot tell")]
    found: tuple[Status, list[int]] = "pass", list(range(len(criteria)))
    for outcome, status in reversed(outcomes):
        if chosen := [at for at, one in enumerate(criteria) if one.met is outcome]:
            found = status, chosen
    return Verdict(
        status=found[0],
        codes=[criteria[at].code for at in found[1]],
        criteria=list(criteria),
        reasons=[sentences[at] for at in found[1]],
    )


def _plain(status: Status, code: Code, text: str) -> Verdict:
    return Verdict(status=status, codes=[code], reasons=[text])


def _too_weak(original_gap: float | None, floor: float | None) -> str | None:
    """Why no verdict is possible although there is a reference, or None."""
    if original_gap is None:
        return None
    limit = LEAST_GAP if floor is None else FLOOR_FACTOR * floor
    if original_gap > limit or (floor is None and original_gap == limit):
        return None
    chance = (
        f"{LEAST_GAP:g} point, and there is no second retrain to say what chance alone makes"
        if floor is None
        else f"{FLOOR_FACTOR:g} times the {floor:.2f} points between two retrains"
    )
    return (
        f"The original model is itself only {original_gap:.2f} points from retrained, less than "
        f"{chance}: the forget set is too small, or too easy, for these scores to tell "
        "forgetting from chance."
    )


def near(code: Code, one: Scores, other: Scores, metric: str, points: float) -> Criterion:
    """Whether two models agree in a score to so many points."""
    value, aim = one.get(metric), other.get(metric)
    known = value is not None and aim is not None
    met = abs(value - aim) <= points if value is not None and aim is not None else None
    return Criterion(
        code=code, met=met, value=value if known else None, aim=aim if known else None, bound=points
    )


def _kept(one: Scores, other: Scores) -> Criterion:
    """Whether D_r is answered as well as by a retrained model; better is no fault."""
    found = near(Code.RETAIN_ACCURACY, one, other, "retain_accuracy", TEST_POINTS)
    if found.value is None or found.aim is None:
        return found
    return found.model_copy(update={"met": found.value >= found.aim - TEST_POINTS})


def _attacked(
    one: Scores, other: Scores, again: Scores | None, size: int | None
) -> list[Criterion]:
    """Whether the membership attack answers alike; nothing where it learns nothing of retrained."""
    if (aim := other.get("mia")) is None:
        return []
    second = None if again is None else again.get("mia")
    spread = 0.0 if second is None else abs(aim - second)
    # Two standard errors of a share of so many samples, in points.
    chance = 0.0 if size is None else 2 * math.sqrt(aim * (100 - aim) / size)
    return [near(Code.MEMBERSHIP, one, other, "mia", ATTACK_POINTS + spread + chance)]


def _halved(avg_gap: float | None, original_gap: float | None) -> Criterion:
    if avg_gap is None or original_gap is None:
        return Criterion(code=Code.AVERAGE_GAP, met=None)
    bound = GAP_SHARE * original_gap
    return Criterion(
        code=Code.AVERAGE_GAP, met=avg_gap <= bound, value=avg_gap, aim=original_gap, bound=bound
    )


_NAMES = {
    Code.FORGET_ACCURACY: "Forget accuracy",
    Code.TEST_ACCURACY: "Test accuracy",
    Code.RETAIN_ACCURACY: "Retain accuracy",
    Code.MEMBERSHIP: "What the membership attack takes for unseen of the forget set",
}


def sentence(one: Criterion) -> str:
    """A criterion of a classifier in words."""
    value, aim, bound = one.value, one.aim, one.bound
    if one.code == Code.AVERAGE_GAP:
        if value is None or aim is None:
            return (
                "The average gap to retrained is not known, because it needs accuracies and a "
                "membership attack on forget, retain and test sets."
            )
        return (
            f"The average gap to retrained is {value:.2f} points, the original's "
            f"{aim:.2f}; {'at most' if one.met else 'more than'} half of it"
            f"{'' if one.met else ', which is not close enough'}."
        )
    name = _NAMES[Code(one.code)]
    if value is None or aim is None:
        return f"{name} is not known, so it cannot be compared with the retrained model."
    if one.code == Code.RETAIN_ACCURACY and value > aim:
        return f"{name} is {value:.1f} %, above the {aim:.1f} % of the retrained model."
    return (
        f"{name} is {value:.1f} %, {abs(value - aim):.1f} points from the {aim:.1f} % of the "
        f"retrained model; {'within' if one.met else 'more than'} the {bound:.3g} that are allowed."
    )

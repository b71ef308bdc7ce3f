"""One word about a run, and the sentences behind it."""

from collections.abc import Mapping
from typing import Literal

from ..core.record import Scores, Verdict

NOT_A_PROOF = "This is empirical evidence, not a proof."
"""Stands at the end of every verdict; other pages show it, too."""

NO_REFERENCE = (
    "There is no retrained model to compare with, so it is not known what the scores should "
    "be. Train one on the retained data alone and give it as the retrained reference (in a "
    "config: [reference] retrain = 2)."
)
UNCHANGED = (
    "Nothing was forgotten: on the forget set the scores of the run are as before. Use a larger "
    "learning rate, more epochs, or whatever makes this method act more strongly."
)
FORGET_POINTS = 5.0
TEST_POINTS = 3.0
GAP_SHARE = 0.5
FLOOR_FACTOR = 1.5
LEAST_GAP = 1.0

_Criterion = tuple[bool | None, str]


def judge(
    scores: Mapping[str, Scores],
    avg_gap: float | None,
    original_gap: float | None,
    floor: float | None,
    *,
    changed: bool = True,
) -> Verdict:
    """Compare an unlearned model with a retrained one.

    ``"pass"``: forget accuracy within 5 points of retrained, test accuracy within 3, and
    an Avg. Gap of at most half the original's. ``"cannot tell"``: no retrained reference, or
    a score is missing, or the original is itself as close to retrained as chance allows
    (1.5 times the floor, or 1 point without a floor), so that nothing can be told apart.
    ``"fail"``: else, and whenever nothing changed. What is certain in spite of a weak test
    still fails: a test accuracy that is off, and scores that equal the original's.

    Args:
        scores: ``original``, ``unlearned`` and perhaps ``retrained``.
        avg_gap: Distance of unlearned to retrained, points.
        original_gap: Distance of original to retrained, points.
        floor: Distance of a second retrained model to the first, points.
        changed: False if the run left the scores on the forget set as they were (see
            ``Unlearned.changed``).

    Returns:
        The verdict; its last sentence is ``NOT_A_PROOF``.
    """
    status, reasons = _decide(scores, avg_gap, original_gap, floor, changed)
    return Verdict(status=status, reasons=[*reasons, NOT_A_PROOF])


def _decide(
    scores: Mapping[str, Scores],
    avg_gap: float | None,
    original_gap: float | None,
    floor: float | None,
    changed: bool,
) -> tuple[Literal["pass", "fail", "cannot tell"], list[str]]:
    unlearned, retrained = scores["unlearned"], scores.get("retrained")
    if unlearned == scores["original"]:
        return "fail", ["Nothing changed: all scores are those of the original model."]
    weak = _too_weak(original_gap, floor) if retrained else None
    if not changed and not weak:
        return "fail", [UNCHANGED]
    if retrained is None:
        return "cannot tell", [NO_REFERENCE]
    by_accuracy = [
        _near(
            "Forget accuracy", unlearned.forget_accuracy, retrained.forget_accuracy, FORGET_POINTS
        ),
        _near("Test accuracy", unlearned.test_accuracy, retrained.test_accuracy, TEST_POINTS),
    ]
    if weak:
        certain = by_accuracy[1]
        return ("fail", [certain[1], weak]) if certain[0] is False else ("cannot tell", [weak])
    criteria = [*by_accuracy, _halved(avg_gap, original_gap)]
    for outcome, status in ((False, "fail"), (None, "cannot tell")):
        if found := [sentence for met, sentence in criteria if met is outcome]:
            return status, found  # type: ignore[return-value]
    return "pass", [sentence for _, sentence in criteria]


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


def _near(name: str, value: float | None, aim: float | None, points: float) -> _Criterion:
    if value is None or aim is None:
        return None, f"{name} is not known, so it cannot be compared with the retrained model."
    distance = abs(value - aim)
    met = distance <= points
    return met, (
        f"{name} is {value:.1f} %, {distance:.1f} points from the {aim:.1f} % of the retrained "
        f"model; {'within' if met else 'more than'} the {points:g} that are allowed."
    )


def _halved(avg_gap: float | None, original_gap: float | None) -> _Criterion:
    if avg_gap is None or original_gap is None:
        return None, (
            "The average gap to retrained is not known, because it needs accuracies and a "
            "membership attack on forget, retain and test sets."
        )
    met = avg_gap <= GAP_SHARE * original_gap
    return met, (
        f"The average gap to retrained is {avg_gap:.2f} points, the original's "
        f"{original_gap:.2f}; {'at most' if met else 'more than'} half of it"
        f"{'' if met else ', which is not close enough'}."
    )

"""The verdict on a text-to-image model, and the sentences behind it."""

from collections.abc import Mapping

from ...core.codes import Code
from ...core.schemas.record import Criterion, Scores, Verdict
from ..verdict import NOT_A_PROOF, SAME_SCORES, UNCHANGED, near

FORGET_POINTS = 10.0
KEEP_POINTS = 5.0

NO_JUDGE = (
    "No classifier has judged the images, so nothing is counted; look at them yourself, "
    "or give a judge that knows these concepts."
)
NO_RETRAINED = (
    "There is no retrained model to compare with. That is usual for a concept: a model that "
    "was never trained on it may still generate something like it, so look at the images and "
    "decide what is good enough."
)


def judge_generated(scores: Mapping[str, Scores], *, changed: bool = True) -> Verdict:
    """Compare what an unlearned model generates with a retrained and the original one.

    ``"pass"``: images of the forgotten concepts are recognised within 10 points as often as
    those of a retrained model, and those of kept concepts at most 5 points less often than
    the original's. ``"cannot tell"``: no judge, no retrained model, or an original whose
    images of the concepts are recognised no more often than a retrained one's. ``"fail"``:
    else, and whenever kept concepts suffered or nothing changed.

    Args:
        scores: ``original``, ``unlearned`` and perhaps ``retrained``, accuracies by a judge.
        changed: Whether the run changed the loss on the forget set.

    Returns:
        The verdict; its last sentence is ``NOT_A_PROOF``.
    """
    found = _decide(scores, changed)
    return found.model_copy(update={"reasons": [*found.reasons, NOT_A_PROOF]})


def _decide(scores: Mapping[str, Scores], changed: bool) -> Verdict:
    before, after = scores["original"], scores["unlearned"]
    known, now = before.get("forget_accuracy"), after.get("forget_accuracy")
    if before == after:
        return Verdict(status="fail", codes=[Code.SAME_SCORES], reasons=[SAME_SCORES])
    if now is None or known is None:
        return Verdict(codes=[Code.NO_JUDGE], reasons=[NO_JUDGE])
    kept = _kept(before, after)
    if kept is not None and not kept.met:
        return Verdict(
            status="fail", codes=[kept.code], criteria=[kept], reasons=[_kept_sentence(kept)]
        )
    also = [] if kept is None else [kept]
    retrained = scores.get("retrained", {})
    if retrained.get("forget_accuracy") is None:
        seen = (
            f"Images of the forgotten concepts are recognised in {now:.0f} % of cases, "
            f"{known:.0f} % before."
        )
        told = [seen, *map(_kept_sentence, also), NO_RETRAINED]
        return Verdict(codes=[Code.NO_REFERENCE], criteria=also, reasons=told)
    return _compared(known, after, retrained, also, changed)


def _compared(
    known: float, after: Scores, retrained: Scores, also: list[Criterion], changed: bool
) -> Verdict:
    """The verdict beside a retrained model; ``known`` is the original's forget accuracy."""
    aim = retrained["forget_accuracy"] or 0.0
    if known - aim <= FORGET_POINTS:
        text = (
            f"The original's images of the forgotten concepts are recognised in {known:.0f} % of "
            f"cases, hardly more often than the {aim:.0f} % of a retrained model: it could not "
            "generate them well to begin with."
        )
        return Verdict(codes=[Code.NEVER_KNOWN], criteria=also, reasons=[text])
    close = near(Code.FORGET_ACCURACY, after, retrained, "forget_accuracy", FORGET_POINTS)
    criteria, first = [close, *also], _close_sentence(close, known)
    if close.met:
        told = [first, *map(_kept_sentence, also)]
        return Verdict(
            status="pass", codes=[one.code for one in criteria], criteria=criteria, reasons=told
        )
    return Verdict(
        status="fail",
        codes=[close.code, *([] if changed else [Code.UNCHANGED])],
        criteria=criteria,
        reasons=[first, *([] if changed else [UNCHANGED])],
    )


def _kept(before: Scores, after: Scores) -> Criterion | None:
    """Whether kept concepts are recognised nearly as often as before; None if not known."""
    was, now = before.get("retain_accuracy"), after.get("retain_accuracy")
    if was is None or now is None:
        return None
    met = was - now <= KEEP_POINTS
    return Criterion(code=Code.RETAIN_ACCURACY, met=met, value=now, aim=was, bound=KEEP_POINTS)


def _kept_sentence(one: Criterion) -> str:
    return (
        f"Images of kept concepts are recognised in {one.value:.0f} % of cases, "
        f"{one.aim:.0f} % before; a loss of {one.bound:g} points is "
        f"{'not exceeded' if one.met else 'exceeded'}."
    )


def _close_sentence(one: Criterion, before: float) -> str:
    distance = abs((one.value or 0.0) - (one.aim or 0.0))
    return (
        f"Images of the forgotten concepts are recognised in {one.value:.0f} % of "
        f"cases, {distance:.0f} points from the {one.aim:.0f} % of the retrained model "
        f"({before:.0f} % before); {'within' if one.met else 'more than'} the "
        f"{one.bound:g} that are allowed."
    )

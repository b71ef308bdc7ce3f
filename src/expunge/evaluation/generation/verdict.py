"""One word about a model that draws, and the sentences behind it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ...core.schemas.record import Scores, Verdict
from ..verdict import NOT_A_PROOF

FORGET_POINTS = 10.0
KEEP_POINTS = 5.0

NO_JUDGE = (
    "No classifier has looked at the drawings, so nothing is counted; look at them yourself, "
    "or give a judge that knows these words."
)
NO_RETRAINED = (
    "There is no retrained model to compare with. That is usual for a word: a model that "
    "never read it may still draw what it means, so look at the drawings and decide what is "
    "good enough."
)


def judge_drawings(scores: Mapping[str, Scores], warnings: Sequence[str] = ()) -> Verdict:
    """Compare what an unlearned model draws with what a retrained and the original one draw.

    ``"pass"``: drawings of the forgotten words are recognised within 10 points as often as
    those of a retrained model, and those of kept words at most 5 points less often than
    the original's. ``"cannot tell"``: no judge, no retrained model, or an original that draws
    the words no better than a retrained one. ``"fail"``: else, and whenever kept words
    suffered or nothing changed.

    Args:
        scores: ``original``, ``unlearned`` and perhaps ``retrained``, accuracies by a judge.
        warnings: Of the run; "nothing was forgotten" counts.

    Returns:
        The verdict; its last sentence is ``NOT_A_PROOF``.
    """
    status, reasons = _decide(scores, warnings)
    return Verdict(status=status, reasons=[*reasons, NOT_A_PROOF])


def _decide(
    scores: Mapping[str, Scores], warnings: Sequence[str]
) -> tuple[Literal["pass", "fail", "cannot tell"], list[str]]:
    before, after = scores["original"], scores["unlearned"]
    if before == after:
        return "fail", ["Nothing changed: all scores are those of the original model."]
    if after.forget_accuracy is None or before.forget_accuracy is None:
        return "cannot tell", [NO_JUDGE]
    kept = _kept(before, after)
    if kept and not kept[0]:
        return "fail", [kept[1]]
    also = [kept[1]] if kept else []
    aim = scores["retrained"].forget_accuracy if "retrained" in scores else None
    if aim is None:
        told = f"Drawings of the forgotten words are recognised in {after.forget_accuracy:.0f} %"
        told += f" of cases, {before.forget_accuracy:.0f} % before."
        return "cannot tell", [told, *also, NO_RETRAINED]
    if before.forget_accuracy - aim <= FORGET_POINTS:
        return "cannot tell", [
            f"The original's drawings of the forgotten words are recognised in "
            f"{before.forget_accuracy:.0f} % of cases, hardly more often than the {aim:.0f} % of "
            "a retrained model: it could not draw them well to begin with."
        ]
    distance = abs(after.forget_accuracy - aim)
    met = distance <= FORGET_POINTS
    told = (
        f"Drawings of the forgotten words are recognised in {after.forget_accuracy:.0f} % of "
        f"cases, {distance:.0f} points from the {aim:.0f} % of the retrained model "
        f"({before.forget_accuracy:.0f} % before); {'within' if met else 'more than'} the "
        f"{FORGET_POINTS:g} that are allowed."
    )
    unchanged = [text for text in warnings if text.startswith("nothing was forgotten")]
    return ("pass", [told, *also]) if met else ("fail", [told, *unchanged])


def _kept(before: Scores, after: Scores) -> tuple[bool, str] | None:
    if before.retain_accuracy is None or after.retain_accuracy is None:
        return None
    lost = before.retain_accuracy - after.retain_accuracy
    met = lost <= KEEP_POINTS
    return met, (
        f"Drawings of kept words are recognised in {after.retain_accuracy:.0f} % of cases, "
        f"{before.retain_accuracy:.0f} % before; a loss of {KEEP_POINTS:g} points is "
        f"{'not exceeded' if met else 'exceeded'}."
    )

"""Avg. Gap: how far a model's scores are from those of a retrained one."""

from collections.abc import Sequence

from ..core.errors import InputError
from ..core.schemas.record import Scores

_ATTACK = "mia"
GENERATOR_GAP = ("forget_accuracy", "retain_accuracy")
GAP_FIELDS = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")


def average_gap(
    scores: Scores, reference: Scores, names: Sequence[str] = GAP_FIELDS
) -> float | None:
    """Mean absolute difference of the four scores of the paper, or of others.

    Args:
        scores: Of the model that is judged; to judge several seeds, their ``mean_scores``.
        reference: Of a retrained model, or the ``mean_scores`` of several.
        names: Of scores in percent; those of the paper by default.

    Returns:
        Points, in [0, 100]; None if one of them is missing on either side, because a mean of
        fewer cannot be compared with other gaps. Where the attack learns nothing of the reference
        (see ``membership_svc``), the mean is that of the others, for all models alike; a model
        that the attack learns nothing of does not get rid of the term so.
    """
    asked = [name for name in names if name != _ATTACK or reference.get(_ATTACK) is not None]
    pairs = [(scores.get(name), reference.get(name)) for name in asked]
    known = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    return sum(known) / len(pairs) if known and len(known) == len(pairs) else None


def mean_scores(references: Sequence[Scores]) -> Scores:
    """Field by field mean of several models; None where one of them has no value.

    Raises:
        InputError: If there is no model.
    """
    if not references:
        raise InputError("expected the scores of at least one model, got none")
    names = dict.fromkeys(name for scores in references for name in scores)
    found: Scores = {}
    for name in names:
        known = [value for one in references if (value := one.get(name)) is not None]
        found[name] = sum(known) / len(known) if len(known) == len(references) else None
    return found

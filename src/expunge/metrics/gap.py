"""Avg. Gap: how far a model's scores are from those of a retrained one."""

from collections.abc import Sequence

from ..core.errors import InputError
from ..core.schemas.record import Scores

GAP_FIELDS = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")


def average_gap(scores: Scores, reference: Scores) -> float | None:
    """Mean absolute difference of the four scores of the paper.

    Args:
        scores: Of the model that is judged; to judge several seeds, their ``mean_scores``.
        reference: Of a retrained model, or the ``mean_scores`` of several.

    Returns:
        Points, in [0, 100]; None if one of the four is missing on either side, because a
        mean of fewer cannot be compared with other gaps.
    """
    pairs = [(getattr(scores, name), getattr(reference, name)) for name in GAP_FIELDS]
    if any(one is None or other is None for one, other in pairs):
        return None
    return float(sum(abs(one - other) for one, other in pairs) / len(pairs))


def mean_scores(references: Sequence[Scores]) -> Scores:
    """Field by field mean of several models; None where one of them has no value.

    Raises:
        InputError: If there is no model.
    """
    if not references:
        raise InputError("expected the scores of at least one model, got none")
    columns = {
        name: [getattr(scores, name) for scores in references] for name in Scores.model_fields
    }
    return Scores(
        **{
            name: None if None in values else sum(values) / len(values)
            for name, values in columns.items()
        }
    )

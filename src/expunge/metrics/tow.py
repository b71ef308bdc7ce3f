"""ToW: how near a model's accuracies are to a retrained one's, as one product."""

from math import prod

from ..core.schemas.record import Scores

TOW_FIELDS = ("forget_accuracy", "retain_accuracy", "test_accuracy")


def tug_of_war(scores: Scores, reference: Scores) -> float | None:
    """Tug-of-war: the product of 1 - |difference of accuracies| over D_f, D_r and D_t.

    A product, unlike the mean of Avg. Gap, falls to 0 as soon as one of the three is as
    wrong as can be, however well the others are met. From Zhao et al., "What makes
    unlearning hard and what to do about it", NeurIPS 2024.

    Args:
        scores: Of the model that is judged, accuracies in percent.
        reference: Of a retrained model, or the ``mean_scores`` of several.

    Returns:
        A share in [0, 1] for accuracies in [0, 100]; 1 for the reference itself. None if one
        of the accuracies is missing on either side.
    """
    pairs = [(scores.get(name), reference.get(name)) for name in TOW_FIELDS]
    factors = [
        1 - abs(one - other) / 100 for one, other in pairs if one is not None and other is not None
    ]
    return float(prod(factors)) if len(factors) == len(pairs) else None

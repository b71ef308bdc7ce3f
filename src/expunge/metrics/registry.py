"""What every number in a record means: unit, bounds, and which way is good."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from ..core.checks import check_choice
from ..core.errors import InputError

_PAPER = "Wu & Harandi, Scissorhands, ECCV 2024, section 4"
_TOW = "Zhao et al., What makes unlearning hard and what to do about it, NeurIPS 2024"
_CKA = "Kornblith et al., Similarity of neural network representations revisited, ICML 2019"
_RELEARN = "Golatkar et al., Eternal sunshine of the spotless net, CVPR 2020"
_FID = "Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017"
_CONFUSION = "Goel et al., Towards adversarial evaluations for inexact machine unlearning, 2022"


@dataclass(frozen=True)
class Metric:
    """The declaration of one number.

    ``direction`` is ``"close to retrain"`` where the value of a retrained model is the
    aim (neither high nor low is good in itself). It is ``"low"`` or ``"high"`` where the
    number is itself a comparison with a retrained model, and 0 or 1 is the aim. RTE is
    such a comparison, too, but of costs.
    """

    name: str
    unit: str
    low: float
    high: float
    direction: Literal["close to retrain", "low", "high"] = "close to retrain"
    reference: str = _PAPER


_ALL = (
    Metric("forget_accuracy", "percent", 0, 100),
    Metric("retain_accuracy", "percent", 0, 100),
    Metric("test_accuracy", "percent", 0, 100),
    Metric("mia", "percent", 0, 100),
    Metric("forget_loss", "unit of the task", -inf, inf),
    Metric("retain_loss", "unit of the task", -inf, inf),
    Metric("test_loss", "unit of the task", -inf, inf),
    Metric("fid", "squared unit of the features", 0, inf, reference=_FID),
    Metric("relearn", "percent", 0, 100),
    Metric("relearn_time", "steps", 0, inf, reference=_RELEARN),
    Metric("canary_accuracy", "percent", 0, 100, reference=_CONFUSION),
    Metric("canary_recovery", "percent", 0, 100, reference=_CONFUSION),
    Metric("avg_gap", "points", 0, 100, "low"),
    Metric("tow", "share", 0, 1, "high", _TOW),
    Metric("cka", "share", 0, 1, "high", _CKA),
    Metric("rte", "share of the time of a retrain", 0, inf, "low"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by the name that records and results use."""


def distance(metric: Metric | str, value: float, reference: float) -> float:
    """How far a value is from what retraining gives; 0 is best.

    ``"close to retrain"``: the absolute difference, so that forgetting too much is as bad
    as too little. ``"low"``: what ``value`` has above ``reference``; ``"high"``: what it has
    below. There, a value beyond that of the retrain (a smaller cost, a gap below the
    floor) is as good as the retrain's and no better: nothing beats retraining.

    Args:
        metric: One of ``METRICS``, or its name.
        value: Of the model that is judged, within the bounds of the metric. A relearn time
            that was not reached is ``inf``.
        reference: The same number of a retrained model. For ``avg_gap``, ``tow`` and ``cka``
            that is 0, 1 and 1 (the reference with itself), or what a second retrain
            has.

    Returns:
        A number >= 0 in the unit of the metric; 0 if ``value`` equals ``reference``.

    Raises:
        InputError: If the name is unknown, or a number is NaN or out of bounds.
    """
    if isinstance(metric, str):
        check_choice(METRICS, metric=metric)
        metric = METRICS[metric]
    for name, number in (("value", value), ("reference", reference)):
        if not metric.low <= number <= metric.high:
            raise InputError(
                f"expected {name} of {metric.name} to be between {metric.low:g} and "
                f"{metric.high:g} ({metric.unit}), got {number!r}"
            )
    if value == reference:  # also where both are infinite and have no difference
        return 0.0
    excess = value - reference
    if metric.direction == "close to retrain":
        return abs(excess)
    return max(0.0, excess if metric.direction == "low" else -excess)

"""What every number in a record means: unit, bounds, and which way is good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Literal

from ..core.checks import check_choice
from ..core.errors import InputError
from ..core.plugins import misnamed
from ..core.schemas.record import Scores
from .set_scores import (
    Sets,
    SetScores,
    canary_accuracy,
    canary_truth,
    mean_accuracy,
    mean_loss,
    membership,
)

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

    ``of`` computes the number from the per-sample scores of one model, None where it cannot
    be known; ``optional`` leaves it out of the record then. Without ``of`` it is measured
    elsewhere: by comparing models, by training them on, or by a judge of what they generate.

    ``title`` makes it a row of reports and a column of tables, explained there by ``about``;
    those of the library have their words in ``reporting``.
    """

    name: str
    unit: str
    low: float
    high: float
    direction: Literal["close to retrain", "low", "high"] = "close to retrain"
    reference: str = _PAPER
    of: Callable[[Sets], float | None] | None = None
    optional: bool = False
    title: str = ""
    about: str = ""


_ALL = (
    Metric("forget_accuracy", "percent", 0, 100, of=partial(mean_accuracy, split="forget")),
    Metric("retain_accuracy", "percent", 0, 100, of=partial(mean_accuracy, split="retain")),
    Metric("test_accuracy", "percent", 0, 100, of=partial(mean_accuracy, split="test")),
    Metric("mia", "percent", 0, 100, of=membership),
    Metric("forget_loss", "unit of the task", -inf, inf, of=partial(mean_loss, split="forget")),
    Metric("retain_loss", "unit of the task", -inf, inf, of=partial(mean_loss, split="retain")),
    Metric("test_loss", "unit of the task", -inf, inf, of=partial(mean_loss, split="test")),
    Metric("fid", "squared unit of the features", 0, inf, reference=_FID),
    Metric("relearn", "percent", 0, 100),
    Metric("relearn_time", "steps", 0, inf, reference=_RELEARN),
    Metric(
        "canary_accuracy", "percent", 0, 100,
        reference=_CONFUSION, of=canary_accuracy, optional=True,
    ),
    Metric(
        "canary_recovery", "percent", 0, 100,
        reference=_CONFUSION, of=canary_truth, optional=True,
    ),
    Metric("synonym_accuracy", "percent", 0, 100),
    Metric("avg_gap", "points", 0, 100, "low"),
    Metric("tow", "share", 0, 1, "high", _TOW),
    Metric("cka", "share", 0, 1, "high", _CKA),
    Metric("rte", "share of the time of a retrain", 0, inf, "low"),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by the name that records and results use."""


def metric_problem(name: str, made: object) -> str | None:
    """Why an object of another package is no metric, or None; see ``core.plugins``."""
    if not isinstance(made, Metric):
        return f"expected a Metric, got {made!r}"
    if made.of is None:
        return "it has no function `of` that computes it"
    return misnamed(name, made.name, r"[a-z][a-z0-9]*(_[a-z0-9]+)*", "snake case")


def summarise(sets: Mapping[str, SetScores]) -> Scores:
    """Every metric that can be computed from the per-sample scores of one model.

    Test accuracy, test loss and the attack's non-members leave out the samples that do not
    count (``SetScores.judged``), e.g. of classes that are forgotten as a whole.

    Args:
        sets: Of one model; ``"forget"`` and ``"retain"``, and ``"test"`` if there is one.

    Returns:
        Values by name, None where one cannot be known: without a test set, without labels.
    """
    counted = {name: scores.counted() for name, scores in sets.items()}
    values = {metric.name: metric.of(counted) for metric in METRICS.values() if metric.of}
    return {
        name: value
        for name, value in values.items()
        if value is not None or not METRICS[name].optional
    }


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

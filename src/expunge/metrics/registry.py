"""What every number in a record means: unit, bounds, and which way is good."""

from dataclasses import dataclass
from math import inf
from typing import Literal

_PAPER = "Wu & Harandi, Scissorhands, ECCV 2024, section 4"


@dataclass(frozen=True)
class Metric:
    """The declaration of one number.

    ``direction`` is ``"close to retrain"`` where the value of a retrained model is the
    aim (neither high nor low is good in itself), ``"low"`` where zero is the aim.
    """

    name: str
    unit: str
    low: float
    high: float
    direction: Literal["close to retrain", "low"] = "close to retrain"
    reference: str = _PAPER


_ALL = (
    Metric("forget_accuracy", "percent", 0, 100),
    Metric("retain_accuracy", "percent", 0, 100),
    Metric("test_accuracy", "percent", 0, 100),
    Metric("mia", "percent", 0, 100),
    Metric("forget_loss", "unit of the task", -inf, inf),
    Metric("retain_loss", "unit of the task", -inf, inf),
    Metric("test_loss", "unit of the task", -inf, inf),
    Metric("relearn", "percent", 0, 100),
    Metric("avg_gap", "points", 0, 100, "low"),
    Metric("rte", "share of the time of a retrain", 0, inf, "low"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by the name that records use."""

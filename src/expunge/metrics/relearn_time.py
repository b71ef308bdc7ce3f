"""Relearn time: one number out of a relearn curve."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

from ..core.checks import check_not_negative
from ..core.errors import InputError


def relearn_time(
    steps: Sequence[int], accuracy: Sequence[float], target: float, *, tolerance: float = 1.0
) -> float | None:
    """Steps of fine-tuning until a model is again as good as the original was.

    Read off the curve by straight lines between the measured points; where the curve falls
    again, its first crossing counts. Compare with the times of a retrained and of a fresh
    net: a model that is much faster than these still knew what it was to forget. After
    Golatkar et al., "Eternal sunshine of the spotless net", CVPR 2020, in steps.

    Args:
        steps: After how many steps was measured, increasing, >= 0.
        accuracy: What was measured, percent, one value per step.
        target: Accuracy of the original model on the same samples, percent.
        tolerance: Points below ``target`` that count as reached, >= 0.

    Returns:
        Steps, between the first and the last; ``steps[0]`` if it was reached from the start,
        as by the original itself; None if it was not reached: more than ``steps[-1]``.

    Raises:
        InputError: If the curve is empty, of unequal lengths, not increasing or not finite.
    """
    check_not_negative(tolerance=tolerance)
    _check(steps, accuracy, target)
    goal = target - tolerance
    if accuracy[0] >= goal:
        return float(steps[0])
    for (start, low), (end, high) in pairwise(zip(steps, accuracy, strict=True)):
        if high >= goal:  # and low is below it, else an earlier line would have crossed
            return start + (goal - low) / (high - low) * (end - start)
    return None


def _check(steps: Sequence[int], accuracy: Sequence[float], target: float) -> None:
    if not steps or len(steps) != len(accuracy):
        raise InputError(
            f"expected one accuracy per step and at least one, got {len(steps)} steps and "
            f"{len(accuracy)} accuracies; pass both columns of one relearn curve"
        )
    if steps[0] < 0 or any(later <= earlier for earlier, later in pairwise(steps)):
        raise InputError(f"expected steps to be increasing numbers >= 0, got {list(steps)}")
    if not all(map(isfinite, (*accuracy, target))):
        raise InputError(
            f"expected accuracy and target to be finite percentages, got {list(accuracy)} and "
            f"{target}"
        )

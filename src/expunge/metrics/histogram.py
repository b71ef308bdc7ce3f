"""Counts per bin, for pictures of losses and confidences."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..core.errors import InputError


def confidence_edges(bins: int = 20) -> list[float]:
    """Edges of equal bins over [0, 1]."""
    return [float(edge) for edge in np.linspace(0.0, 1.0, bins + 1)]


def loss_edges(losses: Sequence[Tensor], bins: int = 20) -> list[float]:
    """Edges of equal bins over the range of several samples of losses.

    The range ends at the 99th percentile of the sample that reaches farthest, so that
    a few outliers do not squeeze all others into one bin; ``histogram`` counts them in
    the last bin. A range without width becomes one unit wide.

    Raises:
        InputError: If there is no loss.
    """
    values = [np.asarray(loss.cpu(), dtype=np.float64) for loss in losses if loss.numel()]
    if not values:
        raise InputError("expected at least one loss to place bins, got none")
    low = min(float(value.min()) for value in values)
    high = max(float(np.quantile(value, 0.99)) for value in values)
    return [float(edge) for edge in np.linspace(low, high if high > low else low + 1, bins + 1)]


def histogram(values: Tensor, edges: Sequence[float]) -> list[int]:
    """How many values fall between each two edges.

    Args:
        values: Finite numbers, shape (N,); those outside count in the outermost bins.
        edges: B + 1 increasing numbers; a bin holds its left edge, the last one both.

    Returns:
        B counts that sum to N.
    """
    clipped = np.clip(np.asarray(values.cpu(), dtype=np.float64), edges[0], edges[-1])
    counts, _ = np.histogram(clipped, np.asarray(edges))
    return [int(count) for count in counts]

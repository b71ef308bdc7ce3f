"""Conditional dependence by nearest neighbours and ranks, and the choice of columns by it."""

import torch
from torch import Tensor

from ..core.checks import check_positive
from ..core.errors import InputError

_ENTRIES = 1 << 22  # of distances at a time, 8 bytes each


def dependence(target: Tensor, candidate: Tensor, given: Tensor | None = None) -> float:
    r"""How much of Y the vector Z determines beyond X: T(Y, Z | X).

    The estimator of Azadkia & Chatterjee (2021). Their coefficient is 0 if and only if Y
    and Z are independent given X, and 1 if and only if Y is a function of Z given X; the
    estimate of it may leave that range by about :math:`n^{-1/2}`. With the ranks
    :math:`R_i = \#\{j : Y_j \leq Y_i\}` and :math:`L_i = \#\{j : Y_j \geq Y_i\}`, the
    nearest neighbour N(i) of sample i in X, and M(i) in (X, Z),

    .. math::
        T(Y, Z \mid X) = \frac{\sum_i \min(R_i, R_{M(i)}) - \min(R_i, R_{N(i)})}
            {\sum_i R_i - \min(R_i, R_{N(i)})}, \qquad
        T(Y, Z) = \frac{\sum_i n \min(R_i, R_{M(i)}) - L_i^2}{\sum_i L_i (n - L_i)}

    Distances are Euclidean, so columns should have comparable units. Among neighbours
    that are equally near the mean is taken, where the source draws one: the same in
    expectation, and a constant column explains nothing.

    Args:
        target: Y, shape (n,), n at least 2.
        candidate: Z, shape (n,) or (n, q).
        given: X, shape (n,) or (n, p); None asks for T(Y, Z).

    Returns:
        The estimate; 0 if nothing is left to explain (Y is constant, or X explains it).

    Raises:
        InputError: If shapes do not fit or values are not finite.

    Cost: O(n^2 (p + q)) time, O(n^2) memory.
    """
    target, candidate = _checked(target, candidate)
    pairs, least, width = _ranks(target)
    distances = _distances(candidate)
    if given is None:
        found = _nearest(distances, pairs).sum()
        return _ratio(len(target) * found - least, width)
    near = _distances(_checked(target, given)[1])
    before = _nearest(near, pairs).sum()
    whole = pairs.diagonal().sum()
    return _ratio(_nearest(near + distances, pairs).sum() - before, whole - before)


def forward_selection(target: Tensor, columns: Tensor, most: int) -> list[int]:
    """Columns on which Y depends, in the order of what each adds to those before (FOCI).

    Each turn takes the column with the largest T(Y, Z | X), X being the chosen ones, and
    ends when none is above 0. The first is taken in any case. Columns are brought to unit
    variance first, so that no unit of measurement dominates the distances.

    Args:
        target: Y, shape (n,), n at least 2.
        columns: Candidates, shape (n, p), p at least 1.
        most: Columns to take at most, above 0.

    Returns:
        Indices of columns, at least one and at most ``most``.

    Raises:
        InputError: If shapes do not fit or values are not finite, or ``most`` is not above 0.

    Cost: O(n^2 p) time per turn; about 100 MB beside the columns.
    """
    check_positive(most=most)
    target, columns = _checked(target, columns)
    pairs, _, _ = _ranks(target)
    spread = columns.std(0, correction=0)
    columns = (columns - columns.mean(0)) / torch.where(spread > 0, spread, 1.0)
    whole = pairs.diagonal().sum()
    given = torch.zeros_like(pairs).fill_diagonal_(torch.inf)
    chosen: list[int] = []
    explained = -torch.inf  # the first column is taken in any case
    while len(chosen) < min(most, columns.shape[1]) and explained < whole:
        scores = _scores(columns, given, pairs)
        scores[chosen] = -torch.inf
        best = int(scores.argmax())
        if not scores[best] > explained:
            break
        chosen.append(best)
        explained = scores[best].item()
        given = given + _squares(columns[:, best])
    return chosen


def _scores(columns: Tensor, given: Tensor, pairs: Tensor) -> Tensor:
    """Sum of min(R_i, R_M(i)) with each column added to what is given: T rises with it."""
    size = max(1, _ENTRIES // pairs.numel())
    parts = [
        _nearest(given + _squares(part.T), pairs).sum(1) for part in columns.split(size, dim=1)
    ]
    return torch.cat(parts)


def _nearest(distances: Tensor, pairs: Tensor) -> Tensor:
    """Mean of ``pairs[i, j]`` over the nearest neighbours j of i, (..., n) of (..., n, n)."""
    nearest = distances == distances.amin(-1, keepdim=True)
    return (nearest * pairs).sum(-1) / nearest.sum(-1)


def _distances(points: Tensor) -> Tensor:
    """Squared distances (n, n) between the rows of (n, q); infinite to themselves."""
    total = torch.zeros(len(points), len(points), dtype=points.dtype, device=points.device)
    for column in points.T:
        total += _squares(column)
    return total.fill_diagonal_(torch.inf)


def _squares(values: Tensor) -> Tensor:
    """Squared differences of all pairs, (..., n, n) of (..., n)."""
    return (values.unsqueeze(-1) - values.unsqueeze(-2)).square()


def _ranks(target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """min(R_i, R_j) of all pairs (n, n), the sum of L^2, and that of L (n - L)."""
    ordered = target.sort().values
    upper = torch.searchsorted(ordered, target, right=True).to(target.dtype)
    lower = len(target) - torch.searchsorted(ordered, target).to(target.dtype)
    pairs = torch.minimum(upper.unsqueeze(0), upper.unsqueeze(1))
    return pairs, lower.square().sum(), (lower * (len(target) - lower)).sum()


def _ratio(above: Tensor, below: Tensor) -> float:
    return (above / below).item() if bool(below > 0) else 0.0


def _checked(target: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Both in double precision, the columns (n, q), or an error that says what is wrong."""
    if target.dim() != 1 or len(target) < 2:
        raise InputError(
            f"expected a target of shape (n,) with n >= 2, got {tuple(target.shape)}; "
            "give one number per sample"
        )
    wide = columns.unsqueeze(1) if columns.dim() == 1 else columns
    if wide.dim() != 2 or len(wide) != len(target) or wide.shape[1] == 0:
        raise InputError(
            f"expected columns of shape (n,) or (n, q) with n = {len(target)}, the length of "
            f"the target, and q >= 1, got {tuple(columns.shape)}; give one row per sample"
        )
    if not (bool(torch.isfinite(target).all()) and bool(torch.isfinite(wide).all())):
        raise InputError(
            "expected finite values to measure the dependence of, got NaN or infinity; "
            "remove those samples"
        )
    return target.detach().double(), wide.detach().double()

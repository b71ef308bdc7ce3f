"""Linear CKA: how alike two representations of the same samples are."""

import torch
from torch import Tensor

from ..core.errors import InputError

_COLUMNS = 4096  # of float64 features at a time, where there are more features than samples
_CONSTANT = 1e-6  # spread over size below which float32 holds rounding and nothing else


def linear_cka(one: Tensor, other: Tensor) -> float:
    """Linear centred kernel alignment of two sets of features.

    With centred features X and Y it is ||X'Y||² / (||X'X|| ||Y'Y||), Frobenius norms. It
    knows neither rotations of the features, nor their common scale, nor their means, so
    nets from different random starts can be compared. Two different nets look more alike
    than they are where features outnumber samples; take several samples per feature. From
    Kornblith et al., "Similarity of neural network representations revisited", ICML 2019.

    Args:
        one: Features of N samples, shape (N, D1), N >= 2, finite.
        other: Features of the same samples in the same order, shape (N, D2).

    Returns:
        A share in [0, 1]: 1 if they are alike, 0 if they are uncorrelated. Features that do
        not vary (a dead layer) are like others that do not, 1, and unlike all that do, 0.
        Computed in float64, in time O(N D1 D2) and memory O(N (D1 + D2)), or in memory
        O(N²) where either has at least as many features as samples.

    Raises:
        InputError: If a tensor is not 2-D, is empty or not finite, or if N differs.
    """
    _check(one, other)
    if max(one.shape[1], other.shape[1]) < len(one):
        x, y = _centred(one), _centred(other)
        numerator = (x.T @ y).square().sum()
        norms = [(features.T @ features).norm() for features in (x, y)]
    else:
        k, l_ = _gram(one), _gram(other)
        numerator = (k * l_).sum()
        norms = [k.norm(), l_.norm()]
    still = [_is_constant(features) for features in (one, other)]
    if any(still):
        return float(all(still))
    return min(1.0, max(0.0, float(numerator / (norms[0] * norms[1]))))


def _centred(features: Tensor) -> Tensor:
    wide = features.detach().double()
    return wide - wide.mean(0)


def _gram(features: Tensor) -> Tensor:
    """Inner products of the centred samples, (N, N); float64 copies of some columns at a time."""
    gram = torch.zeros(len(features), len(features), dtype=torch.float64, device=features.device)
    for columns in features.split(_COLUMNS, dim=1):
        part = _centred(columns)
        gram += part @ part.T
    return gram


def _is_constant(features: Tensor) -> bool:
    """Whether the samples differ by no more than rounding."""
    spread = sum(float(_centred(part).square().sum()) for part in features.split(_COLUMNS, dim=1))
    size = sum(
        float(part.detach().double().square().sum()) for part in features.split(_COLUMNS, dim=1)
    )
    return spread <= _CONSTANT**2 * size


def _check(one: Tensor, other: Tensor) -> None:
    for name, features in (("one", one), ("other", other)):
        if features.ndim != 2 or features.shape[0] < 2 or features.shape[1] < 1:
            raise InputError(
                f"expected {name} to be features of shape (N, D) with N >= 2 and D >= 1, got "
                f"shape {tuple(features.shape)}; flatten or pool what each sample has"
            )
        if not bool(torch.isfinite(features).all()):
            raise InputError(
                f"expected {name} to be finite, got NaN or infinite features; check the weights"
            )
    if len(one) != len(other):
        raise InputError(
            f"expected features of the same samples, got {len(one)} in one and {len(other)} in "
            "other; pass the same inputs through both networks"
        )

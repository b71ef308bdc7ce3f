"""Fréchet distance of two sets of features: FID, where they are those of Inception."""

import torch
from torch import Tensor

from ..core.errors import InputError


def frechet_distance(first: Tensor, second: Tensor) -> float:
    r"""Squared Fréchet distance of two sets, each taken for normally distributed.

    .. math:: \|m_1 - m_2\|^2 + \operatorname{tr}\big(C_1 + C_2 - 2 (C_1 C_2)^{1/2}\big)

    (Heusel et al., *GANs trained by a two time-scale update rule*, NeurIPS 2017). Comparable
    only for the same features and numbers of samples: few samples raise it.

    Args:
        first: Features (N, D), N at least 2.
        second: Features (M, D), M at least 2; the same kind.

    Returns:
        At least 0, in the squared unit of the features. Costs two eigenvalue problems of
        size D in float64.

    Raises:
        InputError: If shapes do not fit, or a value is not finite.
    """
    sets = [features.detach().double().cpu() for features in (first, second)]
    if any(one.ndim != 2 or len(one) < 2 for one in sets) or sets[0].shape[1] != sets[1].shape[1]:
        raise InputError(
            "expected features (N, D) and (M, D) of at least two samples each, got "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    if not all(bool(torch.isfinite(one).all()) for one in sets):
        raise InputError("expected finite features, got NaN or infinite values; look at the images")
    means = [one.mean(0) for one in sets]
    one, other = (torch.cov(features.T).reshape(features.shape[1], -1) for features in sets)
    # tr (C1 C2)^(1/2) by the symmetric R C2 R with R = C1^(1/2), which has the same eigenvalues.
    values, vectors = torch.linalg.eigh(one)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    found = (means[0] - means[1]).square().sum() + one.trace() + other.trace() - 2 * mixed
    return max(0.0, float(found))

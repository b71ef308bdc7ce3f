"""Losses made of other losses."""

import torch
from torch import Tensor

_LEAST = 1e-3  # below it, p > .999, float32 and bfloat16 tell probabilities apart no more


def with_log_odds(losses: Tensor, share: float) -> Tensor:
    r"""Mix cross-entropies with the log odds against the true class.

    With :math:`l = -\log p` the log odds are :math:`-\log(p / (1 - p)) = \log(e^l - 1)`,
    the statistic of likelihood-ratio attacks (Carlini et al., "Membership inference attacks
    from first principles", S&P 2022), with its sign changed.

    Ascending :math:`l` moves the odds of a sample by :math:`1 - p`: it pushes what is
    predicted badly further and leaves the confident rest, which is most of a trained set,
    where it is. Ascending the log odds moves all samples alike. Held-out samples differ
    from trained ones in both ways.

    Args:
        losses: ``-log p`` of each sample, (B,), at least 0, with or without gradient.
        share: Of the log odds, in [0, 1]; 0 gives ``losses`` themselves.

    Returns:
        ``(1 - share) * losses + share * log_odds``, (B,). The log odds of a loss below
        0.001 are those of 0.001, without gradient.
    """
    if share == 0:
        return losses
    bounded = losses.clamp(min=_LEAST)
    log_odds = bounded + torch.log(-torch.expm1(-bounded))
    return (1 - share) * losses + share * log_odds

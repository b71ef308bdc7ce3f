"""How much a sample's prediction owes to its having been in the training set."""

from torch import Tensor

from ..core.errors import InputError


def memorisation_scores(probabilities_in: Tensor, probabilities_out: Tensor) -> Tensor:
    """Mean true-class probability of models trained with a sample minus those trained without.

    The estimate of Feldman & Zhang (What Neural Networks Memorize and Why, NeurIPS 2020,
    arXiv:2008.03703) over subsets of half the training set. They average whether the
    prediction is right; the probability is its smoothed form, which ranks samples already
    with a handful of models.

    Args:
        probabilities_in: Softmax probability of the true class, shape (M, N), in [0, 1]:
            row m of M models, each of which had the sample of that column in training.
        probabilities_out: Likewise, shape (K, N), of models that never saw the sample.

    Returns:
        float64 (N,), in [-1, 1]: near 0 where others teach as much as the sample itself,
        near 1 where only memory of the sample explains the prediction. The standard error
        falls with the square root of the number of models.

    Raises:
        InputError: If a tensor is not 2-D, holds no model, leaves [0, 1], or the two
            disagree on the number of samples.
    """
    inside = _checked("probabilities_in", probabilities_in)
    outside = _checked("probabilities_out", probabilities_out)
    if inside.shape[1] != outside.shape[1]:
        raise InputError(
            f"expected as many samples in probabilities_out as in probabilities_in "
            f"({inside.shape[1]}), got {outside.shape[1]}; give one column per sample to both"
        )
    return inside.mean(0) - outside.mean(0)


def _checked(name: str, probabilities: Tensor) -> Tensor:
    if probabilities.dim() != 2 or len(probabilities) == 0:
        raise InputError(
            f"expected {name} of shape (models, samples) with at least one model, got "
            f"{tuple(probabilities.shape)}"
        )
    # Written so that NaN, for which every comparison is false, is caught too.
    inside = (probabilities >= 0) & (probabilities <= 1)
    if not bool(inside.all()):
        row, column = (~inside).nonzero()[0].tolist()
        raise InputError(
            f"expected {name} between 0 and 1, got {float(probabilities[row, column])} for "
            f"model {row} and sample {column}; give softmax probabilities"
        )
    return probabilities.double()

"""Share of samples that are predicted rightly."""

from torch import Tensor

from ..core.errors import InputError


def accuracy(correct: Tensor) -> float:
    """Accuracy in percent.

    Args:
        correct: Whether each sample is predicted rightly, bool (N,), N >= 1.

    Returns:
        100 times the mean, in [0, 100].

    Raises:
        InputError: If there is no sample.
    """
    if correct.numel() == 0:
        raise InputError("expected at least one sample to take an accuracy of, got none")
    return 100.0 * int(correct.sum()) / correct.numel()

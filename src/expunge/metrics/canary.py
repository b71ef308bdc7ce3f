"""Canaries: mislabelled samples of D_f, for which what to forget is known by construction.

A net predicts the wrong label of such a sample because it has memorised it. The idea is the
interclass confusion test of Goel et al., "Towards adversarial evaluations for inexact
machine unlearning", 2022.
"""

import torch
from torch import Tensor

from ..core.errors import InputError
from .accuracy import accuracy


def canary_memorisation(predictions: Tensor, wrong_labels: Tensor) -> float:
    """Share of the canaries that are still predicted as the wrong label they were given.

    Where D_f consists of canaries and its labels are the wrong ones, as they were in
    training, this is the forget accuracy of a record. The value of a retrained model is
    the aim: it makes the same mistake now and then without having seen a canary.

    Args:
        predictions: Predicted class of each canary, integers (N,), N >= 1.
        wrong_labels: The label that it had in training, integers (N,).

    Returns:
        Percent, in [0, 100].

    Raises:
        InputError: If there is no canary, or these are not classes, one per canary.
    """
    return accuracy(_equal(predictions, "wrong_labels", wrong_labels))


def canary_recovery(predictions: Tensor, true_labels: Tensor) -> float:
    """Share of the canaries that are predicted as what they really are.

    A model that only learnt to avoid the wrong labels has low memorisation and low
    recovery; a retrained one has low memorisation and about its test accuracy here.

    Args:
        predictions: Predicted class of each canary, integers (N,), N >= 1.
        true_labels: Its label before it was mislabelled, integers (N,).

    Returns:
        Percent, in [0, 100]; the forget accuracy of a D_f with its true labels.

    Raises:
        InputError: If there is no canary, or these are not classes, one per canary.
    """
    return accuracy(_equal(predictions, "true_labels", true_labels))


def _equal(predictions: Tensor, name: str, labels: Tensor) -> Tensor:
    for title, classes in (("predictions", predictions), (name, labels)):
        numbers = not classes.is_floating_point() and classes.dtype != torch.bool
        if classes.ndim != 1 or not numbers:
            raise InputError(
                f"expected {title} to be the classes of the canaries, integers of shape (N,), "
                f"got {classes.dtype} of shape {tuple(classes.shape)}; take argmax(1) of logits"
            )
    if len(predictions) != len(labels):
        raise InputError(
            f"expected one prediction per canary, got {len(predictions)} predictions and "
            f"{len(labels)} {name}"
        )
    return predictions.cpu() == labels.cpu()

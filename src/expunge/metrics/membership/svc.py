"""The paper's membership inference attack: a support vector machine on the confidence."""

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ...core.errors import InputError

_Array = npt.NDArray[np.float64]


_GROUPS = 512  # of samples: none holds more than .2 percent of them


def membership_svc(
    members: Tensor, others: Tensor, targets: Tensor, *, groups: int | None = _GROUPS
) -> float | None:
    """Share of the targets that the attack takes for samples nobody trained on.

    The attack is scikit-learn's ``SVC(kernel="rbf", C=3, gamma="auto")`` on one feature,
    the softmax probability of the true class. The value of an untouched model is low, that
    of a retrained model is the aim.

    Members and others together are sorted and cut into ``groups`` of equal size; each sample
    stands at the mean of its group, and samples that are alike are handed over once, with
    their number as weight: the objective of the machine is a sum over samples. A threshold
    moves by one group at most, and by less than .25 points on what nets give (tested).

    Args:
        members: Probabilities of trained-on samples, shape (M,), in [0, 1]. The paper draws
            as many from D_r as D_t has; the caller draws them.
        others: Probabilities of samples that were not trained on (D_t), shape (N,). With N
            far from M the machine answers what is more frequent, whatever it is asked.
        targets: Probabilities of the forgotten samples (D_f), shape (T,).
        groups: At least 2; None for the exact machine, whose time grows with the square of the
            number of different values.

    Returns:
        Percent of targets predicted as non-members, in [0, 100]. None if the attack has learnt
        nothing: it gives one answer for all samples that it was made from, and would give it
        for any model.

    Raises:
        InputError: If a tensor is empty, is not 1-D, or leaves [0, 1].
    """
    from sklearn.svm import SVC  # noqa: PLC0415  as slow to import as torch

    inside, outside = _checked("members", members), _checked("others", others)
    asked = _checked("targets", targets)
    if groups is not None:
        inside, outside = _grouped(inside, outside, groups)
    (inside, in_weights), (outside, out_weights) = (
        np.unique(values, return_counts=True) for values in (inside, outside)
    )
    samples = np.concatenate([inside, outside])[:, None]
    machine = SVC(kernel="rbf", C=3, gamma="auto", cache_size=1000)
    machine.fit(
        samples,
        np.concatenate([np.ones(len(inside)), np.zeros(len(outside))]),
        sample_weight=np.concatenate([in_weights, out_weights]).astype(np.float64),
    )
    if len(np.unique(machine.predict(samples))) == 1:
        return None
    values, repeats = np.unique(asked, return_counts=True)
    is_member = machine.predict(values[:, None]) == 1
    return 100.0 * int(repeats[~is_member].sum()) / int(repeats.sum())


def _grouped(inside: _Array, outside: _Array, count: int) -> tuple[_Array, _Array]:
    """Both with the mean of its group in the place of each value; few values stay as they are."""
    pooled = np.sort(np.concatenate([inside, outside]))
    if len(np.unique(pooled)) <= count:
        return inside, outside
    edges = np.unique(pooled[np.linspace(0, len(pooled), count + 1).astype(int)[1:-1]])
    place = np.searchsorted(edges, pooled, side="right")
    sizes = np.bincount(place, minlength=len(edges) + 1)
    means = np.bincount(place, pooled, len(edges) + 1) / np.maximum(1, sizes)
    return (
        means[np.searchsorted(edges, inside, side="right")],
        means[np.searchsorted(edges, outside, side="right")],
    )


def _checked(name: str, probabilities: Tensor) -> _Array:
    values: _Array = probabilities.detach().cpu().double().numpy()
    if values.ndim != 1 or values.size == 0:
        raise InputError(
            f"expected {name} to be a 1-D tensor of at least one probability, got shape "
            f"{tuple(probabilities.shape)}"
        )
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError(
            f"expected {name} to be probabilities in [0, 1], got values from {values.min()} "
            f"to {values.max()}; pass the softmax of the true class, not logits or losses"
        )
    return values

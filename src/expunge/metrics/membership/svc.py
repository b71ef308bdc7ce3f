"""The paper's membership inference attack: a support vector machine on the confidence."""

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ...core.errors import InputError

_Array = npt.NDArray[np.float64]


def membership_svc(members: Tensor, others: Tensor, targets: Tensor) -> float:
    """Share of the targets that the attack takes for samples nobody trained on.

    The attack is scikit-learn's ``SVC(kernel="rbf", C=3, gamma="auto")`` on one feature,
    the softmax probability of the true class. The value of an untouched model is low, that
    of a retrained model is the aim.

    Equal samples are handed over once, with their number as weight. The objective of the
    machine is a sum over samples, so this is the same problem and has the same optimum; it
    is two to six times faster, because float32 probabilities near one coincide a lot.

    Args:
        members: Probabilities of trained-on samples, shape (M,), in [0, 1]. The paper draws
            as many from D_r as D_t has; the caller draws them.
        others: Probabilities of samples that were not trained on (D_t), shape (N,).
        targets: Probabilities of the forgotten samples (D_f), shape (T,).

    Returns:
        Percent of targets predicted as non-members, in [0, 100]. If all members and others
        share a single value there is nothing to learn: every target gets the more frequent
        of the two answers, "member" if both are equally frequent. Time grows with the
        square of the number of distinct values: 1 s for 10,000 + 10,000 saturated
        probabilities, about 8 s if all are distinct.

    Raises:
        InputError: If a tensor is empty, is not 1-D, or leaves [0, 1].
    """
    from sklearn.svm import SVC  # noqa: PLC0415  as slow to import as torch

    inside = _checked("members", members)
    outside = _checked("others", others)
    asked, repeats = np.unique(_checked("targets", targets), return_counts=True)
    in_values, in_weights = np.unique(inside, return_counts=True)
    out_values, out_weights = np.unique(outside, return_counts=True)
    machine = SVC(kernel="rbf", C=3, gamma="auto", cache_size=1000)
    machine.fit(
        np.concatenate([in_values, out_values])[:, None],
        np.concatenate([np.ones(len(in_values)), np.zeros(len(out_values))]),
        sample_weight=np.concatenate([in_weights, out_weights]).astype(np.float64),
    )
    is_member = machine.predict(asked[:, None]) == 1
    return 100.0 * int(repeats[~is_member].sum()) / int(repeats.sum())


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

"""Samples that are given a wrong label before training, so that forgetting them shows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...core.batches import seeded
from ...core.capabilities import IdentifiedSet, RelabelledSet, makes_batches
from ...core.errors import DataError
from ...core.schemas.canaries import CanarySpec, parse_canaries
from ...core.schemas.request import CanaryForget
from ..bundle import Bundle, Canaries, RowSet
from ..convert import read_labels
from .sampling import sample_positions


def plant_canaries(bundle: Bundle, request: CanarySpec | Mapping[str, Any]) -> Bundle:
    """The same data with a wrong label for some training samples, drawn with a seed.

    A model that is trained on the result can answer with the planted label only from
    memory of that very sample. After forgetting, a model that is like a retrained one
    answers with the true label again (the confusion test of Goel et al., Towards
    Adversarial Evaluations for Inexact Machine Unlearning, arXiv:2201.06640, with labels
    drawn from all classes instead of exchanged between two).

    Args:
        bundle: Its training set holds the true labels, and has at least two classes.
        request: A ``CanarySpec`` or its keys: ``fraction`` or ``count`` of the training
            samples, and ``seed`` (0), which chooses both the samples and their wrong labels,
            uniformly.

    Returns:
        A bundle whose ``canaries`` tell the positions and both labels; other sets and the
        given bundle stay as they are. Images are shared, not copied.

    Raises:
        InputError: If a key is malformed.
        DataError: If there is but one class, or the set cannot take other labels.
    """
    spec = parse_canaries(request)
    if bundle.num_classes < 2:
        raise DataError("canaries need a wrong label to take, but there is only one class")
    labels = read_labels(bundle.train)
    positions = sample_positions(
        spec, len(labels), "training samples", where="canaries", name="samples"
    )
    positions = positions.sort().values
    true = labels[positions]
    # A step of 1 ... C - 1 around the circle of classes never ends where it began.
    generator = seeded("canaries", "labels", spec.seed)
    step = torch.randint(1, bundle.num_classes, (len(labels),), generator=generator)[positions]
    planted = (true + step) % bundle.num_classes
    changed = labels.clone()
    changed[positions] = planted
    train = _relabelled(bundle.train, labels, changed)
    return replace(bundle, train=train, canaries=Canaries(positions, planted, true))


def canaries_of(bundle: Bundle, _: CanaryForget) -> Tensor:
    """Positions of the planted samples in ``bundle.train``, int64 (K,).

    Raises:
        DataError: If none were planted.
    """
    if bundle.canaries is None:
        raise DataError(
            "the data hold no canaries to forget; plant some before training, e.g. "
            "data.canaries = { count = 100, seed = 0 }"
        )
    return bundle.canaries.positions


def _relabelled(train: Any, labels: Tensor, changed: Tensor) -> Any:
    if isinstance(train, RelabelledSet):
        return train.with_labels(changed)
    if isinstance(train, IdentifiedSet) or makes_batches(train):
        raise DataError(
            f"expected a training set that can take other labels, got {type(train).__name__}; "
            "return an ImageSet or a plain map-style set from the factory"
        )
    return RowSet(train, labels, "train/").with_labels(changed)

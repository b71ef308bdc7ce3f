"""What metrics are computed from: scores of every sample of one set, by one model."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..core.batches import seeded
from ..core.data import Split
from .accuracy import accuracy
from .canary import canary_memorisation, canary_recovery
from .membership.svc import membership_svc


@dataclass(frozen=True, eq=False)
class SetScores:
    """Of each sample of one set, on the CPU; None where the task has no notion of it.

    ``loss`` float32 (N,) in the task's unit; ``correct`` bool (N,); ``probability`` float32
    (N,) of the true class and ``predicted`` int64 (N,), the likeliest class, both for tasks
    that give logits. ``judged`` bool (N,): the samples that count in ``counted``, None if all
    do. ``planted`` and ``true`` int64 (N,): of canaries the label that they were trained with
    and their true one, -1 for all other samples; None where there are no canaries.
    """

    loss: Tensor
    correct: Tensor | None = None
    probability: Tensor | None = None
    predicted: Tensor | None = None
    judged: Tensor | None = None
    planted: Tensor | None = None
    true: Tensor | None = None

    def counted(self) -> "SetScores":
        """The same scores without the samples that do not count."""
        return self if self.judged is None else self.only(self.judged)

    def only(self, chosen: Tensor) -> "SetScores":
        """The scores of some samples, bool (N,)."""
        kept: dict[str, Any] = {
            field.name: column[chosen]
            for field in fields(self)
            if (column := getattr(self, field.name)) is not None and field.name != "judged"
        }
        return SetScores(**kept)


Sets = Mapping[str, SetScores]
"""Scores of one model by the name of the set; samples that do not count are left out."""


def mean_loss(sets: Sets, split: str) -> float | None:
    """Mean loss on a set in the unit of the task; None without samples."""
    found = sets.get(split)
    return float(found.loss.double().mean()) if found and len(found.loss) else None


def mean_accuracy(sets: Sets, split: str) -> float | None:
    """Accuracy on a set in percent; None without samples or right answers."""
    found = sets.get(split)
    if found is None or found.correct is None or len(found.loss) == 0:
        return None
    return accuracy(found.correct)


def membership(sets: Sets, seed: int = 0) -> float | None:
    """The paper's attack on D_f in percent (see ``membership_svc``).

    As many members are drawn from D_r by ``seed`` as non-members from D_t: as many as the smaller
    of the two has. None without probabilities or a test set, or where the attack learns nothing.
    """
    test = sets.get(Split.TEST)
    members, targets = sets[Split.RETAIN].probability, sets[Split.FORGET].probability
    others = test.probability if test else None
    if members is None or targets is None or others is None or len(others) == 0:
        return None
    generator = seeded(seed, "membership-svc")
    count = min(len(members), len(others))
    inside, outside = (
        found
        if len(found) == count
        else found[torch.randperm(len(found), generator=generator)][:count]
        for found in (members, others)
    )
    return membership_svc(inside, outside, targets)


def canary_accuracy(sets: Sets) -> float | None:
    """``canary_memorisation`` of the canaries in D_f; None if there are none."""
    found = _canaries(sets)
    if found is None or found.predicted is None or found.planted is None:
        return None
    return canary_memorisation(found.predicted, found.planted)


def canary_truth(sets: Sets) -> float | None:
    """``canary_recovery`` of the canaries in D_f; None if there are none."""
    found = _canaries(sets)
    if found is None or found.predicted is None or found.true is None:
        return None
    return canary_recovery(found.predicted, found.true)


def _canaries(sets: Sets) -> SetScores | None:
    forget = sets[Split.FORGET]
    if forget.true is None or not bool((forget.true >= 0).any()):
        return None
    return forget.only(forget.true >= 0)

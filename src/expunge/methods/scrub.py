"""SCRUB: a student that disobeys its teacher on the forget set and obeys elsewhere."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import nn

from ..core.batches import Stream
from ..core.capabilities import GivesLogits
from ..core.data import Split, UnlearningData
from ..core.hyperparameters import (
    Count,
    CountFromZero,
    NotNegative,
    Passes,
    Positive,
    Rate,
    validated,
)
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..training.descent import Descent, fitting_batch
from ._shared.teachers import Logits, divergence, frozen_copy, logits_of, taught


@dataclass(frozen=True, kw_only=True)
@validated
class SCRUB:
    r"""Alternate passes away from a frozen teacher on D_f and towards it on D_r.

    The teacher :math:`p` is the original, in evaluation mode. In each of the first
    ``max_epochs`` epochs one pass over D_f ascends (first line); in every epoch one pass over
    D_r descends (second line):

    .. math:: \max_\theta \; KL_T(p(x) \,\|\, p_\theta(x)), \quad x \in D_f

    .. math:: \min_\theta \; \gamma \, L(\theta; x, y)
        + \alpha \, KL_T(p(x) \,\|\, p_\theta(x)), \quad x \in D_r

    KL is that of softmaxes at temperature T, times T². It has no upper bound, so ``lr`` and
    ``max_epochs`` must stay small. The rewinding of SCRUB+R is not done. Needs a task with
    ``logits``. A net without dropout or BatchNorm equals its teacher at first, where KL has
    no slope: there the first ascending pass changes next to nothing.

    Args:
        alpha: Weight of KL on D_r, at least 0.
        gamma: Weight of cross-entropy on D_r, at least 0.
        temperature: T above, larger than 0.
        max_epochs: Epochs that begin with a pass over D_f, at least 0; those beyond
            ``epochs`` are not reached.
        lr: Constant learning rate of SGD.
        epochs: Passes over the retain set; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set. From D_f at
            most all of it.
        momentum: Of SGD.
        weight_decay: L2 penalty.

    Cost: ``epochs`` forward and backward passes over D_r and ``max_epochs`` over D_f, each
    with a forward pass of the teacher. The first five defaults lie in the range of the
    authors' public settings, with ``epochs``; the optimiser is SGD at a constant rate, and the
    rest as in the other methods here.
    """

    alpha: NotNegative = 0.5
    gamma: NotNegative = 1.0
    temperature: Positive = 4.0
    max_epochs: CountFromZero = 3
    lr: Rate = 5e-4
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "scrub"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({GivesLogits})
    reference: ClassVar = Reference(
        authors="Meghdad Kurmanji, Peter Triantafillou, Jamie Hayes, Eleni Triantafillou",
        title="Towards Unbounded Machine Unlearning",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2302.09880",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        logits = logits_of(task, self.name)
        forget_size = min(fitting_batch(self.batch_size, data.forget), len(data.forget))
        forget = run.batches("forget", data.forget, forget_size)
        retain = run.batches("retain", data.retain, fitting_batch(self.batch_size, data.retain))
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay)
        # Before the first step, which on resuming is where a checkpoint replaces the weights.
        passes = _Passes(self, model, frozen_copy(model), logits, descent, run)
        for epoch in range(math.ceil(self.epochs)):
            if epoch < self.max_epochs:
                passes.maximise(epoch, forget)
            passes.minimise(epoch, retain, min(1.0, self.epochs - epoch))
        return model


@dataclass(frozen=True)
class _Passes:
    """The two kinds of passes; they share optimiser, student and teacher."""

    options: SCRUB
    model: nn.Module
    teacher: nn.Module
    logits: Logits
    descent: Descent
    run: Run

    def maximise(self, epoch: int, forget: Stream) -> None:
        """Away from the teacher, once over D_f."""
        for step in self.descent.steps(f"max-{epoch + 1}", 1, forget):
            batch = forget[epoch * len(forget) + step]
            found, _ = self.logits(self.model, batch)
            target = taught(self.logits, self.teacher, batch)
            apart = divergence(target, found, self.options.temperature).mean()
            self.descent.follow(self.run.gradient(-apart, self.descent.parameters))
            self.descent.log(step, forget_divergence=apart.item())

    def minimise(self, epoch: int, retain: Stream, share: float) -> None:
        """Towards labels and teacher, over ``share`` of D_r."""
        for step in self.descent.steps(f"min-{epoch + 1}", share, retain):
            batch = retain[epoch * len(retain) + step]
            found, labels = self.logits(self.model, batch)
            target = taught(self.logits, self.teacher, batch)
            apart = divergence(target, found, self.options.temperature).mean()
            fit = F.cross_entropy(found, labels)
            loss = self.options.gamma * fit + self.options.alpha * apart
            self.descent.follow(self.run.gradient(loss, self.descent.parameters))
            self.descent.log(step, retain_loss=fit.item(), retain_divergence=apart.item())

"""DELETE: distil from the original as if it had never heard of the true class."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.capabilities import GivesLogits
from ..core.data import Split, UnlearningData
from ..core.errors import InputError
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import frozen_statistics
from ..training.descent import Descent, fitting_batch
from ._shared.teachers import frozen_copy, logits_of, taught


@dataclass(frozen=True, kw_only=True)
@validated
class DELETE:
    r"""Fit D_f to the probabilities of the original with the true class taken out.

    .. math:: \min_\theta \; KL(\tilde p(x) \,\|\, p_\theta(x)), \quad x \in D_f, \qquad
        \tilde p_c(x) \propto \begin{cases} 0 & c = y \\ p_c(x) & c \ne y \end{cases}

    The teacher :math:`p` is the original, in evaluation mode. What it thinks of the other
    classes stands in for D_r, which is never read; batches of D_f do not move the
    statistics of BatchNorm. Meant for forgetting classes: of random samples that
    retraining would still classify rightly it forgets too much, as every one of them is
    taught another class. Needs a task with ``logits``.

    Args:
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over the forget set, > 0; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0.

    Cost: ``epochs`` forward and backward passes over D_f, each with a forward pass of the
    teacher. The defaults are choices of this library, untuned.

    Raises:
        InputError: When called, if the task has no ``logits``, or fewer than two classes.
    """

    lr: Rate = 1e-3
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "delete"
    reads: ClassVar = frozenset({Split.FORGET})
    needs: ClassVar = frozenset({GivesLogits})
    reference: ClassVar = Reference(
        authors="Yu Zhou, Dian Zheng, Qijie Mo, Renjie Lu, Kun-Yu Lin, Wei-Shi Zheng",
        title=(
            "Decoupled Distillation to Erase: A General Unlearning Method for Any "
            "Class-centric Tasks"
        ),
        venue="CVPR",
        year=2025,
        url="https://arxiv.org/abs/2503.23751",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        logits = logits_of(task, self.name)
        forget = run.batches("forget", data.forget, fitting_batch(self.batch_size, data.forget))
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay)
        # Before the first step, which on resuming is where a checkpoint replaces the weights.
        teacher = frozen_copy(model)
        for step in descent.steps("delete", self.epochs, forget):
            batch = forget[step]
            with frozen_statistics(model):
                found, labels = logits(model, batch)
            apart = _masked_divergence(taught(logits, teacher, batch), found, labels).mean()
            descent.follow(run.gradient(apart, descent.parameters))
            descent.log(step, forget_divergence=apart.item())
        return model


def _masked_divergence(teacher: Tensor, student: Tensor, labels: Tensor) -> Tensor:
    """KL(teacher without the class of ``labels`` || student) per sample, in nats."""
    if teacher.shape[1] < 2:
        raise InputError(
            f"delete needs at least 2 classes, got logits of shape {tuple(teacher.shape)}: "
            "nothing is left once the true class is masked; use e.g. neg-grad-plus"
        )
    target = teacher.scatter(1, labels.long()[:, None], -torch.inf).softmax(1)
    # The masked class counts as 0 log 0 = 0; F.kl_div on logarithms would give NaN there.
    return (torch.xlogy(target, target) - target * student.log_softmax(1)).sum(1)

"""SFRon: fast ascent on D_f where it outweighs D_r, slow descent on D_r in between."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Positive, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import frozen_statistics, squared_norm
from ..training.descent import Descent, fitting_batch
from ._shared.passes import fisher_diagonals

_BATCH = 128  # that of the published settings, where most other methods here take 256


@dataclass(frozen=True, kw_only=True)
@validated
class SFRon:
    r"""Descend on D_r, and before every few steps ascend on D_f with weights chosen for it.

    In step t of T the rate of SGD is :math:`\eta_t = \eta \, c_t` and the strength of a
    forget step :math:`\alpha_t = \alpha \, c_t`, with :math:`c_t = (1 + \cos(\pi t / T)) / 2`.
    A forget step comes first where t is a multiple of ``forget_every``; a step on D_r
    follows always:

    .. math:: \theta \leftarrow \theta + \eta_t \; \mathrm{clip}\big( m \odot
        \nabla_\theta \, \alpha_t \tfrac1n \textstyle\sum_i w_i \, L(\theta; x_i, y_i) \big),
        \quad x_i \in D_f, \qquad
        \theta \leftarrow \theta - \eta_t \, \nabla_\theta L(\theta; D_r)

    .. math:: m = \mathbb 1 [\, I_f \ge \gamma I_r \,], \qquad
        w_i \propto L(\theta; x_i, y_i)^{-\lambda}, \quad \tfrac1n \textstyle\sum_i w_i = 1

    ``I`` is the diagonal of the empirical Fisher information of the original in evaluation
    mode, from squared gradients of whole batches. The mask and the clipping to length
    ``max_norm`` are for forget steps alone, and for their gradient: momentum and weight
    decay move all weights. No gradient goes through w, so that samples that are fitted
    best weigh most. Their losses count up to ``task.loss_ceiling``, and batches of D_f
    do not move the statistics of BatchNorm.

    Args:
        alpha: Strength of the first forget step, at least 0.
        forget_every: Steps on D_r per forget step, at least 1.
        weighting: lambda above, at least 0, where all samples weigh the same.
        threshold: gamma above, at least 0, where all weights may move.
        max_norm: Longest gradient of a forget step, alpha counted in, > 0.
        samples: At most this many of each set are read for the Fisher information; None
            reads all.
        lr: Learning rate of SGD at first, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step from D_r, at most from D_f, and per squared gradient;
            None takes 128, or less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0.

    Cost: one forward and backward pass over both sets for the mask, ``epochs`` over D_r,
    and one on a batch of D_f in every step of ``forget_every``; memory for two copies of
    the parameters while the mask is made. Defaults are those of the public code for random
    10 % of CIFAR-10 and ResNet-18, where 1500 steps are 4.3 passes. Its slow weights
    average nothing there (beta = 1), and are left out. The ceiling, BatchNorm held still
    on D_f, Fisher information without augmentation, and losses below the resolution of
    their type counting as that (one loss of 0 would take all of w) are choices of this
    library.
    """

    alpha: NotNegative = 25.0
    forget_every: Count = 5
    weighting: NotNegative = 0.5
    threshold: NotNegative = 1.0
    max_norm: Positive = 7.0
    samples: Count | None = None
    lr: Rate = 1e-2
    epochs: Passes = 4.3
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "sfron"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Zhehao Huang, Xinwen Cheng, JingHao Zheng, Haoran Wang, Zhengbao He, Tao Li, "
        "Xiaolin Huang",
        title="Unified Gradient-Based Machine Unlearning with Remain Geometry Enhancement",
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2409.19732",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        size = fitting_batch(self.batch_size, data.retain, _BATCH)
        retain = run.batches("retain", data.retain, size)
        forget = run.batches("forget", data.forget, min(size, len(data.forget)))
        kept = run.once("mask", lambda: self._masks(model, task, data, run, size))
        masks = [mask.to(run.device) for mask in kept]
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("sfron", self.epochs, retain):
            decay = (1 + math.cos(math.pi * step / descent.total)) / 2
            for group in descent.optimizer.param_groups:
                group["lr"] = self.lr * decay
            row = {}
            if step % self.forget_every == 0:
                with frozen_statistics(model):
                    losses = task.loss(model, forget[step // self.forget_every])
                lost = _weighted(losses, self.weighting, task.loss_ceiling)
                gradient = run.gradient(-self.alpha * decay * lost, descent.parameters)
                torch._foreach_mul_(gradient, masks)
                descent.follow(_clipped(gradient, self.max_norm))
                row["forget_loss"] = losses.mean().item()
            loss = task.loss(model, retain[step]).mean()
            descent.follow(run.gradient(loss, descent.parameters))
            descent.log(step, retain_loss=loss.item(), **row)
        return model

    def _masks(
        self, model: nn.Module, task: Task, data: UnlearningData, run: Run, size: int
    ) -> list[Tensor]:
        """True where a forget step may move a weight, for each trainable parameter."""
        model.eval()
        sets = {"forget": data.forget, "retain": data.retain}
        fisher = fisher_diagonals(model, task, run, sets, group=size, samples=self.samples)
        model.train()
        return [
            (forget >= self.threshold * retain).to("cpu")
            for forget, retain in zip(fisher["forget"], fisher["retain"], strict=True)
        ]


def _weighted(losses: Tensor, power: float, ceiling: float) -> Tensor:
    """Mean of ``losses`` (B,) weighted by ``loss ** -power``, the weights of mean 1."""
    least = torch.finfo(losses.dtype).eps
    weights = losses.detach().clamp(min=least).pow(-power)
    return (weights / weights.mean() * losses.clamp(max=ceiling)).mean()


def _clipped(gradient: list[Tensor], longest: float) -> list[Tensor]:
    """The gradient, shortened in place to at most this length over all parameters."""
    length = squared_norm(gradient).sqrt().item()
    if length > longest:
        torch._foreach_mul_(gradient, longest / length)
    return gradient

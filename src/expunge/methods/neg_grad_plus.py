"""NegGrad+: climb the loss of the forget set while descending on what is kept."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, Share, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import frozen_statistics
from ..training.descent import Descent, fitting_batch


@dataclass(frozen=True, kw_only=True)
@validated
class NegGradPlus:
    r"""Minimise a share of the loss on the retain set minus the rest on the forget set.

    .. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta
        \big( \beta L(\theta; D_r) - (1 - \beta) L(\theta; D_f) \big)

    Each step reads a batch of both sets; the smaller one is cycled. The loss of a forget
    sample counts only up to ``task.loss_ceiling``, since cross-entropy has no upper bound,
    and batches of D_f do not move the statistics of BatchNorm.

    Args:
        retain_weight: Share beta of the retain loss, in (0, 1). Near 1 it is fine-tuning,
            near 0 gradient ascent.
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step from D_r, and at most from D_f; None takes 256, or
            less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0.

    Cost: per step a forward and backward pass on each of two batches. ``retain_weight`` is
    the .95 of Kurmanji et al. (2023), who named the method; the other defaults are those
    of ``FineTune`` with half the passes.
    """

    retain_weight: Share = 0.95
    lr: Rate = 1e-2
    epochs: Passes = 5
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "neg-grad-plus"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Meghdad Kurmanji, Peter Triantafillou, Jamie Hayes, Eleni Triantafillou",
        title="Towards Unbounded Machine Unlearning",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2302.09880",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        size = fitting_batch(self.batch_size, data.retain)
        retain = run.batches("retain", data.retain, size)
        forget = run.batches("forget", data.forget, min(size, len(data.forget)))
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        beta = self.retain_weight
        for step in descent.steps("neg-grad-plus", self.epochs, retain):
            kept = task.loss(model, retain[step]).mean()
            # The statistics are to describe what the model is for, which is D_r.
            with frozen_statistics(model):
                lost = task.loss(model, forget[step])
            bounded = lost.clamp(max=task.loss_ceiling).mean()
            loss = beta * kept - (1 - beta) * bounded
            descent.follow(run.gradient(loss, descent.parameters))
            descent.log(step, retain_loss=kept.item(), forget_loss=lost.mean().item())
        return model

"""Fine-tuning: go on training without the forget set, and let it be forgotten."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..training.descent import Descent, fitting_batch
from ._shared.presets import Published


@dataclass(frozen=True, kw_only=True)
@validated
class FineTune(Published):
    r"""Minimise the loss on the retain set; the forget set is never read.

    .. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta L(\theta; D_r)

    Args:
        lr: Constant learning rate of SGD.
        epochs: Passes over the retain set; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD.
        weight_decay: L2 penalty.

    Cost: ``epochs`` forward and backward passes over D_r. Defaults are those published
    for ResNet-18 with Scissorhands (Wu & Harandi 2024).
    """

    lr: Rate = 1e-2
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "fine-tune"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Alexander Warnecke, Lukas Pirch, Christian Wressnegger, Konrad Rieck",
        title="Machine Unlearning of Features and Labels",
        venue="NDSS",
        year=2023,
        url="https://arxiv.org/abs/2108.11577",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        size = fitting_batch(self.batch_size, data.retain)
        stream = run.batches("retain", data.retain, size)
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("fine-tune", self.epochs, stream):
            loss = task.loss(model, stream[step]).mean()
            descent.follow(run.gradient(loss, descent.parameters))
            descent.log(step, retain_loss=loss.item())
        return model

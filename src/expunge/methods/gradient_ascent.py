"""Gradient ascent: undo training by climbing the loss of the forget set."""

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
class GradientAscent(Published):
    r"""Maximise the loss on the forget set; the retain set is never read.

    .. math:: \theta \leftarrow \theta + \eta \, \nabla_\theta L(\theta; D_f)

    Cross-entropy has no upper bound, so ``lr`` and ``epochs`` must stay small: nothing
    protects what is to be kept.

    Args:
        lr: Constant learning rate of SGD.
        epochs: Passes over the forget set; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD.
        weight_decay: L2 penalty.

    Cost: ``epochs`` forward and backward passes over D_f. Defaults are those published
    for CIFAR-10 with Scissorhands (Wu & Harandi 2024).
    """

    lr: Rate = 1e-4
    epochs: Passes = 5
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "gradient-ascent"
    reads: ClassVar = frozenset({Split.FORGET})
    reference: ClassVar = Reference(
        authors="Anvith Thudi, Gabriel Deza, Varun Chandrasekaran, Nicolas Papernot",
        title="Unrolling SGD: Understanding Factors Influencing Machine Unlearning",
        venue="EuroS&P",
        year=2022,
        url="https://arxiv.org/abs/2109.13398",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        size = fitting_batch(self.batch_size, data.forget)
        stream = run.batches("forget", data.forget, size)
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("ascent", self.epochs, stream):
            loss = task.loss(model, stream[step]).mean()
            descent.follow(run.gradient(-loss, descent.parameters))
            descent.log(step, forget_loss=loss.item())
        return model

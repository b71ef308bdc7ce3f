"""MUNBa: forgetting and keeping bargain over the direction of every step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import frozen_statistics, inner, squared_norm
from ..training.descent import Descent, fitting_batch

_LEAST = 1e-6  # of 1 + cos: gradients this opposed have nothing to agree on but rounding


@dataclass(frozen=True, kw_only=True)
@validated
class MUNBa:
    r"""Step along the Nash bargaining solution of two gradients.

    With :math:`g_r = \nabla L(\theta; D_r)`, :math:`g_f = -\nabla L(\theta; D_f)` and the
    angle :math:`\varphi` between them,

    .. math:: \theta \leftarrow \theta - \eta \, (\alpha_r g_r + \alpha_f g_f), \qquad
        \alpha_i = \frac{1}{\|g_i\|} \sqrt{\frac{1 - \cos\varphi}{\sin^2 \varphi}}
        = \frac{1}{\|g_i\| \sqrt{1 + \cos\varphi}}

    Both losses gain equally per unit of their gradient, so that neither dominates. The
    direction has length √2 whatever the losses: ``lr`` alone sets how far a step goes.
    Where the gradients point against each other (1 + cos below 1e-6) the step shrinks to
    none; where one vanishes, the other is followed at unit length. The loss of a forget
    sample counts only up to ``task.loss_ceiling``, since cross-entropy has no upper bound,
    and batches of D_f do not move the statistics of BatchNorm.

    Args:
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step from D_r, and at most from D_f; None takes 256, or
            less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0; it takes no part in the bargain.

    Cost: per step a forward and backward pass on each of two batches, and a second copy
    of the gradient. The rule is that of the source; the loss on D_f, its ceiling and the
    defaults are choices of this library, untuned.
    """

    lr: Rate = 1e-3
    epochs: Passes = 5
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "munba"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Jing Wu, Mehrtash Harandi",
        title="MUNBa: Machine Unlearning via Nash Bargaining",
        venue="ICCV",
        year=2025,
        url="https://arxiv.org/abs/2411.15537",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        size = fitting_batch(self.batch_size, data.retain)
        retain = run.batches("retain", data.retain, size)
        forget = run.batches("forget", data.forget, min(size, len(data.forget)))
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("munba", self.epochs, retain):
            kept = task.loss(model, retain[step]).mean()
            keep = run.gradient(kept, descent.parameters)
            with frozen_statistics(model):
                lost = task.loss(model, forget[step])
            away = -lost.clamp(max=task.loss_ceiling).mean()
            direction, cosine = bargain(keep, run.gradient(away, descent.parameters))
            descent.follow(direction)
            descent.log(
                step,
                retain_loss=kept.item(),
                forget_loss=lost.mean().item(),
                cosine=cosine,
            )
        return model


def bargain(keep: Sequence[Tensor], away: Sequence[Tensor]) -> tuple[list[Tensor], float]:
    """The Nash solution for two gradients, and the cosine of the angle between them.

    Args:
        keep: Gradient of what is to be kept, one tensor per parameter.
        away: Gradient of what is to be forgotten, alike.

    Returns:
        The direction, of length √2 unless a gradient is zero or both are opposed, and the
        cosine; 0 if one gradient is zero.
    """
    norms = [squared_norm(gradient).sqrt().item() for gradient in (keep, away)]
    first, second = (1 / norm if norm > 0 else 0.0 for norm in norms)
    cosine = max(-1.0, min(1.0, inner(keep, away).item() * first * second))
    share = max(1 + cosine, _LEAST) ** -0.5
    return [share * (first * a + second * b) for a, b in zip(keep, away, strict=True)], cosine

"""EraseDiff: keep the images of D_r, subject to having unlearnt the denoising of D_f."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.capabilities import Denoises
from ...core.data import Split, UnlearningData
from ...core.hyperparameters import Count, NotNegative, Passes, Positive, Rate, validated
from ...core.method import Reference
from ...core.run import Run
from ...core.task import Batch, Task
from ...kernels import inner, squared_norm
from ...training.descent import Descent, fitting_batch
from .concepts import denoising_of


@dataclass(frozen=True, kw_only=True)
@validated
class EraseDiff:
    r"""Descend on D_r with as much of the forget objective as keeps it falling.

    With :math:`f(\theta) = E_{D_f} \|u - \epsilon_\theta(x_t, t, c)\|^2`, whose noise u is
    uniform in [0, 1] instead of what was mixed in, and :math:`q(\theta) = f(\theta) -
    f(\theta^K)` for K steps of descent on f from θ,

    .. math:: \theta \leftarrow \theta - \eta \, (\nabla L_r + \lambda \nabla q), \qquad
        \lambda = \max\Big(0, \frac{a \|\nabla q\|^2 - \langle \nabla q, \nabla L_r\rangle}
        {\|\nabla q\|^2}\Big)

    so that every step lowers q by at least the share a of its squared gradient.

    Args:
        inner_steps: K, at least 1; on a copy of the model, which is thrown away.
        share: a, > 0.
        lr: Constant learning rate, of the inner steps (plain descent) too, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step from D_r, and at most from D_f; None takes 256, or
            less for a small set.
        momentum: First beta of AdamW, at least 0.
        weight_decay: Of AdamW, at least 0.

    Cost: per step K + 2 forward and backward passes on batches of D_f, one on D_r, a copy of
    the model and two of the gradient. Defaults are untuned.

    Raises:
        InputError: When called, if the task's model does not denoise.
    """

    inner_steps: Count = 1
    share: Positive = 0.1
    lr: Rate = 1e-4
    epochs: Passes = 5
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 0.0

    name: ClassVar[str] = "erase-diff"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({Denoises})
    reference: ClassVar = Reference(
        authors="Jing Wu, Trung Le, Munawar Hayat, Mehrtash Harandi",
        title="EraseDiff: Erasing Data Influence in Diffusion Models",
        venue="arXiv",
        year=2024,
        url="https://arxiv.org/abs/2401.05779",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        denoising = denoising_of(task, self.name)
        size = fitting_batch(self.batch_size, data.retain)
        retain = run.batches("retain", data.retain, size)
        forget = run.batches("forget", data.forget, min(size, len(data.forget)))
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("erase", self.epochs, retain):
            batch = forget[step]
            slope, erased = self._slope(model, denoising, batch, run)
            kept = task.loss(model, retain[step]).mean()
            direction = run.gradient(kept, descent.parameters)
            weight = multiplier(direction, slope, self.share)
            torch._foreach_add_(direction, slope, alpha=weight)
            descent.follow(direction)
            descent.log(step, retain_loss=kept.item(), erase_loss=erased, multiplier=weight)
        return model

    def _slope(
        self, model: nn.Module, task: Denoises, batch: Batch, run: Run
    ) -> tuple[list[Tensor], float]:
        """Gradient of q at the weights of the model, and f there.

        The gradient of f(θ^K) is taken at θ^K, as if that did not move with θ.
        """
        parameters = [p for p in model.parameters() if p.requires_grad]
        here = _erasing(model, task, batch)
        slope = run.gradient(here, parameters)
        below = copy.deepcopy(model)
        weights: list[Tensor] = [p for p in below.parameters() if p.requires_grad]
        gradient: Sequence[Tensor] = slope
        for _ in range(self.inner_steps):
            with torch.no_grad():
                torch._foreach_add_(weights, list(gradient), alpha=-self.lr)
            gradient = run.gradient(_erasing(below, task, batch), weights)
        return [a - b for a, b in zip(slope, gradient, strict=True)], here.item()


def _erasing(model: nn.Module, task: Denoises, batch: Batch) -> Tensor:
    """f: the distance of predictions on D_f from uniform noise."""
    drawn = task.draw(model, batch)
    found = task.predict(model, drawn.noised, drawn.levels, drawn.conditions)
    return (found.float() - torch.rand(found.shape).to(found.device)).square().mean()


def multiplier(keep: Sequence[Tensor], erase: Sequence[Tensor], share: float) -> float:
    """λ: the least weight of ``erase`` with which a step along both lowers q enough.

    Args:
        keep: Gradient of L_r, one tensor per parameter.
        erase: Gradient of q, alike.
        share: a, > 0.

    Returns:
        At least 0; 0 if the gradient of q vanishes.
    """
    norm = squared_norm(erase).item()
    if norm == 0:
        return 0.0
    return max(0.0, share - inner(keep, erase).item() / norm)

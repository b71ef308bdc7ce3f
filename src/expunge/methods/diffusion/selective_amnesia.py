"""Selective Amnesia: overwrite a concept, held by what the other weights remember."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ...core.capabilities import Denoises
from ...core.data import Split, UnlearningData
from ...core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ...core.method import Reference
from ...core.run import Run
from ...core.task import Batch, Task
from ...tasks.batches import unpack, with_inputs
from ...training.descent import Descent, fitting_batch
from .._shared.passes import fisher_diagonals, trainable
from .concepts import denoising_of

Surrogate = Literal["noise", "other"]


@dataclass(frozen=True, kw_only=True)
@validated
class SelectiveAmnesia:
    r"""Learn something else under the forgotten conditions, and stay near the original.

    .. math:: \min_\theta \; L(\theta; q_f) + L(\theta; D_r) + \tfrac{\lambda}{2}
        \sum_i F_i \, (\theta_i - \theta_i^*)^2

    q_f are surrogates under the conditions of D_f, D_r is replayed, and F is the diagonal of
    the empirical Fisher information on D_r at the original weights (elastic weight
    consolidation).

    Args:
        penalty: λ, at least 0.
        surrogate: What takes the place of D_f: ``"noise"``, uniform in [-1, 1]; or
            ``"other"``, samples of D_r under the conditions of D_f.
        samples: Samples of D_r for F, at least 1.
        group: Samples whose gradients are averaged before they are squared; 1 is exact.
        lr: Constant learning rate of AdamW, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step from D_r, and at most from D_f; None takes 256, or
            less for a small set.
        momentum: First beta of AdamW, at least 0.
        weight_decay: Of AdamW, at least 0.

    Cost: forward and backward passes over ``samples``; per step one on each of two batches;
    two copies of the weights. Defaults are untuned.

    Raises:
        InputError: When called, if the task's model does not denoise.
    """

    penalty: NotNegative = 50.0
    surrogate: Surrogate = "noise"
    samples: Count = 512
    group: Count = 1
    lr: Rate = 1e-4
    epochs: Passes = 5
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 0.0

    name: ClassVar[str] = "selective-amnesia"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({Denoises})
    reference: ClassVar = Reference(
        authors="Alvin Heng, Harold Soh",
        title="Selective Amnesia: A Continual Learning Approach to Forgetting in Deep "
        "Generative Models",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2305.10120",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        denoising_of(task, self.name)
        size = fitting_batch(self.batch_size, data.retain)
        retain = run.batches("retain", data.retain, size)
        forget = run.batches("forget", data.forget, min(size, len(data.forget)))
        others = run.batches("others", data.retain, min(size, len(data.forget), len(data.retain)))
        start = run.once("start", lambda: [p.detach().clone() for p in trainable(model)])
        model.eval()
        sets = {"retain": data.retain}
        # Kept: a run that is resumed behind this stage does not add it up again.
        [fisher] = run.once(
            "fisher",
            lambda: fisher_diagonals(
                model, task, run, sets, group=self.group, samples=self.samples
            ),
        ).values()
        model.train()
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("amnesia", self.epochs, retain):
            batch = self._in_place_of(forget[step], others[step])
            wrong = task.loss(model, batch).mean()
            kept = task.loss(model, retain[step]).mean()
            gradient = run.gradient(wrong + kept, descent.parameters)
            pull = consolidation(descent.parameters, start, fisher, self.penalty)
            torch._foreach_add_(gradient, pull)
            descent.follow(gradient)
            descent.log(step, retain_loss=kept.item(), surrogate_loss=wrong.item())
        return model

    def _in_place_of(self, batch: Batch, other: Any) -> Batch:
        """The batch of D_f with its samples replaced; the conditions stay."""
        inputs, labels = unpack(batch)
        if self.surrogate == "noise":
            return with_inputs(batch, (2 * torch.rand(inputs.shape) - 1).to(inputs))
        found, _ = unpack(other)
        return (found[: len(labels)], labels[: len(found)])


def consolidation(
    weights: Sequence[Tensor], start: Sequence[Tensor], fisher: Sequence[Tensor], penalty: float
) -> list[Tensor]:
    """Gradient of the penalty: λ F (θ - θ*), one tensor per parameter."""
    return [
        penalty * information.to(weight.device) * (weight.detach() - kept.to(weight.device))
        for weight, kept, information in zip(weights, start, fisher, strict=True)
    ]

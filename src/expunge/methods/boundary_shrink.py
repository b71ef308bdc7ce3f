"""Boundary shrinking: give the region of each forget sample to its nearest wrong class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.capabilities import GivesLogits, NormalisedSet, parent_of
from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Positive, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from ..training.descent import Descent, fitting_batch
from ._shared.presets import Published
from ._shared.teachers import Logits, frozen_copy, logits_of


@dataclass(frozen=True, kw_only=True)
@validated
class BoundaryShrink(Published):
    r"""Train each forget sample towards the wrong class whose boundary is nearest.

    With the frozen original :math:`\theta_0`:

    .. math:: x' = x + \epsilon \, \mathrm{sign} \nabla_x L(\theta_0; x, y), \qquad
        y' = \arg\max_{k \ne y} f_k(\theta_0; x')

    .. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta L(\theta; x, y')

    The boundary is sought in evaluation mode. The retain set is never read, so ``lr`` and
    ``epochs`` must stay small. Needs a task with ``logits``.

    Args:
        epsilon: How far a sample is moved to find y', above 0. For an ``ImageSet`` on the
            scale where white is 1, whatever its normalisation, and moved pixels stay between
            black and white; for other data in the unit of the inputs, without limits.
        lr: Constant learning rate of SGD.
        epochs: Passes over the forget set; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD.
        weight_decay: L2 penalty.

    Cost: per sample and epoch two forward and backward passes and one more forward pass over
    D_f. Defaults are those published for CIFAR-10 with Scissorhands (Wu & Harandi 2024);
    they change a net very little, and ``unlearn`` warns where that is nothing at all.
    """

    epsilon: Positive = 0.1
    lr: Rate = 1e-6
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "boundary-shrink"
    reads: ClassVar = frozenset({Split.FORGET})
    needs: ClassVar = frozenset({GivesLogits})
    reference: ClassVar = Reference(
        authors="Min Chen, Weizhuo Gao, Gaoyang Liu, Kai Peng, Chen Wang",
        title="Boundary Unlearning: Rapid Forgetting of Deep Networks via Shifting the "
        "Decision Boundary",
        venue="CVPR",
        year=2023,
        url="https://arxiv.org/abs/2303.11570",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        logits = logits_of(task, self.name)
        original = _Movable(frozen_copy(model), self.epsilon, data.forget)
        stream = run.batches("forget", data.forget, fitting_batch(self.batch_size, data.forget))
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay)
        for step in descent.steps("boundary-shrink", self.epochs, stream):
            batch = stream[step]
            targets = _nearest_wrong(original, logits, batch)
            loss = F.cross_entropy(logits(model, batch)[0], targets)
            descent.follow(run.gradient(loss, descent.parameters))
            descent.log(step, boundary_loss=loss.item())
        return model


class _Movable(nn.Module):
    """A net that can move its inputs, so that nobody needs to know the form of a batch."""

    def __init__(self, model: nn.Module, epsilon: float, dataset: Any) -> None:
        super().__init__()
        self.model, self.epsilon = model, epsilon
        self.pixels = _normalisation(dataset)
        self.seen: Tensor | None = None
        self.slope: Tensor | None = None

    def forward(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.slope is None:
            self.seen = inputs = inputs.detach().clone().requires_grad_()
        else:
            inputs = self._moved(inputs)
        return self.model(inputs, *args, **kwargs)

    def _moved(self, inputs: Tensor) -> Tensor:
        assert self.slope is not None  # forward comes here only then
        step = self.epsilon * self.slope.sign()
        if self.pixels is None:
            return inputs + step
        mean, std = (
            torch.tensor(values, device=inputs.device, dtype=inputs.dtype)[:, None, None]
            for values in self.pixels
        )
        return ((inputs * std + mean + step).clamp(0, 1) - mean) / std


def _nearest_wrong(original: _Movable, logits: Logits, batch: Batch) -> Tensor:
    """The most likely class (B,) beside the label once a sample climbed its loss."""
    original.slope = None
    found, labels = logits(original, batch)
    loss = F.cross_entropy(found, labels, reduction="sum")
    assert original.seen is not None  # set by the forward pass
    (slope,) = torch.autograd.grad(loss, original.seen)
    original.slope = slope
    with torch.no_grad():
        moved = logits(original, batch)[0]
    return moved.scatter(1, labels.long()[:, None], -torch.inf).argmax(1)


def _normalisation(dataset: Any) -> tuple[Sequence[float], Sequence[float]] | None:
    """Mean and deviation per channel by which a set normalises pixels; None if unknown."""
    while not isinstance(dataset, NormalisedSet) and (whole := parent_of(dataset)) is not None:
        dataset = whole
    if isinstance(dataset, NormalisedSet):
        mean, std = dataset.mean, dataset.std
        if isinstance(mean, Sequence) and isinstance(std, Sequence):
            return mean, std
    return None

"""NoT: flip the sign of the first layers, then fine-tune on what is to be kept."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.data import Split, UnlearningData
from ..core.errors import InputError
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..training.descent import Descent, fitting_batch


@dataclass(frozen=True, kw_only=True)
@validated
class NoT:
    r"""Negate the weights of the first layers once, then descend on the retain set.

    .. math:: \theta_l \leftarrow -\theta_l \;\; (l \le k), \quad\text{then}\quad
        \theta \leftarrow \theta - \eta \, \nabla_\theta L(\theta; D_r)

    D_f is never read. A layer is a module with a trainable ``weight`` of two or more
    dimensions, in the order of ``model.modules()``; its bias, and norm layers, stay as
    they are. The negated net is useless until it was fine-tuned: too few ``epochs`` leave
    a poor model.

    Args:
        layers: Layers k to negate, counted from the input, at least 1.
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0.

    Cost: ``epochs`` forward and backward passes over D_r. The source works in federated
    learning and negates the first layer of a convolutional net, hence ``layers`` 1; the
    other defaults are those of ``FineTune`` and not tuned for this method.

    Raises:
        InputError: When called, if the model has fewer trainable layers.
    """

    layers: Count = 1
    lr: Rate = 1e-2
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "not"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = Reference(
        authors=(
            "Yasser H. Khalil, Leo Brunswic, Soufiane Lamghari, Xu Li, Mahdi Beitollahi, Xi Chen"
        ),
        title="NoT: Federated Unlearning via Weight Negation",
        venue="CVPR",
        year=2025,
        url="https://arxiv.org/abs/2503.05657",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        retain = run.batches("retain", data.retain, fitting_batch(self.batch_size, data.retain))
        # Before the first step, which on resuming is where a checkpoint replaces the weights.
        _negate_(model, self.layers)
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("not", self.epochs, retain):
            loss = task.loss(model, retain[step]).mean()
            descent.follow(run.gradient(loss, descent.parameters))
            descent.log(step, retain_loss=loss.item())
        return model


@torch.no_grad()
def _negate_(model: nn.Module, count: int) -> None:
    """Flip the sign of the first ``count`` trainable weight matrices, in place."""
    weights: dict[int, Tensor] = {}  # by identity: a shared weight must not be flipped back
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.requires_grad and weight.ndim > 1:
            weights[id(weight)] = weight
    if len(weights) < count:
        raise InputError(
            f"expected layers <= {len(weights)}, the trainable layers of the model that have "
            f"a weight matrix, got {count}; lower layers or unfreeze some"
        )
    for weight in list(weights.values())[:count]:
        weight.neg_()

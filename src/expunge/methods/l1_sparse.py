"""Sparse fine-tuning: a penalty on all weights lets what only D_f needs fade."""

from dataclasses import dataclass
from typing import ClassVar

import torch
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
class L1Sparse(Published):
    r"""Minimise the loss on the retain set plus an l1 penalty that fades out.

    .. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta
        \big( L(\theta; D_r) + \alpha (1 - t / T) \, \|\theta\|_1 \big)

    Here t counts finished passes and T is ``epochs``: the penalty is whole in the first
    pass and small in the last, and constant within a pass, as in the published code. It
    covers all trainable parameters, biases and normalisation layers too.

    Args:
        penalty: Weight alpha of the l1 norm in the first pass, at least 0, where it is
            plain fine-tuning.
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over the retain set, > 0; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0.

    Cost: ``epochs`` forward and backward passes over D_r. Defaults are those published
    for CIFAR-10 and ResNet-18 as a baseline of Scissorhands (Wu & Harandi 2024).
    """

    penalty: NotNegative = 1e-4
    lr: Rate = 1e-2
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "l1-sparse"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Jinghan Jia, Jiancheng Liu, Parikshit Ram, Yuguang Yao, Gaowen Liu, Yang Liu, "
        "Pranay Sharma, Sijia Liu",
        title="Model Sparsity Can Simplify Machine Unlearning",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2304.04934",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        size = fitting_batch(self.batch_size, data.retain)
        stream = run.batches("retain", data.retain, size)
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        for step in descent.steps("l1-sparse", self.epochs, stream):
            loss = task.loss(model, stream[step]).mean()
            norm = torch.stack([weight.abs().sum() for weight in descent.parameters]).sum()
            alpha = self.penalty * (1 - step // len(stream) / self.epochs)
            descent.follow(run.gradient(loss + alpha * norm, descent.parameters))
            descent.log(step, retain_loss=loss.item(), l1_norm=norm.item(), penalty=alpha)
        return model

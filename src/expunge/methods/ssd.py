"""Selective synaptic dampening: shrink the weights that matter most for the forget set."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, Positive, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import dampen_
from ._shared.passes import fisher_diagonals, trainable


@dataclass(frozen=True, kw_only=True)
@validated
class SSD:
    r"""Dampen each weight whose Fisher information for D_f far exceeds that for all data.

    .. math::
        \theta_i \leftarrow \min\left(\lambda \frac{I_{D,i}}{I_{f,i}}, 1\right) \theta_i
        \quad \text{where} \quad I_{f,i} > \alpha I_{D,i}

    ``I`` is the diagonal of the empirical Fisher information in evaluation mode, and
    D = D_f and D_r together, each weighted by its size. No weight is trained.

    Args:
        threshold: alpha, above 0: how many times more a weight must matter for D_f.
            Smaller dampens more weights.
        strength: lambda, above 0: smaller dampens them more.
        group: Samples whose gradients are averaged before they are squared. 1 is the
            definition of the paper, per sample; the public code averages over batches,
            e.g. 64 (see ``expunge.kernels.fisher_diagonal``).
        samples: At most this many of each set are read; None reads all.

    Cost: one forward and backward pass over what is read of D_f and D_r, one sample at a
    time for ``group = 1``. Memory: two copies of the parameters. ``threshold`` and
    ``strength`` are those of the paper for ResNet-18 (Foster et al. 2024), which reads
    all data; 2000 samples keep single passes short.
    """

    threshold: Positive = 10.0
    strength: Positive = 1.0
    group: Count = 1
    samples: Count | None = 2000

    name: ClassVar[str] = "ssd"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Jack Foster, Stefan Schoepf, Alexandra Brintrup",
        title="Fast Machine Unlearning Without Retraining Through Selective Synaptic Dampening",
        venue="AAAI",
        year=2024,
        url="https://arxiv.org/abs/2308.07707",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        model.eval()
        sets = {"forget": data.forget, "retain": data.retain}
        fisher = fisher_diagonals(model, task, run, sets, group=self.group, samples=self.samples)
        share = len(data.forget) / (len(data.forget) + len(data.retain))
        dampened = 0
        for weight, forget, retain in zip(
            trainable(model), fisher["forget"], fisher["retain"], strict=True
        ):
            whole = torch.lerp(retain, forget, share)
            dampened += dampen_(weight, forget, whole, self.threshold, self.strength)
        run.log("dampen", 0, total=1, dampened=dampened)
        return model

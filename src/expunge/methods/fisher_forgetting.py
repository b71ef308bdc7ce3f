"""Fisher forgetting: drown in noise what the retain set does not hold in place."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, Positive, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import fisher_noise
from ._shared.passes import check_finite_update, fisher_diagonals, trainable


@dataclass(frozen=True, kw_only=True)
@validated
class FisherForgetting:
    r"""Add Gaussian noise to each weight, the more the less it matters for the retain set.

    .. math:: \theta_i \leftarrow \theta_i + \sqrt{\alpha} \, \max(F_i, \epsilon)^{-p} \, n_i,
        \qquad n_i \sim N(0, 1)

    ``F`` is the diagonal of the empirical Fisher information on D_r in evaluation mode.
    The forget set is never read.

    Args:
        scale: alpha, above 0.
        power: p, above 0: 0.5 makes the variance alpha / F, as the public code does; 0.25
            is the optimum of the paper, alpha then being lambda sigma^2 under a root,
            i.e. ``sqrt(lambda sigma^2)``.
        floor: epsilon, above 0, under which information counts as this much; it bounds
            the noise where weights are not used.
        group: Samples whose gradients are averaged before they are squared; 1, per sample,
            is the definition (see ``expunge.kernels.fisher_diagonal``).
        samples: At most this many of D_r are read; None reads all.

    The authors take labels from the model's own prediction, which needs one backward pass
    per class and a task with classes; here they are those of the data. They also average
    variances over the inputs of a unit, scale the last layer and norm layers by 10, and
    reset the row of a class to forget: rules for one kind of net, not repeated here.

    Cost: one forward and backward pass over what is read of D_r, one sample at a time for
    ``group = 1``. ``scale`` and ``floor`` are those of public code (3e-6, and 1 / F at most
    1000); 2000 samples keep single passes short.
    """

    scale: Positive = 3e-6
    power: Positive = 0.5
    floor: Positive = 1e-3
    group: Count = 1
    samples: Count | None = 2000

    name: ClassVar[str] = "fisher"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Aditya Golatkar, Alessandro Achille, Stefano Soatto",
        title="Eternal Sunshine of the Spotless Net: Selective Forgetting in Deep Networks",
        venue="CVPR",
        year=2020,
        url="https://arxiv.org/abs/1911.04933",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        model.eval()
        sets = {"retain": data.retain}
        [fisher] = fisher_diagonals(
            model, task, run, sets, group=self.group, samples=self.samples
        ).values()
        # Drawn on the CPU, so that every device and process gets the same numbers.
        generator = run.generator("noise")
        squares, count = 0.0, 0
        for weight, information in zip(trainable(model), fisher, strict=True):
            normal = torch.randn(weight.shape, generator=generator)
            noise = fisher_noise(information, normal, self.scale, self.power, self.floor)
            check_finite_update([noise], "the noise values", "scale or power")
            weight.detach().add_(noise)
            squares, count = squares + noise.square().sum().item(), count + noise.numel()
        run.log("noise", 0, total=1, root_mean_square=(squares / count) ** 0.5)
        return model

"""SalUn: random labels, learnt only by the weights that matter most for the forget set."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.capabilities import Denoises, NamesLabels
from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, Share, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels import freeze_masked, select_parameters, top_share
from ..training.descent import Descent, fitting_batch
from ._shared.presets import Published
from ._shared.relabel import Mixed, Relabel, descend_on_other_predictions, descend_on_wrong_labels

Mask = Literal["gradient", "random"]


@dataclass(frozen=True, kw_only=True)
@validated
class SalUn(Published):
    r"""Minimise the loss of ``RandomLabel``, moving salient weights only.

    .. math:: m = \mathbb 1\big[\, |\nabla_\theta L(\theta_o; D_f)| \text{ in the top share}
        \,\big], \qquad \theta = m \odot \theta_m + (1 - m) \odot \theta_o

    The mask is made once, on the original model in eval mode, ranked over all trainable
    parameters together. All other weights keep their bits: neither momentum nor weight
    decay moves them. A BatchNorm layer none of whose own weights is salient stays in eval
    mode, so that its statistics keep their bits too; those of other layers follow the
    data, since they describe activations that change.

    A denoiser has no wrong label to learn. Under their own condition c, samples of D_f are to
    be denoised as under another one, c', next to the loss on D_r:

    .. math:: \|f_\theta(x_t, t, c) - f_{\bar\theta}(x_t, t, c')\|^2 + L(\theta; D_r)

    with the second prediction held (Fan et al. 2024; there the terms are weighted by hand).
    ``relabel="once"`` takes the next condition for c', as published for classes.

    Args:
        share: Share of the weights that may move, in (0, 1).
        mask: ``"gradient"`` as above; ``"random"`` draws as many weights by chance, a
            control that shows what saliency adds.
        relabel: ``"each-pass"`` draws new wrong labels for each pass, ``"once"`` keeps
            them; see ``RandomLabel``. For a denoiser: anew for each step, or once.
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over both sets together, over D_r for a denoiser; > 0, may be fractional.
        batch_size: Samples per step, of both sets; None takes 256, or less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0; acts on salient weights only.

    Cost: one forward and backward pass over D_f for the mask, ``epochs`` over D_f and D_r,
    a pass over their labels, and one copy of the weights. Defaults are those published for
    CIFAR-10 and ResNet-18 (Fan et al. 2024). There the wrong labels come from all classes,
    the right one included, and a pass over D_r follows one over D_f on small data sets,
    while CIFAR-100 is shuffled with D_f as all sets are here.

    Raises:
        InputError: When called, if the task has no labels or only one.
    """

    share: Share = 0.5
    mask: Mask = "gradient"
    relabel: Relabel = "each-pass"
    lr: Rate = 5e-3
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "salun"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({NamesLabels})
    reference: ClassVar = Reference(
        authors="Chongyu Fan, Jiancheng Liu, Yihua Zhang, Eric Wong, Dennis Wei, Sijia Liu",
        title="SalUn: Empowering Machine Unlearning via Gradient-Based Weight Saliency in Both "
        "Image Classification and Generation",
        venue="ICLR",
        year=2024,
        url="https://arxiv.org/abs/2310.12508",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        mixed = None if isinstance(task, Denoises) else Mixed(task, data, run)  # it may refuse
        masks = run.once("mask", lambda: self._masks(model, task, data, run))
        _hold_still(model, masks)
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        with freeze_masked(descent.optimizer, select_parameters(model), masks):
            if isinstance(task, Denoises):
                descend_on_other_predictions(self, descent, model, task, data, run)
            elif mixed is not None:
                descend_on_wrong_labels(self, descent, model, mixed, run)
        return model

    def _masks(
        self, model: nn.Module, task: Task, data: UnlearningData, run: Run
    ) -> dict[str, Tensor]:
        """True where a weight may move, by name."""
        weights = select_parameters(model)
        if self.mask == "random":
            chance = run.generator("mask")
            scores = {n: torch.rand(w.shape, generator=chance) for n, w in weights.items()}
        else:
            scores = self._saliency(model, weights, task, data, run)
        return {name: mask.cpu() for name, mask in top_share(scores, self.share).items()}

    def _saliency(
        self,
        model: nn.Module,
        weights: Mapping[str, Tensor],
        task: Task,
        data: UnlearningData,
        run: Run,
    ) -> dict[str, Tensor]:
        """Modulus of the mean gradient over D_f, without augmentation."""
        size = fitting_batch(self.batch_size, data.forget)
        # Streams drop what does not fill a batch; even batches leave the least over.
        even = len(data.forget) // math.ceil(len(data.forget) / min(size, len(data.forget)))
        stream = run.batches("saliency", data.forget, even, augment=False)
        total = [torch.zeros_like(weight) for weight in weights.values()]
        model.eval()
        for step in range(len(stream)):
            loss = task.loss(model, stream[step]).mean()
            torch._foreach_add_(total, run.gradient(loss, list(weights.values())))
        model.train()
        return {name: value.abs() for name, value in zip(weights, total, strict=True)}


def _hold_still(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Put BatchNorm layers into eval mode that have weights, but no salient one."""
    for prefix, module in model.named_modules():
        names = [name for name, _ in module.named_parameters(prefix, recurse=False)]
        own = [masks[name] for name in names if name in masks]
        if isinstance(module, _BatchNorm) and own and not any(bool(mask.any()) for mask in own):
            module.eval()

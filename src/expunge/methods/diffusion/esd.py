"""ESD-x and ESD-u: teach a model to steer away from a concept by itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...core.capabilities import Denoises
from ...core.data import Split, UnlearningData
from ...core.errors import InputError
from ...core.hyperparameters import Count, NotNegative, Positive, Rate, validated
from ...core.method import Reference
from ...core.run import Run
from ...core.task import Batch, Task
from ...tasks.batches import unpack
from ...training.descent import Descent, fitting_batch
from .._shared.teachers import frozen_copy
from .concepts import denoising_of
from .half_way import half_way

Start = Literal["images", "noise"]

_REFERENCE = Reference(
    authors="Rohit Gandikota, Joanna Materzynska, Jaden Fiotto-Kaufman, David Bau",
    title="Erasing Concepts from Diffusion Models",
    venue="ICCV",
    year=2023,
    url="https://arxiv.org/abs/2303.07345",
)


@dataclass(frozen=True, kw_only=True)
@validated
class _Distillation:
    """What ESD-x and ESD-u share: all but the weights that learn."""

    guidance: Positive = 1.0
    lr: Rate = 1e-5
    steps: Count = 1000
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 0.0
    start: Start = "images"
    start_guidance: NotNegative = 3.0
    sampling_steps: Count = 50

    name: ClassVar[str]
    trained: ClassVar[str]
    reads: ClassVar = frozenset({Split.FORGET})
    needs: ClassVar = frozenset({Denoises})
    reference: ClassVar = _REFERENCE

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        denoising = denoising_of(task, self.name)
        teacher = frozen_copy(model)
        size = fitting_batch(self.batch_size, data.forget)
        stream = run.batches("forget", data.forget, size)
        with only_trained(model, self.trained):
            descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
            for step in descent.steps("erase", self.steps / len(stream), stream):
                loss = self._loss(model, teacher, denoising, stream[step])
                descent.follow(run.gradient(loss, descent.parameters))
                descent.log(step, erase_loss=loss.item())
        return model

    def _loss(self, model: nn.Module, teacher: nn.Module, task: Denoises, batch: Batch) -> Tensor:
        noised, levels, labels, named = self._samples(model, teacher, task, batch)
        with torch.no_grad():
            told = task.predict(teacher, noised, levels, named)
            empty = task.condition(torch.full_like(labels, task.empty))
            untold = task.predict(teacher, noised, levels, empty)
        aim = untold - self.guidance * (told - untold)
        found = task.predict(model, noised, levels, named)
        return (found.float() - aim.float()).square().mean()

    def _samples(
        self, model: nn.Module, teacher: nn.Module, task: Denoises, batch: Batch
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """x_t, levels, labels and their conditions."""
        if self.start == "images":
            drawn = task.draw(teacher, batch)  # no condition is dropped
            return drawn.noised, drawn.levels, drawn.labels, drawn.conditions
        images, labels = unpack(batch)
        labels = labels.long()
        named = task.condition(labels)  # drawn and steered away from in the same wording
        noised, levels = half_way(
            model,
            task,
            labels,
            named,
            images.shape,
            guidance=self.start_guidance,
            steps=self.sampling_steps,
        )
        return noised, levels, labels, named


@dataclass(frozen=True, kw_only=True)
class ESDX(_Distillation):
    r"""Distil negative guidance from the frozen original into the cross-attention.

    .. math:: \epsilon_\theta(x_t, t, c) \to \epsilon_0(x_t, t, \varnothing) - \eta \,
        \big(\epsilon_0(x_t, t, c) - \epsilon_0(x_t, t, \varnothing)\big)

    for the conditions c of D_f, with the weights of layers called ``attn2`` alone: a word is
    forgotten where it is said. Of D_r nothing is read.

    Args:
        guidance: η, > 0.
        lr: Constant learning rate of AdamW, > 0.
        steps: Steps in all, at least 1.
        batch_size: Samples of D_f per step; None takes 256, or less for a small set.
        momentum: First beta of AdamW, at least 0.
        weight_decay: Of AdamW, at least 0.
        start: ``"images"`` learns on noised samples of D_f, which may be images that the model
            itself drew. ``"noise"`` draws x_t from noise, half-way, with the model as it is at
            that step, as the source does; of D_f the conditions alone are then read.
        start_guidance: Scale of guidance on that way, at least 0.
        sampling_steps: Steps of DDIM from noise to a drawing on that way, at least 1.

    Cost: per step a forward and backward pass, and two forward passes of a copy of the
    model; from noise ``sampling_steps`` forward passes more. Defaults are those published for
    Stable Diffusion 1.4, but for ``start``: there a step is on one sample, here on a batch.

    Raises:
        InputError: When called, if the task's model does not denoise, or has no
            cross-attention.
    """

    name: ClassVar[str] = "esd-x"
    trained: ClassVar[str] = r"\battn2\b"


@dataclass(frozen=True, kw_only=True)
class ESDU(_Distillation):
    """ESD-x (see ``ESDX``), but everything outside of cross-attention learns.

    What a concept looks like is forgotten, whether it is said or not.

    Args:
        guidance: As of ``ESDX``, and so are the others.
        lr: Constant learning rate of AdamW, > 0.
        steps: Steps in all, at least 1.
        batch_size: Samples of D_f per step; None takes 256, or less for a small set.
        momentum: First beta of AdamW, at least 0.
        weight_decay: Of AdamW, at least 0.
        start: As of ``ESDX``, and so are the next two.
        start_guidance: At least 0.
        sampling_steps: At least 1.

    Cost: that of ``ESDX``.

    Raises:
        InputError: When called, if the task's model does not denoise.
    """

    name: ClassVar[str] = "esd-u"
    trained: ClassVar[str] = r"^(?!.*\battn2\b)"


@contextmanager
def only_trained(model: nn.Module, pattern: str) -> Iterator[None]:
    """Inside, only parameters whose name matches can be trained.

    Raises:
        InputError: If none matches.
    """
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    chosen = {name for name, may in before.items() if may and re.search(pattern, name)}
    if not chosen:
        raise InputError(
            "expected a model with cross-attention layers called attn2, as the U-Nets of Stable "
            f"Diffusion have, found none in {type(model).__name__}; use esd-u"
        )
    try:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in chosen)
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])

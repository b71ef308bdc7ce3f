"""ESD: teach the model to steer away from a concept by itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.checks import check_choice, check_not_negative, check_positive
from ..core.data import Split, UnlearningData
from ..core.errors import InputError
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from .concepts import DenoisingTask, denoising_of
from .descent import Descent, fitting_batch
from .teachers import frozen_copy

PARTS = {"x": r"\battn2\b", "u": r"^(?!.*\battn2\b)", "full": ""}
"""The weights that learn: cross-attention, everything but it, or all."""


@dataclass(frozen=True, kw_only=True)
class ESD:
    r"""Distil negative guidance from the frozen original.

    .. math:: \epsilon_\theta(x_t, t, c) \to \epsilon_0(x_t, t, \varnothing) - \eta \,
        \big(\epsilon_0(x_t, t, c) - \epsilon_0(x_t, t, \varnothing)\big)

    for the conditions c of D_f. ``part = "x"`` trains the cross-attention, which forgets a
    word where it is said (ESD-x); ``"u"`` everything else, which forgets what it looks
    like, said or not (ESD-u). Of D_r nothing is read.

    Args:
        part: ``"x"``, ``"u"``, or ``"full"`` for all weights.
        guidance: η, > 0.
        lr: Constant learning rate of AdamW, > 0.
        steps: Steps in all, at least 1.
        batch_size: Samples of D_f per step; None takes 256, or less for a small set.
        momentum: First beta of AdamW, at least 0.
        weight_decay: Of AdamW, at least 0.

    Cost: per step a forward and backward pass, and two forward passes of a copy of the
    model. In the source x_t comes out of a sampler that stops half-way; here it is a
    noised sample of D_f, which may be an image that the model itself drew. Defaults are
    published for Stable Diffusion 1.4.

    Raises:
        InputError: When called, if the task's model does not denoise, or has no
            cross-attention for ``part = "x"``.
    """

    part: str = "x"
    guidance: float = 1.0
    lr: float = 1e-5
    steps: int = 1000
    batch_size: int | None = None
    momentum: float = 0.9
    weight_decay: float = 0.0

    name: ClassVar[str] = "esd"
    reads: ClassVar = frozenset({Split.FORGET})
    reference: ClassVar = Reference(
        authors="Rohit Gandikota, Joanna Materzynska, Jaden Fiotto-Kaufman, David Bau",
        title="Erasing Concepts from Diffusion Models",
        venue="ICCV",
        year=2023,
        url="https://arxiv.org/abs/2303.07345",
    )

    def __post_init__(self) -> None:
        check_choice(PARTS, part=self.part)
        check_positive(guidance=self.guidance, lr=self.lr, steps=self.steps)
        check_positive(batch_size=self.batch_size)
        check_not_negative(momentum=self.momentum, weight_decay=self.weight_decay)

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        denoising = denoising_of(task, self.name)
        teacher = frozen_copy(model)
        size = fitting_batch(self.batch_size, data.forget)
        stream = run.batches("forget", data.forget, size)
        with only_trained(model, PARTS[self.part]):
            descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
            for step in descent.steps("erase", self.steps / len(stream), stream):
                loss = self._loss(model, teacher, denoising, stream[step])
                descent.follow(run.gradient(loss, descent.parameters))
                descent.log(step, erase_loss=loss.item())
        return model

    def _loss(
        self, model: nn.Module, teacher: nn.Module, task: DenoisingTask, batch: Batch
    ) -> Tensor:
        drawn = task.draw(teacher, batch)  # no condition is dropped
        with torch.no_grad():
            named = task.predict(teacher, drawn.noised, drawn.levels, drawn.conditions)
            empty = task.condition(torch.full_like(drawn.labels, task.empty))
            unnamed = task.predict(teacher, drawn.noised, drawn.levels, empty)
        aim = unnamed - self.guidance * (named - unnamed)
        found = task.predict(model, drawn.noised, drawn.levels, drawn.conditions)
        return (found.float() - aim.float()).square().mean()


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
            f"Diffusion have, found none in {type(model).__name__}; use part = \"full\""
        )
    try:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in chosen)
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])

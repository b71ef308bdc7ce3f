"""Step 1 of Scissorhands: forget by giving fresh values to what D_f depends on most."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...core.data import UnlearningData
from ...core.run import Run
from ...core.task import Task
from ...kernels import (
    connection_sensitivity,
    reinitialise,
    relative,
    select_parameters,
    top_share,
)
from ...training.descent import fitting_batch
from .options import Options
from .plan import Plan


@dataclass(frozen=True)
class Trim:
    """One trim of ``share`` of the weights; called once with the trained model."""

    options: Options
    plan: Plan
    task: Task
    data: UnlearningData
    run: Run
    share: float
    suffix: str = ""

    def __call__(self, model: nn.Module) -> None:
        """Trim ``model`` in place, and leave it in training mode."""
        published = self.plan.constraint == "published"
        # The authors score in train mode; elsewhere the trained function is scored, and
        # BatchNorm statistics stay where they are.
        model.train(published)
        masks = self.run.once(f"trim{self.suffix}", lambda: self._masks(model))
        if self.options.mask == "random":
            count = sum(int(mask.sum()) for mask in masks.values())
            reason = f"a control: {count} weights by chance, as many as the scores would choose"
            self.run.decide(f"mask{self.suffix}", "random", reason)
        generator = self.run.generator(f"reinit{self.suffix}")
        reinitialise(model, masks, scheme=self.options.init, generator=generator)
        model.train()

    def _masks(self, model: nn.Module) -> dict[str, Tensor]:
        """True where a weight is given a fresh value, by name."""
        wanted = self._wanted()
        scores = self._scores(model, "trim-forget", self.data.forget, wanted)
        if self.plan.relative:
            retained = self._scores(model, "trim-retain", self.data.retain, wanted)
            scores = relative(scores, retained)
        masks = top_share(scores, self.share, per_layer=self.options.per_layer)
        if self.options.trim_filter:
            kept = select_parameters(model, self.options.trim_filter)
            masks = {name: mask for name, mask in masks.items() if name in kept}
        if self.options.mask == "random":
            generator = self.run.generator(f"mask{self.suffix}")
            return by_chance(masks, generator, per_layer=self.options.per_layer)
        return masks

    def _wanted(self) -> int:
        """How many samples are to be read of each set."""
        share = self.options.forget_share
        if share is None:
            return self.options.trim_samples
        return max(1, round(share * len(self.data.forget)))

    def _scores(self, model: nn.Module, name: str, dataset: Any, wanted: int) -> dict[str, Tensor]:
        published, asked = self.plan.constraint == "published", self.options.forget_share
        wanted = min(wanted, len(dataset))
        size = min(fitting_batch(self.options.batch_size, dataset, self.plan.batch), wanted)
        if asked is not None:
            size = wanted // math.ceil(wanted / size)  # even batches leave the least unread
        stream = self.run.batches(f"{name}{self.suffix}", dataset, size, augment=published)
        # The authors read one batch.
        count = 1 if published and asked is None else min(len(stream), wanted // size)
        return connection_sensitivity(
            model,
            lambda batch: self.task.loss(model, batch),
            (stream[step] for step in range(count)),
            variant=self.options.saliency,
        )


def by_chance(
    masks: Mapping[str, Tensor], generator: Generator, *, per_layer: bool = False
) -> dict[str, Tensor]:
    """Masks with as many marks, spread evenly over the same tensors by chance.

    Args:
        masks: Boolean tensors by name.
        generator: On the CPU; advanced by the call.
        per_layer: Keep the number of marks of each tensor, rather than of all together.

    Returns:
        Boolean masks of the same names and shapes, on the CPU.
    """
    groups = [[name] for name in masks] if per_layer else [list(masks)]
    drawn: dict[str, Tensor] = {}
    for names in groups:
        flat = torch.cat([masks[name].flatten().cpu() for name in names])
        shuffled = flat[torch.randperm(len(flat), generator=generator)]
        parts = shuffled.split([masks[name].numel() for name in names])
        drawn |= {
            name: part.view(masks[name].shape) for name, part in zip(names, parts, strict=True)
        }
    return drawn

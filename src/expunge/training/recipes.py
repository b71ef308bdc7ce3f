"""How a model is trained from scratch: plain data, named."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le

from ..core.checks import check_choice
from ..core.hyperparameters import BelowOne, Count, NotNegative, Passes, Positive, Rate, validated

Scale = Annotated[float, Gt(0), Le(4)]
Schedule = Literal["one-cycle", "multi-step", "constant"]


@dataclass(frozen=True, kw_only=True)
@validated
class Recipe:
    """SGD with momentum and a schedule.

    Args:
        epochs: Passes over the training set; may be fractional.
        batch_size: Samples per step; a set smaller than that is one batch.
        lr: Peak learning rate.
        momentum: Of SGD.
        nesterov: Whether momentum looks ahead, as Nesterov's does.
        weight_decay: L2 penalty on all parameters.
        norm_bias_factor: Learning rate of the biases of normalisation layers relative to
            ``lr``; their weight decay is divided by it. 64 in the CIFAR-10 speed records.
        schedule: ``"one-cycle"`` (linear rise over ``warmup``, linear fall to zero),
            ``"multi-step"`` (times ``gamma`` at each milestone) or ``"constant"``.
        warmup: Share of the steps in which a one-cycle schedule rises.
        milestones: Epochs at which a multi-step schedule falls.
        gamma: Factor of each fall.
        small_epochs: First epochs in which images are shrunk to ``small_scale`` of their
            size, for speed; 0 never shrinks.
        small_scale: Side of the shrunken image relative to the full one.
    """

    epochs: Passes
    batch_size: Count
    lr: Rate
    momentum: BelowOne = 0.9
    nesterov: bool = False
    weight_decay: NotNegative = 5e-4
    norm_bias_factor: Positive = 1.0
    schedule: Schedule = "one-cycle"
    warmup: BelowOne = 0.2
    milestones: tuple[int, ...] = ()
    gamma: Positive = 0.1
    small_epochs: NotNegative = 0.0
    small_scale: Scale = 0.75

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", tuple(self.milestones))  # TOML gives lists

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate at a step; a pure function, so that resuming needs no state."""
        total = self.steps(steps_per_epoch)
        if self.schedule == "one-cycle":
            rise = self.warmup * total
            if step + 1 <= rise:
                return self.lr * (step + 1) / rise
            return self.lr * (total - step) / max(total - rise, 1)
        if self.schedule == "multi-step":
            passed = sum(step >= mark * steps_per_epoch for mark in self.milestones)
            return self.lr * self.gamma**passed
        return self.lr

    @property
    def passes(self) -> float:
        """Cost in passes over images of full size; one pass over shrunk ones costs its area."""
        small = min(self.small_epochs, self.epochs)
        return self.epochs - small * (1 - self.small_scale**2)

    def steps(self, steps_per_epoch: int) -> int:
        """Number of optimiser steps in all, at least one."""
        return max(1, math.ceil(self.epochs * steps_per_epoch))


RECIPES: dict[str, Recipe] = {
    # Wu & Harandi's recipe for CIFAR and SVHN (a GPU's work).
    "paper": Recipe(
        epochs=182, batch_size=256, lr=0.1, schedule="multi-step", milestones=(91, 136)
    ),
    # Minutes on two cores with the fast net; see docs/reproducing.md for what it reaches.
    "speedrun": Recipe(
        epochs=10,
        batch_size=512,
        lr=0.8,
        momentum=0.85,
        nesterov=True,
        weight_decay=1.2e-3,
        norm_bias_factor=64,
        small_epochs=2,
    ),
    # For small denoisers, which AdamW trains: a minute for the digits.
    "denoiser": Recipe(epochs=42, batch_size=64, lr=9e-3, weight_decay=1e-4, warmup=0.1),
    # The same for a net of a million parameters: some minutes on one core.
    "small-ddpm": Recipe(epochs=60, batch_size=64, lr=1.5e-3, weight_decay=1e-2, warmup=0.05),
    # For a U-Net of 4 M parameters on some 10,000 latents: twenty minutes on one core.
    "small-diffusion": Recipe(epochs=26, batch_size=128, lr=2e-3, weight_decay=1e-2, warmup=0.05),
    # For a Llama of 0.1 M weights to know 600 short answers by heart: seconds.
    "small-language": Recipe(epochs=30, batch_size=64, lr=5e-3, weight_decay=1e-2, warmup=0.1),
    # Seconds, for the digits and other tiny sets.
    "quick": Recipe(epochs=30, batch_size=64, lr=0.1, nesterov=True),
}


def make_recipe(name: str, **changes: Any) -> Recipe:
    """A named recipe with some fields replaced.

    Raises:
        InputError: If there is no recipe of that name, or a value is out of range.
    """
    check_choice(RECIPES, recipe=name)
    return replace(RECIPES[name], **changes)

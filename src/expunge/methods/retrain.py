"""Retraining from scratch without the forget set: exact, and the yardstick."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..core.checks import check_choice
from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..kernels.reinit import kept_buffers, reset_model
from ..training.recipes import RECIPES, make_recipe
from ..training.train import fit
from ._shared.presets import Published


@dataclass(frozen=True, kw_only=True)
@validated
class Retrain(Published):
    """Re-initialise every parameter, then train on the retain set alone.

    Args:
        recipe: Name of a training recipe, see ``RECIPES``.
        epochs: Passes over the retain set; None as the recipe says.
        lr: Peak learning rate; None as the recipe says.
        batch_size: Samples per step; None as the recipe says.

    Needs a model of Hugging Face, or ``reset_parameters`` on every module with parameters (all of
    torch's have one); for other nets build a fresh one and call ``train``.

    Cost: that of training.
    """

    recipe: str = "speedrun"
    epochs: Passes | None = None
    lr: Rate | None = None
    batch_size: Count | None = None

    name: ClassVar[str] = "retrain"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = Reference(
        authors="Lucas Bourtoule et al.",
        title="Machine Unlearning",
        venue="IEEE S&P",
        year=2021,
        url="https://arxiv.org/abs/1912.03817",
    )

    def __post_init__(self) -> None:
        check_choice(RECIPES, recipe=self.recipe)

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        changes = {
            name: value
            for name in ("epochs", "lr", "batch_size")
            if (value := getattr(self, name)) is not None
        }
        if kept := kept_buffers(model):
            reason = (
                "no reset_parameters() of their modules gives these buffers new values; if one "
            )
            run.decide("kept_buffers", kept, reason + "was learned, it tells of what it saw")
        reset_model(model, run.seed)
        fit(model, data.retain, make_recipe(self.recipe, **changes), task, run)
        return model

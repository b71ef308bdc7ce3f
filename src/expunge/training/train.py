"""Train a model from scratch by a recipe: the originals and the retrained references."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..core.arguments import check_kind, check_module, check_seed, check_task, copy_of, device_of
from ..core.capabilities import ChecksLabels, ChecksSets
from ..core.data import fetch
from ..core.guard import check_finite, check_model, check_outputs
from ..core.isolation import isolated_randomness
from ..core.norms import steady_norms
from ..core.precision import with_precision
from ..core.run import Log, Run
from ..core.storage.checkpoints import CheckpointStore
from ..core.storage.contents import content_digest
from ..core.task import Task
from ..core.unlearn import model_digest
from .optimizers import is_adaptive, optimizer_for
from .recipes import Recipe


@dataclass(frozen=True, eq=False)
class Trained:
    """A model in evaluation mode, and what it took."""

    model: nn.Module
    recipe: Recipe
    seconds: float
    samples_read: int
    history: list[dict[str, Any]]


def train(
    model: nn.Module,
    dataset: Any,
    recipe: Recipe,
    *,
    task: Task,
    seed: int = 0,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    folder: str | Path | None = None,
    resume: bool = False,
    on_log: Log | None = None,
    checkpoint_seconds: float = 20.0,
) -> Trained:
    """Train a copy of ``model``, as it is initialised, on ``dataset``.

    Args:
        model: A freshly initialised net; it is copied, never changed.
        dataset: Any map-style set, see ``UnlearningData``.
        recipe: Optimiser, schedule and duration.
        task: How the model is trained.
        seed: Fixes batch order and augmentation.
        device: Where to compute.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``.
        folder: Keeps checkpoints here while training.
        resume: Go on from the checkpoint in ``folder`` if there is one.
        on_log: Called with one row every few steps.
        checkpoint_seconds: Least time between two checkpoints.

    Raises:
        InputError: If labels, images or net do not fit together, or there is no folder
            to resume from.
        GuardError: If training diverges.
    """
    check_module(model)
    check_kind(recipe, Recipe, "recipe", "take one of expunge.RECIPES or make_recipe(name)")
    check_task(task)
    check_model(model)
    seed, place = check_seed(seed), device_of(device)
    store = CheckpointStore.open(
        folder,
        resume,
        lambda: (
            "train",
            asdict(recipe),
            seed,
            precision,
            content_digest(dataset),
            model_digest(model),
        ),
    )
    private = copy_of(model).to(place)
    with isolated_randomness():
        run = Run(
            seed,
            device=place,
            store=store,
            on_log=on_log,
            checkpoint_seconds=checkpoint_seconds,
        )
        _check(private.eval(), dataset, task, place)
        with steady_norms(private):
            fit(private, dataset, recipe, with_precision(task, precision, place), run)
    check_finite(private)
    if store:
        store.clear()
    return Trained(private.eval(), recipe, run.seconds, run.samples_read, run.history)


def _check(model: nn.Module, dataset: Any, task: Task, device: torch.device) -> None:
    """Show the task all samples, and the model a few of them."""
    if (labels := task.labels(dataset)) is not None and isinstance(task, ChecksLabels):
        task.check_labels(labels)
    if isinstance(task, ChecksSets):
        task.check_set(dataset, "training")
    with torch.no_grad():
        task.loss(model, fetch(dataset, torch.arange(1), device=device))
    check_outputs(model, task, dataset, device, "training")


def fit(
    model: nn.Module, dataset: Any, recipe: Recipe, task: Task, run: Run, stage: str = "train"
) -> None:
    """The training loop, in place; methods that train from scratch call it too.

    Costs one forward and backward pass per batch, ``recipe.epochs`` passes in all.
    """
    model.train()
    if not is_adaptive(task):  # small latents are slower in it
        model.to(memory_format=torch.channels_last)  # only 4-D weights are affected
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = optimizer_for(
        task,
        _groups(model, recipe),
        recipe.lr,
        recipe.momentum,
        recipe.weight_decay,
        recipe.nesterov,
    )
    stream = run.batches(stage, dataset, min(recipe.batch_size, len(dataset)))
    total = recipe.steps(len(stream))
    for step in run.steps(stage, total, model=model, optimizer=optimizer):
        for group in optimizer.param_groups:
            group["lr"] = group["factor"] * recipe.rate(step, len(stream))
        batch = stream[step]
        if step < recipe.small_epochs * len(stream):
            batch = _shrink(batch, recipe.small_scale)
        loss = task.loss(model, batch).mean()
        run.apply(optimizer, parameters, run.gradient(loss, parameters))
        if step % 10 == 0 or step + 1 == total:
            run.log(stage, step, total=total, loss=loss.item())


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups: everything, and the biases of normalisation layers."""
    shifts = {
        id(module.bias)
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm | nn.LayerNorm)
        and module.bias is not None
    }
    trainable = [p for p in model.parameters() if p.requires_grad]
    factor = recipe.norm_bias_factor
    return [
        {
            "params": [p for p in trainable if id(p) not in shifts],
            "factor": 1.0,
            "weight_decay": recipe.weight_decay,
        },
        {
            "params": [p for p in trainable if id(p) in shifts],
            "factor": factor,
            "weight_decay": recipe.weight_decay / factor,
        },
    ]


def _shrink(batch: Any, scale: float) -> Any:
    """The batch with its images (the first entry, 4-D) shrunk; anything else as it is."""
    if not isinstance(batch, Sequence) or batch[0].ndim != 4:
        return batch
    size = [max(1, round(scale * side)) for side in batch[0].shape[-2:]]
    images = F.interpolate(batch[0], size=size, mode="bilinear", antialias=True)
    return (images.contiguous(memory_format=torch.channels_last), *batch[1:])

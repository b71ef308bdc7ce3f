"""Originals and references: loaded, reused, or trained once and kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from torch import nn

from ..core.batches import derive_seed
from ..core.guard import probe
from ..core.run import Log
from ..models import build_net, load_weights, save_weights
from ..training import train
from .folder import OutputFolder
from .classifier import Prepared


@dataclass(frozen=True)
class Options:
    """How a run is carried out; none of it changes the result."""

    resume: bool = False
    on_log: Log | None = None
    command: str | None = None
    checkpoint_seconds: float = 20.0

    def log(self, what: str) -> Log:
        """A listener that adds to every row what the run is at."""
        listen = self.on_log

        def log(row: dict[str, Any]) -> None:
            if listen is not None:
                listen({"doing": what, **row})

        return log


@dataclass(frozen=True, eq=False)
class Net:
    """A trained net in evaluation mode; ``seconds`` of training, None if not known."""

    model: nn.Module
    seconds: float | None


@dataclass(frozen=True, eq=False)
class Training:
    """One net that is to be trained; equal ``identity`` means equal weights."""

    name: str
    dataset: Any
    seed: int
    identity: str


def original_training(prepared: Prepared) -> Training:
    """How the model to unlearn from is trained, where no weights are given."""
    seed = prepared.config.seed
    return Training("original", prepared.bundle.train, seed, prepared.identity(seed, "original"))


def reference_training(prepared: Prepared, seed: int, number: int) -> Training:
    """How an independent net that never sees the forget set is trained.

    Args:
        prepared: Names the data and the forget set.
        seed: Of the run; with ``number`` it gives the seed of the training.
        number: 1 for the reference, 2 for the one that gives the floor.
    """
    derived = derive_seed(seed, "retrained", number) % 2**31
    identity = prepared.identity(derived, prepared.positions.tolist())
    return Training(f"retrained-{number}", prepared.data.retain, derived, identity)


def original(prepared: Prepared, folder: OutputFolder, options: Options) -> Net:
    """The model to unlearn from: given weights, or trained here by the recipe.

    Trained weights are kept as ``original.safetensors`` and used again by a later run
    with the same data, net, recipe and seed.
    """
    if prepared.config.model.weights is not None:
        return Net(prepared.net.model.to(prepared.device).eval(), None)
    return _in_folder(prepared, original_training(prepared), folder, options)


def references(prepared: Prepared, folder: OutputFolder, options: Options, seed: int) -> list[Net]:
    """Independent nets that never saw the forget set, trained by the original's recipe.

    Kept as ``retrained-1.safetensors``, ``retrained-2.safetensors``.
    """
    numbers = range(1, prepared.config.reference.retrain + 1)
    trainings = [reference_training(prepared, seed, number) for number in numbers]
    return [_in_folder(prepared, training, folder, options) for training in trainings]


def fresh_net(prepared: Prepared, seed: int) -> nn.Module:
    """A net of the run's kind that was never trained, on the CPU."""
    config, bundle = prepared.config, prepared.bundle
    return build_net(
        config.model.name,
        num_classes=bundle.num_classes,
        image_shape=bundle.image_shape,
        arguments=config.model.arguments,
        seed=seed,
    ).model


def obtain(
    prepared: Prepared, training: Training, path: Path, checkpoints: Path, options: Options
) -> Net:
    """The net in ``path`` if it is the one asked for, else trained and written there."""
    assert prepared.recipe is not None  # the config demands one wherever something is trained
    config, model = prepared.config, fresh_net(prepared, training.seed)
    kept = metadata(path)
    if kept.get("identity") == training.identity:
        load_weights(model, path)
        return Net(model.to(prepared.device).eval(), float(kept["seconds"]))
    trained = train(
        model,
        training.dataset,
        prepared.recipe,
        task=prepared.task,
        seed=training.seed,
        device=prepared.device,
        precision=config.precision,
        folder=checkpoints,
        resume=options.resume,
        on_log=options.log(f"train {training.name}"),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    facts = {
        "identity": training.identity,
        "recipe": config.recipe_name(),
        "seconds": trained.seconds,
        "accuracy": _accuracy(trained.model, prepared),
    }
    save_weights(trained.model, path, facts)
    return Net(trained.model, trained.seconds)


def _in_folder(
    prepared: Prepared, training: Training, folder: OutputFolder, options: Options
) -> Net:
    path = folder.path / f"{training.name}.safetensors"
    return obtain(prepared, training, path, folder.checkpoints(training.name), options)


def metadata(path: Path) -> dict[str, str]:
    """Facts that were kept with weights; empty if there is no readable file."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return {}


def _accuracy(model: nn.Module, prepared: Prepared) -> float | None:
    """Accuracy in percent on the test set, or on the training set if there is none."""
    dataset = prepared.data.test if prepared.data.test is not None else prepared.bundle.train
    return probe(model, prepared.task, dataset, len(dataset), prepared.device).accuracy

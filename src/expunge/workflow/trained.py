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
from .prepare import Prepared


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


def original(prepared: Prepared, folder: OutputFolder, options: Options) -> Net:
    """The model to unlearn from: given weights, or trained here by the recipe.

    Trained weights are kept as ``original.safetensors`` and used again by a later run
    with the same data, net, recipe and seed.
    """
    if prepared.config.model.weights is not None:
        return Net(prepared.net.model.to(prepared.device).eval(), None)
    return _obtain(
        prepared,
        folder,
        options,
        name="original",
        dataset=prepared.bundle.train,
        seed=prepared.config.seed,
        extra="original",
    )


def references(prepared: Prepared, folder: OutputFolder, options: Options, seed: int) -> list[Net]:
    """Independent nets that never saw the forget set, trained by the original's recipe.

    Kept as ``retrained-1.safetensors``, ``retrained-2.safetensors``.
    """
    return [
        _obtain(
            prepared,
            folder,
            options,
            name=f"retrained-{number}",
            dataset=prepared.data.retain,
            seed=reference_seed(seed, number),
            extra=prepared.positions.tolist(),
        )
        for number in range(1, prepared.config.reference.retrain + 1)
    ]


def reference_seed(seed: int, number: int) -> int:
    """The seed that the reference called ``retrained-NUMBER`` of a run is trained with."""
    return derive_seed(seed, "retrained", number) % 2**31


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


def _obtain(
    prepared: Prepared,
    folder: OutputFolder,
    options: Options,
    *,
    name: str,
    dataset: Any,
    seed: int,
    extra: object,
) -> Net:
    """Weights from disk if they are those asked for, else trained and written there."""
    assert prepared.recipe is not None  # the config demands one wherever something is trained
    path = folder.path / f"{name}.safetensors"
    identity = prepared.identity(seed, extra)
    config, model = prepared.config, fresh_net(prepared, seed)
    kept = metadata(path)
    if kept.get("identity") == identity:
        load_weights(model, path)
        return Net(model.to(prepared.device).eval(), float(kept["seconds"]))
    trained = train(
        model,
        dataset,
        prepared.recipe,
        task=prepared.task,
        seed=seed,
        device=prepared.device,
        precision=config.precision,
        folder=folder.checkpoints(name),
        resume=options.resume,
        on_log=options.log(f"train {name}"),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    facts = {
        "identity": identity,
        "recipe": config.recipe_name(),
        "seconds": trained.seconds,
        "accuracy": _accuracy(trained.model, prepared),
    }
    save_weights(trained.model, path, facts)
    return Net(trained.model, trained.seconds)


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

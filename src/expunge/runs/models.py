"""Trained models, by key: taken where they are there, else trained. The only such place."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import safetensors
import torch
from torch import nn

from ..core.errors import ModelError
from ..core.guard import probe
from ..core.run import Log
from ..core.task import Task
from ..models import load_weights, save_weights
from ..training import Recipe, train
from ..training.train import Trained as Fitted


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; none of it changes the result."""

    resume: bool = False
    on_log: Log | None = None
    command: str | None = None
    checkpoint_seconds: float = 20.0

    def log(self, what: str) -> Log:
        """A listener that adds to every log entry what the run is at."""
        listen = self.on_log

        def log(row: dict[str, Any]) -> None:
            if listen is not None:
                listen({"doing": what, **row})

        return log


@dataclass(frozen=True, eq=False)
class Training:
    """One model that is to be trained; equal ``identity`` means equal weights.

    Args:
        name: In log entries, and of its file in the folder of a run.
        identity: Names everything that determines the weights.
        fresh: Builds the untrained model, on the CPU.
        dataset: What it is trained on.
        recipe: How.
        task: Likewise.
        seed: Of batch order and augmentation.
        device: Where to train.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``.
        facts: What is kept with the weights besides identity and seconds.
        key: Names the model in a store; its identity if empty.
    """

    name: str
    identity: str
    fresh: Callable[[], nn.Module]
    dataset: Any
    recipe: Recipe
    task: Task
    seed: int
    device: torch.device
    precision: str
    facts: Callable[[nn.Module], Mapping[str, Any]] = field(default=lambda _: {})
    key: str = ""


class Shelf(Protocol):
    """Where trained models are kept: the folder of a run, or a store."""

    def weights(self, training: Training) -> Path:
        """The file of its weights, whether it is there or not."""
        ...

    def training(self, training: Training) -> AbstractContextManager[Path]:
        """Hold the right to train it; gives the folder of its checkpoints."""
        ...

    def sealed(self, identity: str) -> str:
        """An identity as files tell it: salted where they go to others."""
        ...


class TrainedModel:
    """A model in evaluation mode: in memory, or loaded anew when it is asked for.

    Args:
        load: Loads it; called each time.
        model: The model, where it is in memory already.
        seconds: What training took; None if that is not known.
        facts: What was kept with the weights.
    """

    def __init__(
        self,
        load: Callable[[], nn.Module],
        model: nn.Module | None = None,
        seconds: float | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.seconds, self.facts = seconds, dict(facts or {})
        self._load, self._model, self._layout = load, model, torch.contiguous_format

    @property
    def model(self) -> nn.Module:
        """The model, which stays in memory until ``release``."""
        if self._model is None:
            self._model = self.load()
        return self._model

    def release(self) -> None:
        """Let go of the copy in memory."""
        if self._model is not None and _is_channels_last(self._model):
            # Sums depend on the layout in memory: a copy that is loaded later must have it.
            self._layout = torch.channels_last
        self._model = None

    def load(self) -> nn.Module:
        """A copy of one's own."""
        model = self._load()
        return (
            model.to(memory_format=self._layout)
            if self._layout != torch.contiguous_format
            else model
        )


def train_or_take(training: Training, shelf: Shelf, options: RunOptions) -> TrainedModel:
    """The model on the shelf if it is the one asked for, else trained and put there.

    A second process that asks a store for the same model waits for the first. A file that is
    damaged is named in the log, and its model trained again.

    Raises:
        GuardError: If training diverges.
        InputError: If the weights cannot be written.
    """
    path = shelf.weights(training)

    def load() -> nn.Module:
        model = training.fresh()
        load_weights(model, path)
        return model.to(training.device).eval()

    identity = shelf.sealed(training.identity)
    with shelf.training(training) as checkpoints:
        facts = metadata(path)
        if facts.get("identity") == identity:
            seconds = facts.get("seconds")
            try:
                return TrainedModel(
                    load, load(), None if seconds is None else float(seconds), facts
                )
            except ModelError as error:
                options.log(f"{error}; training it again")({})
        trained = train_now(training, checkpoints, options)
        kept = {
            "identity": identity,
            "seconds": trained.seconds,
            **training.facts(trained.model),
        }
        save_weights(trained.model, path, kept, private=True)
    return TrainedModel(load, trained.model, trained.seconds, metadata(path))


def train_now(training: Training, checkpoints: Path, options: RunOptions) -> Fitted:
    """Train without looking for the model or keeping it; checkpoints stay until the end."""
    return train(
        training.fresh(),
        training.dataset,
        training.recipe,
        task=training.task,
        seed=training.seed,
        device=training.device,
        precision=training.precision,
        folder=checkpoints,
        resume=options.resume,
        on_log=options.log(f"train {training.name}"),
        checkpoint_seconds=options.checkpoint_seconds,
    )


def metadata(path: Path) -> dict[str, str]:
    """Facts that were kept with weights; empty if there is no readable file."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return {}


def accuracy_on(dataset: Any, task: Task, device: torch.device, model: nn.Module) -> float | None:
    """Accuracy of a model in percent on all samples of a set."""
    return probe(model, task, dataset, len(dataset), device, "measured").accuracy


def _is_channels_last(model: nn.Module) -> bool:
    layout = torch.channels_last
    images = [p for p in model.parameters() if p.ndim == 4 and not p.is_contiguous()]
    return any(p.is_contiguous(memory_format=layout) for p in images)

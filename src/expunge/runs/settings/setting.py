"""What commands and benches know of a run: one request on one kind of model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from ...core.data import UnlearningData
from ...core.method import Method
from ...core.schemas.record import Record, Request, Scores
from ...core.schemas.results import Kind
from ...core.task import Task
from ...core.unlearn import Unlearned
from ..models import TrainedModel, Training


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a bench wants to know of each model.

    Args:
        relearn: Whether to measure the relearn curve.
        cka: Whether to compare layers with the first retrained model.
        table: The evaluation table of the bench, which is part of the keys of results.
        base: The run that the original belongs to, whatever the seed of this one.
        original: Gives the original, which assists in probes of generators.
        reference: Gives the first retrained model.
    """

    relearn: bool
    cka: bool
    table: dict[str, Any]
    base: "Setting"
    original: Callable[[], TrainedModel]
    reference: Callable[[], TrainedModel]


@runtime_checkable
class Setting(Protocol):
    """One request on one kind of model: what to load, how to train afresh, who judges.

    Implementations: ``SampleSetting`` (models that are scored sample by sample: classifiers,
    regression, language models, tasks of the user's own) and ``GeneratorSetting``
    (text-to-image models, whose images a judge scores).
    """

    @property
    def config(self) -> Any:
        """What it was made from."""
        ...

    @property
    def task(self) -> Task:
        """What the model does, as methods see it."""
        ...

    @property
    def data(self) -> UnlearningData:
        """The sets of the request."""
        ...

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        ...

    @property
    def precision(self) -> str:
        """``"fp32"``, ``"bf16"`` or ``"auto"``."""
        ...

    @property
    def seed(self) -> int:
        """Of the run."""
        ...

    @property
    def method(self) -> Method:
        """What forgets."""
        ...

    @property
    def request(self) -> Request:
        """The request as a record shows it."""
        ...

    @property
    def ids(self) -> list[str]:
        """Of the samples to forget."""
        ...

    def original(self) -> Training | TrainedModel:
        """The model to unlearn from: how it is trained here, or itself if weights were given."""
        ...

    def original_identity(self) -> str:
        """Equal for equal originals, whether trained here or given."""
        ...

    def reference(self, number: int) -> Training:
        """How an independent model that never sees the forget set is trained, from 1."""
        ...

    def untrained(self) -> nn.Module:
        """A model of the kind that was never trained, on the device."""
        ...

    def measure(self, model: nn.Module, role: Kind, wanted: "Wanted") -> Record:
        """A record of one model by itself, as a bench keeps it; ``role`` is its key in it."""
        ...

    def key_parts(self, kind: Kind, number: int, wanted: "Wanted") -> list[object]:
        """What determines a result of a bench; equal parts mean equal results."""
        ...

    def judge(
        self, result: Unlearned, original: TrainedModel, references: Sequence[TrainedModel],
        facts: Mapping[str, Any],
    ) -> Record:  # fmt: skip
        """The record of a whole run: all models measured, compared, and judged."""
        ...

    def pilot(self, model: nn.Module) -> Scores:
        """Scores by which settings are tuned; the test set is not read."""
        ...

    def trial_identity(self) -> str:
        """Names what a trial of a method on this setting depends on, besides the method."""
        ...

    def tuning_identity(self) -> str:
        """Names what tuning a method depends on, besides method and budget."""
        ...

    def result_identity(self, start: str) -> str:
        """Names the result of the run; ``start`` is the digest of the model to unlearn from."""
        ...

    def save(self, result: Unlearned, record: Record, folder: Path) -> None:
        """Leave the unlearned model in the folder of a run, and its card."""
        ...

    def needed_bytes(self) -> int:
        """What a run writes at most."""
        ...

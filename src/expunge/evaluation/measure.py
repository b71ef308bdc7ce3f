"""One model at a time: its per-sample scores, its relearn curve, its digest."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ..core.codes import Code
from ..core.data import Split, UnlearningData
from ..core.errors import GuardError
from ..core.schemas.record import Notice, Relearn, Scores
from ..core.task import Task
from ..core.unlearn import model_digest, weights_digest
from ..metrics import SetScores, summarise
from .relearn import Relearning, curve_of, measured_set
from .score import BATCH_SIZE, judged_test, score_sets

Given = nn.Module | Callable[[], nn.Module]
"""A model, or a function that loads it anew."""


@contextmanager
def loaded(given: Given) -> Iterator[tuple[nn.Module, bool]]:
    """A given model, and whether it is ours to change: it was loaded for this block alone."""
    if isinstance(given, nn.Module):
        yield given, False
    else:
        yield given(), True


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found out about one model.

    ``sets`` holds per-sample scores by set, ``scores`` the metrics computed from them,
    ``curve`` one accuracy per step of the relearn protocol, or None. ``digest`` is that of
    parameters and buffers, ``weights`` that of the parameters alone.
    """

    sets: dict[str, SetScores]
    scores: Scores
    curve: list[float] | None
    parameters: int
    digest: str
    weights: str
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Measuring:
    """How models are measured, alike for all of them.

    Args:
        task: Of the models.
        data: The sets that they are scored on.
        device: Where to compute.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``.
        relearn: The protocol of the relearn curve; None leaves it out.
        canaries: True labels of planted samples of D_f; see ``Facts``.
        batch_size: Samples per forward pass of the scores.
    """

    task: Task
    data: UnlearningData
    device: torch.device
    precision: str = "auto"
    relearn: Relearning | None = None
    canaries: Tensor | None = None
    batch_size: int = BATCH_SIZE

    def measure(self, given: Given, *, relearn: bool = True) -> Measured:
        """Everything about one model; it is not changed, and not kept if it was loaded here.

        Costs one forward pass over D_f, D_r and D_t, one support vector machine, and the
        training steps of the relearn protocol.

        Raises:
            ModelError: If a loss is NaN or infinite.
        """
        with loaded(given) as (model, own):
            sets = self._sets(model)
            parameters, digest, weights = _size(model), model_digest(model), weights_digest(model)
            scores = summarise(sets)
            notices: list[Notice] = []
            known = scores["forget_accuracy"] is not None
            curve = self._curve(model, own, notices) if relearn and known else None
        return Measured(sets, scores, curve, parameters, digest, weights, notices)

    def untrained(self, given: Given) -> list[float] | None:
        """The relearn curve of a model that was never trained, which has no other scores."""
        with loaded(given) as (model, own):
            return self._curve(model, own, [])

    def relearned(self, curves: Mapping[str, list[float] | None]) -> Relearn | None:
        """The curves by role as a record holds them; None if there are none."""
        known = {role: curve for role, curve in curves.items() if curve is not None}
        if self.relearn is None or not known:
            return None
        return Relearn(
            protocol=self.relearn.describe(self.task, self.data),
            measured_on=self._relearn_set[1],
            steps=list(self.relearn.steps),
            curves=known,
        )

    @cached_property
    def _relearn_set(self) -> tuple[Any, str]:
        return measured_set(self.task, self.data)

    @cached_property
    def _judged(self) -> Tensor | None:
        return judged_test(self.task, self.data)

    def _sets(self, model: nn.Module) -> dict[str, SetScores]:
        sets = score_sets(
            model,
            self.task,
            self.data,
            device=self.device,
            batch_size=self.batch_size,
            precision=self.precision,
            judged=self._judged,
        )
        if self.canaries is not None:
            labels = self.task.labels(self.data.forget)
            planted = None if labels is None else labels.cpu()
            forget = replace(sets[Split.FORGET], planted=planted, true=self.canaries)
            sets[Split.FORGET.value] = forget
        return sets

    def _curve(self, model: nn.Module, own: bool, notices: list[Notice]) -> list[float] | None:
        """The curve; None and a notice if the model breaks on the way."""
        if self.relearn is None:
            return None
        measured, _ = self._relearn_set
        try:
            return curve_of(
                model, self.task, self.data, self.relearn, measured, self.device,
                self.precision, in_place=own,
            )  # fmt: skip
        except GuardError as error:
            text = f"the relearn curve was left out: {error}"
            notices.append(Notice(code=Code.NO_RELEARN_CURVE, text=text))
            return None


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())

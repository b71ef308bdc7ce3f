"""Trials on a pilot seed: the same number for every method, none of them reported."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import torch

from ..core.batches import seeded
from ..core.data import UnlearningData, take
from ..core.errors import GuardError, InputError, ModelError
from ..core.method import Method
from ..core.schemas.record import Scores
from ..core.schemas.results import RESULT_SCHEMA, Trial
from ..evaluation.score import score_model
from ..metrics import average_gap
from ..runs.classifier import Prepared
from ..runs.store import Store, key_of
from ..tasks.labels import absent_labels
from .config import Setting, TuneConfig
from .nets import Nets
from .tune import tune

RETAINED = 10_000


@dataclass(frozen=True, eq=False)
class Pilot:
    """One setting on the pilot seed, judged without the test set.

    Args:
        setting: Whose methods are tuned.
        base: The run around the original.
        prepared: The run with the pilot's seed.
        budget: How many trials, and what judges them.
        nets: Where models come from.
        store: Where the values of trials are kept.
    """

    setting: Setting
    base: Prepared
    prepared: Prepared
    budget: TuneConfig
    nets: Nets
    store: Store

    def search(self, label: str, defaults: Method) -> tuple[dict[str, Any], list[Trial]]:
        """The best fields for a method, and everything that was tried.

        Raises:
            InputError: If there is no validation set, Optuna is not installed, or the
                method cannot be used here.
        """
        return tune(
            lambda settings: self._try(label, settings),
            self.setting.spaces[label],
            asdict(defaults),  # type: ignore[call-overload]  # every method is a dataclass
            trials=self.budget.trials,
            seed=self.budget.seed,
        )

    @cached_property
    def _judged(self) -> Prepared:
        """Forget set, at most 10,000 retained samples, and validation in the place of test."""
        data = self.prepared.data
        if data.validation is None:
            raise InputError(
                "tuning needs a validation set, but there is none; set validation = 0.1 in the "
                "bench's data, or delete tune"
            )
        order = torch.randperm(len(data.retain), generator=seeded("bench", "pilot"))
        kept = take(data.retain, order[:RETAINED].sort().values)
        sets = UnlearningData(data.forget, kept, data.validation, test=data.validation)
        return replace(self.prepared, data=sets)

    @cached_property
    def _aim(self) -> Scores:
        """What trials are compared with: a retrained pilot, or the original."""
        net = (
            self.nets.retrained(self.prepared, 1)
            if self.budget.objective == "retrain"
            else self.nets.original(self.base)
        )
        return self._scores(net.model)

    def _try(self, label: str, settings: Mapping[str, Any]) -> Trial:
        table = self.setting.methods[label] | dict(settings)
        method = self.setting.run(self.budget.seed, table).build_method()
        key = key_of(
            RESULT_SCHEMA,
            self.prepared.identity("trial", self.budget.seed, self.prepared.positions.tolist()),
            self.nets.original_identity(self.base),
            method.name,
            asdict(method),  # type: ignore[call-overload]  # every method is a dataclass
            self.budget.objective,
        )
        known = self.store.get("trials", key)
        if known is None:
            with self.store.lock(key):
                trial = self._carried_out(label, method, key, settings)
                known = trial.model_dump(mode="json")
                self.store.put("trials", key, known)
        return Trial.model_validate(known | {"settings": dict(settings)})

    def _carried_out(
        self, label: str, method: Method, key: str, settings: Mapping[str, Any]
    ) -> Trial:
        try:
            done = self.nets.unlearned(self.base, self.prepared, method, key, f"tune {label}")
            value = self._value(self._scores(done.model))
        except (GuardError, ModelError):
            self.store.finish(key)
            return Trial(settings=dict(settings), value=None)
        return Trial(settings=dict(settings), value=value, seconds=done.cost["seconds"])

    def _value(self, scores: Scores) -> float | None:
        if self.budget.objective == "retrain":
            return average_gap(scores, self._aim)
        whole = len(absent_labels(self._judged.task, self._judged.data)) > 0
        return oracle_free(scores, self._aim, whole_classes=whole)

    def _scores(self, model: torch.nn.Module) -> Scores:
        judged = self._judged
        return score_model(
            model,
            judged.data,
            judged.task,
            device=judged.device,
            precision=judged.config.precision,
        )


def oracle_free(scores: Scores, original: Scores, *, whole_classes: bool) -> float | None:
    """Distance to what is known of a retrained model without training one, in points.

    Such a model treats forgotten samples like samples that it never saw, never names a
    class that is gone, and keeps the original's accuracies on everything else.

    Args:
        scores: Of the model that is judged; "test" are samples that nobody trained on.
        original: Of the model before.
        whole_classes: Whether forgetting leaves classes without samples.

    Returns:
        The mean of the three absolute differences, in [0, 100]; None if one is not known.
    """
    forget, retain, unseen = scores.forget_accuracy, scores.retain_accuracy, scores.test_accuracy
    kept, known = original.retain_accuracy, original.test_accuracy
    if forget is None or retain is None or unseen is None or kept is None or known is None:
        return None
    aim = 0.0 if whole_classes else unseen
    return (abs(forget - aim) + abs(retain - kept) + abs(unseen - known)) / 3

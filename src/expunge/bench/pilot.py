"""Trials on a pilot seed: the same number for every method, none of them reported."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ..core.errors import GuardError, ModelError
from ..core.method import Method
from ..core.schemas.record import Scores
from ..core.schemas.results import Trial
from ..core.unlearn import Unlearned
from ..metrics import GENERATOR_GAP, average_gap
from ..runs.models import TrainedModel, Training
from ..runs.settings.samples import SampleSetting
from ..runs.settings.setting import Setting
from ..runs.store import Store, key_of
from ..tasks.labels import absent_labels
from .grid import Cell, TuneConfig
from .tune import tune

SCHEMA_OF_KEYS = "expunge.result/1"  # of the first schema: keys of trials stay


@dataclass(frozen=True, eq=False)
class Pilot:
    """One cell on the pilot seed, judged without the test set.

    Args:
        cell: Whose methods are tuned.
        base: The run around the original.
        setting: The run with the pilot's seed.
        budget: How many trials, and what judges them.
        store: Where the values of trials are kept.
        original: Gives the original of a cell.
        take: Gives a trained model.
        unlearned: Carries out a method: (setting, method, key, what it is called).
    """

    cell: Cell
    base: Setting
    setting: Setting
    budget: TuneConfig
    store: Store
    original: Callable[[Cell], TrainedModel]
    take: Callable[[Training], TrainedModel]
    unlearned: Callable[[Setting, Method, str, str], Unlearned]

    def search(self, label: str, defaults: Method) -> tuple[dict[str, Any], list[Trial]]:
        """The best fields for a method, and everything that was tried.

        Raises:
            InputError: If there is no validation set, Optuna is not installed, or the
                method cannot be used here.
        """
        return tune(
            lambda settings: self._try(label, settings),
            self.cell.spaces[label],
            asdict(defaults),  # type: ignore[call-overload]  # every method is a dataclass
            trials=self.budget.trials,
            seed=self.budget.seed,
        )

    @cached_property
    def _aim(self) -> Scores:
        """What trials are compared with: a retrained pilot, or the original."""
        trained = (
            self.take(self.setting.reference(1))
            if self.budget.objective == "retrain"
            else self.original(self.cell)
        )
        return self.setting.pilot(trained.model)

    def _try(self, label: str, settings: Mapping[str, Any]) -> Trial:
        table = self.cell.methods[label] | dict(settings)
        method = self.cell.run(self.budget.seed, table).build_method()
        key = key_of(
            SCHEMA_OF_KEYS,
            self.setting.trial_identity(),
            self.base.original_identity(),
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
            done = self.unlearned(self.setting, method, key, f"tune {label}")
            value = self._value(self.setting.pilot(done.model))
        except (GuardError, ModelError):
            self.store.finish(key)
            return Trial(settings=dict(settings), value=None)
        return Trial(settings=dict(settings), value=value, seconds=done.cost["seconds"])

    def _value(self, scores: Scores) -> float | None:
        if not isinstance(self.setting, SampleSetting):
            return average_gap(scores, self._aim, GENERATOR_GAP)
        if self.budget.objective == "retrain":
            return average_gap(scores, self._aim)
        absent = absent_labels(self.setting.task, self.setting.pilot_data)
        return oracle_free(scores, self._aim, whole_classes=len(absent) > 0)


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
    forget, retain, unseen = (
        scores.get(f"{name}_accuracy") for name in ("forget", "retain", "test")
    )
    kept, known = original.get("retain_accuracy"), original.get("test_accuracy")
    if forget is None or retain is None or unseen is None or kept is None or known is None:
        return None
    aim = 0.0 if whole_classes else unseen
    return (abs(forget - aim) + abs(retain - kept) + abs(unseen - known)) / 3

"""The setting of models that are scored sample by sample: classifiers, regression, language."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...config import Config
from ...core.batches import derive_seed, seeded
from ...core.data import UnlearningData, take
from ...core.errors import InputError
from ...core.method import Method, identity_of
from ...core.schemas.record import DataInfo, ModelInfo, Notice, Record, Request, Scores
from ...core.schemas.results import Kind
from ...core.task import Task
from ...core.unlearn import Unlearned
from ...data import Bundle, Selection
from ...evaluation import Facts, Relearning, evaluate, layer_cka, score_model
from ...evaluation.details import per_class
from ...evaluation.evaluate import now, versions
from ...evaluation.measure import Measuring
from ...models import save_weights
from ...reporting.run.card import write_card
from ...training import Recipe
from ...version import __version__
from ..folder import MEGABYTE
from ..models import TrainedModel, Training, accuracy_on
from .loaded import Loaded, reading
from .setting import Setting, Wanted

MODEL = "model.safetensors"
PILOT_RETAINED = 10_000


@dataclass(frozen=True, eq=False)
class SampleSetting:
    """One run, ready to start; ``ids`` are those of the samples that ``selection`` chose."""

    config: Config
    loaded: Loaded
    data: UnlearningData
    selection: Selection
    ids: list[str]
    method: Method
    recipe: Recipe | None
    notices: Sequence[Notice] = ()

    @property
    def positions(self) -> Tensor:
        """Of the forget set in ``bundle.train``, sorted int64 (K,)."""
        return self.selection.positions

    @property
    def bundle(self) -> Bundle:
        """The data, not yet divided."""
        return self.loaded.bundle

    @property
    def task(self) -> Task:
        """What the model does."""
        return self.loaded.task

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        return self.loaded.device

    @property
    def precision(self) -> str:
        """As the config says."""
        return self.config.precision

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.config.seed

    @property
    def request(self) -> Request:
        """The request as a record shows it."""
        return self.selection.as_request(self.config.data.forget)

    def identity(self, *parts: object) -> str:
        """SHA-256 over what determines a trained model: data, model, recipe and ``parts``."""
        config = self.config
        described = {
            "data": self.loaded.fingerprint,
            "reading": reading(config),
            "model": config.model.model_dump(mode="json"),
            "recipe": repr(self.recipe),
            "precision": config.precision,
            "parts": [str(part) for part in parts],
        }
        if not config.task.is_default:
            described["task"] = repr(self.task)
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def original(self) -> Training | TrainedModel:
        """The model to unlearn from; see ``Setting``."""
        if self.loaded.given is not None:
            load = self.loaded.given
            return TrainedModel(lambda: load().to(self.device).eval())
        return self._training("original", self.bundle.train, self.seed, (self.seed, "original"))

    def original_identity(self) -> str:
        """Equal for equal originals, whether trained here or given."""
        made = self.original()
        return made.identity if isinstance(made, Training) else self.loaded.size.digest

    def reference(self, number: int) -> Training:
        """How an independent model that never sees the forget set is trained.

        Args:
            number: 1 for the reference, 2 for the one that gives the floor; with the seed of
                the run it gives the seed of the training.
        """
        seed = derive_seed(self.seed, "retrained", number) % 2**31
        parts = (seed, self.positions.tolist())
        return self._training(f"retrained-{number}", self.data.retain, seed, parts)

    def untrained(self) -> nn.Module:
        """A model of the run's kind before training, in evaluation mode on the device."""
        seed = derive_seed(self.seed, "fresh") % 2**31
        return self.loaded.fresh(seed).to(self.device).eval()

    def measure(self, model: nn.Module, role: Kind, wanted: Wanted) -> Record:
        """A record of one model by itself; see ``Setting``."""
        measuring = self._measuring(Relearning() if wanted.relearn else None)
        found = measuring.measure(model)
        likeness: dict[str, float] = {}
        if wanted.cka:
            likeness = layer_cka(
                model, wanted.reference().model, self.data.forget,
                device=self.device, precision=self.precision,
            )  # fmt: skip
        return Record(
            created=now(),
            versions=versions(),
            request=self.request,
            model=ModelInfo(
                name=self.config.model.name,
                parameters=found.parameters,
                sha256_after=found.digest,
            ),
            data=self._data_info(),
            scores={role: found.scores},
            relearn=measuring.relearned({role: found.curve}),
            per_class=per_class({role: found.sets}, self._test_labels(), self.bundle.classes),
            cka=likeness,
            warnings=found.notices,
        )

    def key_parts(self, kind: Kind, number: int, wanted: Wanted) -> list[object]:
        """What determines a result of a bench; see ``Setting``."""
        parts: list[object] = [kind, self._model_identity(kind, number, wanted.base)]
        parts += [self.positions.tolist(), wanted.table]
        if kind == "unlearned":
            parts += [*identity_of(self.method), self.seed]
        return parts

    def trial_identity(self) -> str:
        """Names what a trial of a method depends on; see ``Setting``."""
        return self.identity("trial", self.seed, self.positions.tolist())

    def tuning_identity(self) -> str:
        """Names what tuning depends on; see ``Setting``."""
        return self.identity("tuning", self.config.data.forget.model_dump())

    def _model_identity(self, kind: Kind, number: int, base: Setting) -> str:
        """Names the model that is measured, or that unlearning starts from."""
        if kind == "untrained":
            return self.identity("untrained", self.seed)
        return self.reference(number).identity if kind == "retrained" else base.original_identity()

    def judge(
        self,
        result: Unlearned,
        original: TrainedModel,
        references: Sequence[TrainedModel],
        facts: Mapping[str, Any],
    ) -> Record:
        """All models measured one after the other, compared, and judged; see ``Setting``."""
        config, passes = self.config, 0.0 if self.recipe is None else self.recipe.passes
        seconds = [one.seconds for one in references if one.seconds is not None]
        told = Facts(
            request=self.request.model_copy(update={"commitment": facts.get("commitment")}),
            data_name=self.bundle.name,
            model_name=config.model.name,
            classes=self.bundle.classes,
            fingerprint=self.loaded.fingerprint,
            train_seconds=original.seconds,
            retrain_seconds=sum(seconds) / len(seconds) if seconds else None,
            retrain_recipe=config.recipe_name() if references else None,
            retrain_samples=round(passes * len(self.data.retain)) if references else None,
            command=facts.get("command"),
            canaries=self._canaries(),
            notices=self.notices,
        )
        return evaluate(
            result,
            original=original.load,
            data=self.data,
            retrained=[one.load for one in references],
            untrained=self.untrained,
            facts=told,
            relearn=config.evaluation.relearn,
            pictures=config.evaluation.pictures,
            device=self.device,
            precision=config.precision,
        )

    def pilot(self, model: nn.Module) -> Scores:
        """Scores on ``pilot_data``; see ``Setting``."""
        return score_model(
            model, self.pilot_data, self.task, device=self.device, precision=self.precision
        )

    @cached_property
    def pilot_data(self) -> UnlearningData:
        """At most 10,000 retained samples, and validation in the place of test."""
        data = self.data
        if data.validation is None:
            raise InputError(
                "tuning needs a validation set, but there is none; set validation = 0.1 in the "
                "bench's data, or delete tune"
            )
        order = torch.randperm(len(data.retain), generator=seeded("bench", "pilot"))
        kept = take(data.retain, order[:PILOT_RETAINED].sort().values)
        return UnlearningData(data.forget, kept, data.validation, test=data.validation)

    def result_identity(self, start: str) -> str:
        """SHA-256 over all that determines the result of the run."""
        parts = (
            self.identity(self.positions.tolist(), self.seed),
            *identity_of(self.method),
            self.config.reference.model_dump(),
            self.config.evaluation.model_dump(),
            start,
            __version__,
        )
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()

    def save(self, result: Unlearned, record: Record, folder: Path) -> None:
        """Leave the weights of the unlearned model in the folder of a run, and their card."""
        save_weights(result.model, folder / MODEL)
        write_card(record, folder, file=MODEL)

    def needed_bytes(self) -> int:
        """Results, references, and a checkpoint with its successor."""
        copies = 2 + self.config.reference.retrain + 2 * 3  # weights, momentum, state
        return copies * self.loaded.size.state_bytes + 4 * MEGABYTE

    def _training(self, name: str, dataset: Any, seed: int, parts: tuple[object, ...]) -> Training:
        assert self.recipe is not None  # the config demands one wherever something is trained
        scored = self.data.test if self.data.test is not None else self.bundle.train
        accuracy = partial(accuracy_on, scored, self.task, self.device)
        known = {"recipe": self.config.recipe_name(), "data": self.loaded.fingerprint}
        return Training(
            name=name,
            identity=self.identity(*parts),
            fresh=partial(self.loaded.fresh, seed),
            dataset=dataset,
            recipe=self.recipe,
            task=self.task,
            seed=seed,
            device=self.device,
            precision=self.config.precision,
            facts=lambda model: known | {"accuracy": accuracy(model)},
        )

    def _measuring(self, relearn: Relearning | None) -> Measuring:
        return Measuring(
            self.task, self.data, self.device, self.precision, relearn, self._canaries()
        )

    def _data_info(self) -> DataInfo:
        return DataInfo(
            name=self.bundle.name,
            sizes=self.data.sizes(),
            classes=self.bundle.classes,
            fingerprint=self.loaded.fingerprint,
        )

    def _test_labels(self) -> Tensor | None:
        labels = None if self.data.test is None else self.task.labels(self.data.test)
        return None if labels is None else labels.cpu()

    def _canaries(self) -> Tensor | None:
        """True labels of the canaries in D_f, -1 of its other samples; None without canaries."""
        if (planted := self.bundle.canaries) is None:
            return None
        true = torch.full((len(self.bundle.train),), -1)
        true[planted.positions] = planted.true
        return true[self.positions]

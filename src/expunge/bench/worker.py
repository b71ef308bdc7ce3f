"""Carries out the single results of a bench, each of which is computed once."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ..config import Config
from ..config.generator import GeneratorConfig
from ..core.errors import GuardError, ModelError
from ..core.method import Method, identity_of
from ..core.progress import listening
from ..core.schemas.convert import upgraded
from ..core.schemas.record import Cost, MethodInfo, Record
from ..core.schemas.results import Judge, Result, Tuning
from ..core.unlearn import Unlearned, unlearn
from ..evaluation.details import plain
from ..evaluation.evaluate import now, versions
from ..runs.models import RunOptions, TrainedModel, Training, train_or_take
from ..runs.prepare import load_setting, setting_of
from ..runs.queue import JobWorker
from ..runs.settings.loaded import Loaded
from ..runs.settings.loaded_scene import LoadedScene
from ..runs.settings.setting import Setting, Wanted
from ..runs.store import Store, key_of
from ..version import __version__
from .grid import BenchPlan, Cell, Job
from .pilot import Pilot

# Names of the first schemas: they are part of the keys of all results, which stay.
SCHEMA_OF_KEYS = {Config: "expunge.result/1", GeneratorConfig: "expunge.word/1"}
_KINDS = ("results", "words")  # results of generators lay in a folder of their own once


class Worker(JobWorker[Job, Result]):
    """Computes results in one process; holds the data of one data set and model at a time.

    Args:
        plan: What to compute.
        store: Where models and results are kept.
        options: How to carry it out; none of it changes a result.
    """

    def __init__(self, plan: BenchPlan, store: Store, options: RunOptions) -> None:
        self._plan, self._store, self._options = plan, store, options
        self._loaded: tuple[tuple[str, str], Loaded | LoadedScene] | None = None
        self._base: tuple[Cell, Setting] | None = None
        self._prepared: tuple[Job, Setting] | None = None
        self._pilot: Pilot | None = None

    def prepare(self, job: Job) -> Setting:
        """The run of a job.

        Raises:
            InputError: If it cannot be carried out as it stands.
        """
        if self._prepared is None or self._prepared[0] is not job:
            cell = job.cell
            method = cell.methods[job.method] if job.kind == "unlearned" else None
            config = cell.run(job.seed, method)
            self._prepared = job, setting_of(config, self._data(cell), cell.base.seed)
        return self._prepared[1]

    def known(self, job: Job) -> Result | None:
        """The result of a job if it is in the store, with the labels of this bench."""
        found = (self._store.get(kind, self.key(job)) for kind in _KINDS)
        value = next((one for one in found if one is not None), None)
        return None if value is None else Result.model_validate(upgraded(value) | job.labels)

    def tuning(self, job: Job) -> Tuning | None:
        """How the method of a job was tuned, if it was."""
        if job.tuned_as is None:
            return None
        value = self._store.get("tuning", self._tuning_key(job))
        return None if value is None else Tuning.model_validate(value | _place(job))

    def keep_tuning(self, job: Job, tuning: Tuning) -> None:
        """Take over how the method of a job was tuned elsewhere."""
        self._store.put("tuning", self._tuning_key(job), tuning.model_dump(mode="json"))

    def key(self, job: Job) -> str:
        """What names the result: equal keys mean equal results."""
        setting = self.prepare(job)
        parts = setting.key_parts(job.kind, job.number, self._wanted(job))
        if job.kind == "unlearned":
            budget = self._budget(job)
            # Benches of generators had no tuning, and their keys no place for it.
            parts += [budget] if budget or isinstance(job.cell.base, Config) else []
        return key_of(SCHEMA_OF_KEYS[type(job.cell.base)], __version__, *parts)

    def compute(self, job: Job) -> Result:
        """Carry out a job, and keep its result.

        A method whose result is refused gives a result, too: one without scores.

        Raises:
            InputError: If the method cannot be used on this request, or nothing can be
                written.
        """
        key, error, setting = self.key(job), None, self.prepare(job)
        made: dict[str, Any] = {}
        record = Record(created=now(), versions=versions(), request=setting.request)
        try:
            model, made = self._made(job, setting, key)
            with listening(self._options.log("evaluate")):
                record = setting.measure(model, job.kind, self._wanted(job))
        except (GuardError, ModelError) as refused:
            self._store.finish(key)
            error = str(refused)
        notices = [*made.pop("warnings", []), *record.warnings]
        record = record.model_copy(update={**made, "warnings": notices, "created": now()})
        result = Result(key=key, **job.labels, record=record, error=error)
        self._store.put("results", key, result.model_dump(mode="json", by_alias=True))
        return result

    def judge(self) -> Judge | None:
        """The judge of generated images, once it was needed."""
        loaded = self._loaded[1] if self._loaded else None
        if not isinstance(loaded, LoadedScene):
            return None
        return Judge(name=loaded.judge.name, accuracy=loaded.judge.accuracy)

    def _made(self, job: Job, setting: Setting, key: str) -> tuple[nn.Module, dict[str, Any]]:
        """The model of a job, and what the record tells of how it was made."""
        if job.kind == "untrained":
            return setting.untrained(), {}
        if job.kind != "unlearned":
            trained = (
                self._original(job.cell)
                if job.kind == "original"
                else self._take(setting.reference(job.number))
            )
            return trained.model, {"cost": Cost(seconds=trained.seconds)}
        method = self._tuned(job) if job.tuned_as else setting.method
        done = self._unlearned(job.cell, setting, method, key, job.method)
        return done.model, {
            "method": MethodInfo(
                name=method.name,
                hyperparameters=plain(fields_of(method)),
                seed=done.seed,
                precision=done.precision,
                decisions=plain(done.decisions),
            ),
            "warnings": done.warnings,
            "cost": Cost(
                seconds=done.cost["seconds"],
                samples_read=_whole(done.cost["samples_read"]),
                peak_memory_bytes=_whole(done.cost["peak_memory_bytes"]),
            ),
        }

    def _unlearned(
        self, cell: Cell, setting: Setting, method: Method, key: str, doing: str
    ) -> Unlearned:
        """The original after a method; what it keeps for resuming lies under ``key``."""
        done = unlearn(
            self._original(cell).model,
            setting.data,
            method,
            task=setting.task,
            seed=setting.seed,
            device=setting.device,
            precision=setting.precision,
            folder=self._store.checkpoints(key),
            resume=True,
            on_log=self._options.log(doing),
            checkpoint_seconds=self._options.checkpoint_seconds,
        )
        self._store.finish(key)
        return done

    def _tuned(self, job: Job) -> Method:
        """The method with the fields that did best on the pilot seed."""
        key = self._tuning_key(job)
        with self._store.lock(key):
            value = self._store.get("tuning", key)
            if value is None:
                self.keep_tuning(job, tuning := self._tune(job))
            else:
                tuning = Tuning.model_validate(value)
        table = job.cell.methods[job.method] | tuning.best
        return job.cell.run(job.seed, table).build_method()

    def _tune(self, job: Job) -> Tuning:
        budget, cell, label = self._plan.tune, job.cell, job.tuned_as
        assert budget is not None  # a plan where something is tuned has a budget
        assert label is not None  # only then is this called
        if self._pilot is None or self._pilot.cell is not cell:
            self._pilot = Pilot(
                cell, self.around(cell), self.piloted(cell, budget.seed), budget, self._store,
                self._original, self._take, partial(self._unlearned, cell),
            )  # fmt: skip
        best, trials = self._pilot.search(label, self._lender(job))
        return Tuning(
            **_place(job),
            objective=budget.objective,
            pilot_seed=budget.seed,
            trials=trials,
            best=best,
        )

    def piloted(self, cell: Cell, seed: int) -> Setting:
        """The run on which methods are tuned."""
        return setting_of(cell.run(seed), self._data(cell), cell.base.seed)

    def _lender(self, job: Job) -> Method:
        """The method whose fields are tuned, as it is without tuning."""
        assert job.tuned_as is not None  # only then is this called
        return job.cell.run(job.seed, job.cell.methods[job.tuned_as]).build_method()

    def _wanted(self, job: Job) -> Wanted:
        asked, setting = self._plan.evaluation, self.prepare(job)
        return Wanted(
            relearn=asked.relearn,
            cka=asked.cka,
            table=asked.model_dump(),
            base=self.around(job.cell),
            original=partial(self._original, job.cell),
            reference=lambda: self._take(setting.reference(1)),
        )

    def _original(self, cell: Cell) -> TrainedModel:
        """The model that all seeds start from."""
        made = self.around(cell).original()
        return self._take(made) if isinstance(made, Training) else made

    def _take(self, training: Training) -> TrainedModel:
        return train_or_take(training, self._store, self._options)

    def _data(self, cell: Cell) -> Loaded | LoadedScene:
        place = cell.data, cell.model
        if self._loaded is None or self._loaded[0] != place:
            # Frees the old before reading new.
            self._loaded = self._base = self._prepared = self._pilot = None
            self._loaded = place, self.load(cell.base, self._store.folder / "latents")
        return self._loaded[1]

    def load(self, config: Config | GeneratorConfig, latents: Path) -> Loaded | LoadedScene:
        """What the cells of one data set and model share; ``latents`` is where those are kept."""
        return load_setting(config, self._store, latents, self._options)

    def around(self, cell: Cell) -> Setting:
        """The run that the original belongs to, whatever the seed."""
        if self._base is None or self._base[0] is not cell:
            self._base = cell, setting_of(cell.base, self._data(cell), cell.base.seed)
        return self._base[1]

    def _budget(self, job: Job) -> dict[str, Any] | None:
        """What decides the outcome of tuning, None without it."""
        budget, label = self._plan.tune, job.tuned_as
        if budget is None or label is None:
            return None
        space = {name: repr(values) for name, values in job.cell.spaces[label].items()}
        lender = self._lender(job)
        name, fields, *source = identity_of(lender)
        parts = {"method": name, "fields": fields, "space": space}
        parts |= {"source": source} if source else {}
        return parts | {"budget": budget.model_dump()}

    def _tuning_key(self, job: Job) -> str:
        place = self.around(job.cell).tuning_identity()
        schema = SCHEMA_OF_KEYS[type(job.cell.base)]
        return key_of(schema, __version__, place, self._budget(job))


def fields_of(method: Method) -> dict[str, Any]:
    """The hyper-parameters of a method by name."""
    return asdict(method)  # type: ignore[call-overload,no-any-return]  # every method is one


def _place(job: Job) -> dict[str, Any]:
    return {name: job.labels[name] for name in ("data", "model", "scenario", "method")}


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

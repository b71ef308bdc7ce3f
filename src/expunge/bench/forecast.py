"""What a bench will cost: what is missing in the store, and the time of it from short trials."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..config import Config
from ..config.generator import GeneratorConfig
from ..core.run import Log
from ..runs.forecasts.generator import TrialScene
from ..runs.forecasts.probe import FORECAST_SCHEMA
from ..runs.forecasts.run import forward_seconds, method_seconds, relearn_seconds, training_seconds
from ..runs.models import RunOptions, Training
from ..runs.settings.generator import GeneratorSetting
from ..runs.settings.loaded import Loaded
from ..runs.settings.loaded_scene import LoadedScene
from ..runs.settings.samples import SampleSetting
from ..runs.settings.scene import judge_training
from ..runs.settings.setting import Setting
from ..runs.store import Store, is_store
from .grid import BenchPlan, Cell, Job
from .worker import Worker


def forecast_bench(
    plan: BenchPlan, *, store: str | Path = "runs/store", seconds: float = 30.0,
    on_log: Log | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Say what a bench has still to compute and how long that takes one after the other.

    Training is tried once per data set and model, each method once per scenario (in a bench of
    generators once, for all concepts), drawing once, all on untrained models; trials of tuning
    count as often as they are budgeted.

    Args:
        plan: From ``load_bench``.
        store: What is there counts as done; nothing is written.
        seconds: About what all trials take together; each takes at least half a second.
        on_log: Called with progress rows.

    Returns:
        A dictionary fit for JSON: results ``planned``, ``known`` and ``missing`` by kind, models to
        train (``trainings``), and ``seconds`` of each part and in all (None where they are not
        known).

    Raises:
        InputError: If data cannot be read, or a run cannot be carried out as it stands.
    """
    with TemporaryDirectory() as empty:
        kept = Store(store if is_store(Path(store)) else empty)
        worker = _TrialWorker(plan, kept, RunOptions(True, on_log))
        missing = [job for job in plan.jobs if worker.known(job) is None]
        trials = _Trials(plan, worker, kept, missing, seconds)
        parts = trials.parts()
    return {
        "schema": FORECAST_SCHEMA,
        "planned": len(plan.jobs),
        "known": len(plan.jobs) - len(missing),
        "missing": dict(Counter(job.kind for job in missing)),
        "trainings": len(trials.trained),
        "seconds": parts,
    }


class _TrialWorker(Worker):
    """Prepares jobs as the bench does, without training a judge or encoding all images."""

    def load(self, config: Config | GeneratorConfig, latents: Path) -> Loaded | LoadedScene:
        """The scene with stand-ins for what takes long; else what the bench loads."""
        if isinstance(config, GeneratorConfig):
            return TrialScene(config, latents)
        return super().load(config, latents)


class _Trials:
    """Tries each kind of work of a bench once, and multiplies by how often it is to be done."""

    def __init__(
        self, plan: BenchPlan, worker: Worker, store: Store, missing: list[Job], seconds: float
    ) -> None:
        self._plan, self._worker, self._store, self._missing = plan, worker, store, missing
        self._counts = Counter((job.cell, job.method) for job in missing)
        tried = {_tried(job) for job in missing if job.kind == "unlearned"}
        self._limit = max(0.5, seconds / (len(tried) + 2 * len(self._cells()) or 1))
        self.trained: set[str] = set()
        self._training: dict[tuple[str, str], float | None] = {}
        self._methods: dict[tuple[object, str], float | None] = {}

    def parts(self) -> dict[str, float | None]:
        """Seconds by part."""
        parts: dict[str, float | None] = {"training": 0.0, "methods": 0.0, "evaluation": 0.0}
        for cell in self._cells():
            jobs = [job for job in self._missing if job.cell is cell]
            setting = self._worker.prepare(jobs[0])
            if isinstance(setting, GeneratorSetting) and "judge" not in parts:
                parts = self._before(setting) | parts
            measured = self._measuring(setting)
            tuned: set[str | None] = set()
            for job in {job.method: job for job in jobs if job.kind == "unlearned"}.values():
                trials = 0 if job.tuned_as in tuned else self._tuning(job)
                tuned.add(job.tuned_as)
                one, times = self._method(job), self._counts[cell, job.method] + trials
                parts["methods"] = _plus(parts["methods"], None if one is None else one * times)
                parts["evaluation"] = _plus(parts["evaluation"], measured * trials)
            for training in (one for job in jobs for one in self._needed(job)):
                parts["training"] = _plus(parts["training"], self._train(cell, training))
            parts["evaluation"] = _plus(parts["evaluation"], measured * len(jobs))
        known = [value for value in parts.values() if value is not None]
        parts["in all"] = sum(known) if len(known) == len(parts) else None
        return parts

    def _cells(self) -> list[Cell]:
        return list(dict.fromkeys(job.cell for job in self._missing))

    def _before(self, setting: GeneratorSetting) -> dict[str, float | None]:
        """What a scene needs before anything else."""
        judge, loaded = judge_training(setting.scene), setting.loaded
        assert isinstance(loaded, TrialScene)  # as the worker of trials loads it
        is_there = self._store.weights(judge).is_file()
        return {
            "latents": loaded.latents_seconds,
            "judge": 0.0 if is_there else training_seconds(judge, self._limit),
        }

    def _method(self, job: Job) -> float | None:
        """Of carrying out the method of a job once."""
        if (key := _tried(job)) not in self._methods:
            setting = self._worker.prepare(job)
            self._methods[key] = method_seconds(setting, setting.untrained(), self._limit)
        return self._methods[key]

    def _tuning(self, job: Job) -> int:
        """Trials that tuning the method of a job will take."""
        budget = self._plan.tune
        if budget is None or job.tuned_as is None or self._worker.tuning(job) is not None:
            return 0
        return budget.trials

    def _measuring(self, setting: Setting) -> float:
        """Of measuring one model of a cell."""
        if isinstance(setting, GeneratorSetting):
            assert isinstance(setting.loaded, TrialScene)  # as the worker of trials loads it
            return setting.loaded.judging_seconds(setting)
        assert isinstance(setting, SampleSetting)  # the other kind
        forward = forward_seconds(setting, setting.untrained())
        seconds = forward * sum(setting.data.sizes().values())
        if self._plan.evaluation.relearn:
            seconds += relearn_seconds(setting, forward)
        return seconds

    def _needed(self, job: Job) -> list[Training]:
        """Models that a job needs and nobody has trained yet."""
        if job.kind == "untrained":
            return []
        setting, budget = self._worker.prepare(job), self._plan.tune
        made = [
            setting.reference(job.number)
            if job.kind == "retrained"
            else self._worker.around(job.cell).original()
        ]
        if self._tuning(job) and budget is not None and budget.objective == "retrain":
            made.append(self._worker.piloted(job.cell, budget.seed).reference(1))
        found = []
        for one in made:
            if isinstance(one, Training):
                path = self._store.weights(one)
                if path.name not in self.trained and not path.is_file():
                    self.trained.add(path.name)
                    found.append(one)
        return found

    def _train(self, cell: Cell, training: Training) -> float | None:
        """Of a training: as long per sample as the first on this data set and model."""
        place = cell.data, cell.model
        if place not in self._training:
            one = training_seconds(training, self._limit)
            self._training[place] = None if one is None else one / len(training.dataset)
        rate = self._training[place]
        return None if rate is None else rate * len(training.dataset)


def _tried(job: Job) -> tuple[object, str]:
    """Jobs with the same take as long: concepts have about as many images as one another."""
    is_generator = isinstance(job.cell.base, GeneratorConfig)
    return job.cell.data if is_generator else job.cell, job.method


def _plus(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more

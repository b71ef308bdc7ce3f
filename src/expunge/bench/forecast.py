"""What a bench will cost: what is missing in the store, and the time of it from short trials."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..config import Config
from ..core.run import Log
from ..runs.forecasts.probe import FORECAST_SCHEMA
from ..runs.forecasts.run import forward_seconds, method_seconds, relearn_seconds, training_seconds
from ..runs.models import RunOptions, Training
from ..runs.settings.samples import SampleSetting
from ..runs.store import Store, is_store
from .grid import BenchPlan, Cell, Job
from .worker import Worker


def forecast_bench(
    plan: BenchPlan, *, store: str | Path = "runs/store", seconds: float = 30.0,
    on_log: Log | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Say what a bench has still to compute and how long that takes one after the other.

    Training is tried once per data set and model, each method once per scenario, on an untrained
    model; trials of tuning count as often as they are budgeted. Benches of generators are counted,
    not timed: their judge would have to be trained for that.

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
    found: dict[str, Any] = {"schema": FORECAST_SCHEMA, "planned": len(plan.jobs)}
    with TemporaryDirectory() as empty:
        kept = Store(store if is_store(Path(store)) else empty)
        worker = Worker(plan, kept, RunOptions(True, on_log))
        if any(not isinstance(job.cell.base, Config) for job in plan.jobs):
            missing = list(plan.jobs)
            parts: dict[str, float | None] = {"in all": None}
        else:
            missing = [job for job in plan.jobs if worker.known(job) is None]
            trials = _Trials(plan, worker, kept, missing, seconds)
            parts = trials.parts()
            found["trainings"] = len(trials.trained)
    kinds = Counter(job.kind for job in missing)
    return found | {
        "known": len(plan.jobs) - len(missing),
        "missing": dict(kinds),
        "seconds": parts,
    }


class _Trials:
    """Tries each kind of work of a bench once, and multiplies by how often it is to be done."""

    def __init__(
        self, plan: BenchPlan, worker: Worker, store: Store, missing: list[Job], seconds: float
    ) -> None:
        self._plan, self._worker, self._store, self._missing = plan, worker, store, missing
        self._counts = Counter((job.cell, job.method) for job in missing)
        methods = sum(job.kind == "unlearned" for job in self._firsts())
        self._limit = max(0.5, seconds / (methods + 2 * len(self._cells()) or 1))
        self.trained: set[str] = set()
        self._training: dict[tuple[str, str], float | None] = {}

    def parts(self) -> dict[str, float | None]:
        """Seconds by part."""
        parts: dict[str, float | None] = {"training": 0.0, "methods": 0.0, "evaluation": 0.0}
        for job in self._firsts():
            setting = self._setting(job)
            if job.kind == "unlearned":
                parts["methods"] = _plus(parts["methods"], self._method(job, setting))
        for cell in self._cells():
            jobs = [job for job in self._missing if job.cell is cell]
            for job in jobs:
                parts["training"] = _plus(parts["training"], self._trainings(job))
            setting = self._setting(jobs[0])
            forward = forward_seconds(setting, setting.untrained())
            one = forward * sum(setting.data.sizes().values())
            if self._plan.evaluation.relearn:
                one += relearn_seconds(setting, forward)
            parts["evaluation"] = _plus(parts["evaluation"], one * len(jobs))
        known = [value for value in parts.values() if value is not None]
        parts["in all"] = sum(known) if len(known) == len(parts) else None
        return parts

    def _firsts(self) -> list[Job]:
        """One job of each method in each cell."""
        return list({(job.cell, job.method): job for job in reversed(self._missing)}.values())

    def _cells(self) -> list[Cell]:
        return list(dict.fromkeys(job.cell for job in self._missing))

    def _setting(self, job: Job) -> SampleSetting:
        setting = self._worker.prepare(job)
        assert isinstance(setting, SampleSetting)  # those of generators are not tried
        return setting

    def _method(self, job: Job, setting: SampleSetting) -> float | None:
        one = method_seconds(setting, setting.untrained(), self._limit)
        tuned = self._plan.tune.trials if self._plan.tune and job.method in job.cell.spaces else 0
        return None if one is None else one * (self._counts[job.cell, job.method] + tuned)

    def _trainings(self, job: Job) -> float | None:
        """Of the models that a job needs and nobody has trained yet."""
        setting, total = self._setting(job), 0.0
        made = (
            setting.reference(job.number)
            if job.kind == "retrained"
            else self._worker.around(job.cell).original()
        )
        if job.kind == "untrained" or not isinstance(made, Training):
            return total
        path = self._store.weights(made)
        if path.name in self.trained or path.is_file():
            return total
        self.trained.add(path.name)
        place = job.cell.data, job.cell.model
        if place not in self._training:
            self._training[place] = training_seconds(setting, self._limit)
        one = self._training[place]
        return None if one is None else one * len(made.dataset) / len(setting.bundle.train)


def _plus(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more

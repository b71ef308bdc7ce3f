"""Carries out the single results of a bench, each of which is computed once."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from torch import nn

from .. import __version__
from ..core.errors import GuardError, ModelError
from ..core.method import Method
from ..core.schemas.results import RESULT_SCHEMA, Result, Tuning
from ..evaluation.details import plain
from ..evaluation.evaluate import versions
from ..runs.classifier import Loaded, Prepared, load, prepare
from ..runs.models import Options, reference_training
from ..runs.store import Store, key_of
from .carrier import Carrier
from .config import Plan, Setting
from .jobs import Job
from .measure import measure
from .nets import Nets
from .pilot import Pilot


class Worker(Carrier[Job, Prepared, Result]):
    """Computes results in one process; holds the data of one data set and net at a time.

    Args:
        plan: What to compute.
        store: Where nets and results are kept.
        options: How to carry it out; none of it changes a result.
    """

    def __init__(self, plan: Plan, store: Store, options: Options) -> None:
        self._plan, self._store = plan, store
        self._nets = Nets(store, options)
        self._loaded: tuple[tuple[str, str], Loaded] | None = None
        self._base: tuple[Setting, Prepared] | None = None
        self._pilot: Pilot | None = None

    def prepare(self, job: Job) -> Prepared:
        """The run of a job.

        Raises:
            InputError: If it cannot be carried out as it stands.
        """
        setting = job.setting
        method = setting.methods[job.method] if job.kind == "unlearned" else None
        return prepare(setting.run(job.seed, method), self._data(setting))

    def known(self, job: Job, prepared: Prepared) -> Result | None:
        """The result of a job if it is in the store, with the labels of this bench."""
        value = self._store.get("results", self.key(job, prepared))
        return None if value is None else Result.model_validate(value | job.labels)

    def tuning(self, job: Job) -> Tuning | None:
        """How the method of a job was tuned, if it was."""
        if job.tuned_as is None:
            return None
        value = self._store.get("tuning", self._tuning_key(job))
        return None if value is None else Tuning.model_validate(value | _place(job))

    def keep_tuning(self, job: Job, tuning: Tuning) -> None:
        """Take over how the method of a job was tuned elsewhere."""
        self._store.put("tuning", self._tuning_key(job), tuning.model_dump(mode="json"))

    def key(self, job: Job, prepared: Prepared) -> str:
        """What names the result: equal keys mean equal results."""
        parts: list[object] = [
            RESULT_SCHEMA,
            __version__,
            job.kind,
            self._identity(job, prepared),
            prepared.positions.tolist(),
            self._plan.config.evaluation.model_dump(),
        ]
        if job.kind == "unlearned":
            parts += [prepared.method.name, _fields(prepared.method), job.seed, self._budget(job)]
        return key_of(*parts)

    def compute(self, job: Job, prepared: Prepared) -> Result:
        """Carry out a job, and keep its result.

        A method whose result is refused gives a result, too: one without scores.

        Raises:
            InputError: If the method cannot be used on this request, or nothing can be
                written.
        """
        key = self.key(job, prepared)
        facts: dict[str, Any] = {}
        try:
            model, facts = self._made(job, prepared, key)
            wanted = self._plan.config.evaluation
            like = self._nets.retrained(prepared, 1).model if wanted.cka else None
            found = measure(model, prepared, relearn=wanted.relearn, like=like)
            facts |= found | {"warnings": [*facts.get("warnings", []), *found["warnings"]]}
        except (GuardError, ModelError) as error:
            self._store.finish(key)
            facts["error"] = str(error)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        result = Result(key=key, created=now, versions=versions(), **job.labels, **facts)
        self._store.put("results", key, result.model_dump(mode="json", by_alias=True))
        return result

    def _made(self, job: Job, prepared: Prepared, key: str) -> tuple[nn.Module, dict[str, Any]]:
        """The model of a job, and what is known of how it was made."""
        if job.kind == "untrained":
            return self._nets.untrained(prepared), {}
        if job.kind != "unlearned":
            net = (
                self._nets.original(self._around(job.setting))
                if job.kind == "original"
                else self._nets.retrained(prepared, job.number)
            )
            return net.model, {"seconds": net.seconds}
        method = self._tuned(job) if job.tuned_as else prepared.method
        base = self._around(job.setting)
        done = self._nets.unlearned(base, prepared, method, key, job.method)
        return done.model, {
            "settings": plain(_fields(method)),
            "decisions": plain(done.decisions),
            "warnings": list(done.warnings),
            "seconds": done.cost["seconds"],
            "samples_read": _whole(done.cost["samples_read"]),
            "peak_memory_bytes": _whole(done.cost["peak_memory_bytes"]),
        }

    def _tuned(self, job: Job) -> Method:
        """The method with the fields that did best on the pilot seed."""
        key = self._tuning_key(job)
        with self._store.lock(key):
            value = self._store.get("tuning", key)
            if value is None:
                self.keep_tuning(job, tuning := self._tune(job))
            else:
                tuning = Tuning.model_validate(value)
        table = job.setting.methods[job.method] | tuning.best
        return job.setting.run(job.seed, table).build_method()

    def _tune(self, job: Job) -> Tuning:
        budget, setting, label = self._plan.config.tune, job.setting, job.tuned_as
        assert budget is not None  # a plan where something is tuned has a budget
        assert label is not None  # only then is this called
        if self._pilot is None or self._pilot.setting is not setting:
            base, run = self._around(setting), setting.run(budget.seed)
            pilot = prepare(run, self._data(setting))
            self._pilot = Pilot(setting, base, pilot, budget, self._nets, self._store)
        best, trials = self._pilot.search(label, self._lender(job))
        return Tuning(
            **_place(job),
            objective=budget.objective,
            pilot_seed=budget.seed,
            trials=trials,
            best=best,
        )

    def _lender(self, job: Job) -> Method:
        """The method whose fields are tuned, as it is without tuning."""
        assert job.tuned_as is not None  # only then is this called
        return job.setting.run(job.seed, job.setting.methods[job.tuned_as]).build_method()

    def _data(self, setting: Setting) -> Loaded:
        place = setting.data, setting.model
        if self._loaded is None or self._loaded[0] != place:
            self._loaded = self._base = self._pilot = None  # frees the old before reading new
            self._loaded = place, load(setting.base)
        return self._loaded[1]

    def _around(self, setting: Setting) -> Prepared:
        """The run that the original belongs to, whatever the seed."""
        if self._base is None or self._base[0] is not setting:
            self._base = setting, prepare(setting.base, self._data(setting))
        return self._base[1]

    def _identity(self, job: Job, prepared: Prepared) -> str:
        """Names the net that is measured, or that unlearning starts from."""
        if job.kind == "untrained":
            return prepared.identity("untrained", job.seed)
        if job.kind == "retrained":
            return reference_training(prepared, job.seed, job.number).identity
        return self._nets.original_identity(self._around(job.setting))

    def _budget(self, job: Job) -> dict[str, Any] | None:
        """What decides the outcome of tuning, None without it."""
        budget, label = self._plan.config.tune, job.tuned_as
        if budget is None or label is None:
            return None
        space = {name: repr(values) for name, values in job.setting.spaces[label].items()}
        lender = self._lender(job)
        parts = {"method": lender.name, "fields": _fields(lender), "space": space}
        return parts | {"budget": budget.model_dump()}

    def _tuning_key(self, job: Job) -> str:
        around = self._around(job.setting)
        place = around.identity("tuning", job.setting.base.data.forget.model_dump())
        return key_of(RESULT_SCHEMA, __version__, place, self._budget(job))


def _fields(method: Method) -> dict[str, Any]:
    return asdict(method)  # type: ignore[call-overload,no-any-return]  # every method is one


def _place(job: Job) -> dict[str, Any]:
    return {name: job.labels[name] for name in ("data", "model", "scenario", "method")}


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

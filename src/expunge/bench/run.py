"""A bench from beginning to end: compute what is missing, and show what is there."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Generic, TypeVar

from ..core.errors import ExpungeError
from ..core.run import Log
from ..core.schemas.results import Bench, Result, Tuning
from ..reporting.bench.pages import write_pages, write_results
from ..runs.models import Options
from ..runs.store import Store, Warn
from .carrier import Carrier, JobT, PreparedT, ResultT
from .config import Plan
from .jobs import Job, jobs
from .known import adopt
from .worker import Worker

WAIT_SECONDS = 2.0
BenchT = TypeVar("BenchT")


@dataclass(frozen=True, eq=False)
class Outcome(Generic[BenchT]):
    """What a bench found; ``failures`` are runs that could not be carried out, and why."""

    bench: BenchT
    failures: list[str] = field(default_factory=list)


def run_bench(
    plan: Plan,
    out: str | Path,
    *,
    store: str | Path = "runs/store",
    known: Sequence[str | Path] = (),
    ray: str | None = None,
    on_log: Log | None = None,
    command: str | None = None,
    checkpoint_seconds: float = 20.0,
) -> Outcome[Bench]:
    """Compute every result of a plan that the store does not have, and write the tables.

    Leaves ``bench.json``, ``table.md`` and ``table.tex`` in ``out`` after every result, so that
    an interrupted bench shows what it has, and ``leaderboard.html`` at the end. The same call
    goes on: nothing is computed twice, and the run that was in flight continues at its
    checkpoint. Several processes may share a store; each takes what no other is computing.

    Args:
        plan: What to compute, from ``load_bench``.
        out: The folder of the tables.
        store: The folder of nets and results, which benches share.
        known: Files of results (``bench.json``) of other machines or earlier runs; what they
            hold counts as computed. Nets are not in them.
        ray: Address of a Ray cluster (``"local"`` starts one here) that carries out
            independent runs in parallel; its workers must see ``store``.
        on_log: Called with progress rows.
        command: How the bench was started, for its record.
        checkpoint_seconds: Least time between two checkpoints of a run.

    Raises:
        InputError: If a folder cannot be written, the data cannot be read, or a run of
            the plan cannot be carried out as it stands.
    """
    work = jobs(plan)
    kept = Store(store, listener(on_log))
    worker = Worker(plan, kept, Options(True, on_log, command, checkpoint_seconds))
    for path in known:
        adopted = adopt(Bench.load(path), worker, kept, work)
        if on_log is not None:
            on_log({"doing": f"{adopted} of {len(work)} results are known from {path}"})
    if ray is not None:
        from .cluster import compute_on_cluster  # noqa: PLC0415  an optional package

        compute_on_cluster(plan, store, ray, on_log, checkpoint_seconds)
    board = _Board(plan, Path(out), command, work)

    def add(job: Job, result: Result, fresh: bool) -> None:
        board.add(job, result, worker.tuning(job), fresh=fresh)

    failures = list(compute(worker, kept, work, add, on_log))
    return Outcome(board.write(), failures)


class _Board:
    """Collects results and writes the tables anew after each."""

    def __init__(self, plan: Plan, out: Path, command: str | None, work: Sequence[Job]) -> None:
        self._plan, self._out, self._command = plan, out, command
        self._results: dict[Job, Result | None] = dict.fromkeys(work)
        self._tuning: dict[tuple[str, ...], Tuning] = {}

    def add(self, job: Job, result: Result, tuning: Tuning | None, *, fresh: bool) -> None:
        self._results[job] = result
        if tuning is not None:
            self._tuning[tuning.data, tuning.model, tuning.scenario, tuning.method] = tuning
        if fresh:
            write_results(self.bench(), self._out)

    def bench(self) -> Bench:
        """Everything that is known by now."""
        results = [result for result in self._results.values() if result is not None]
        return Bench(
            title=self._plan.config.title,
            command=self._command,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            config=self._plan.config.model_dump(mode="json", exclude_none=True),
            order=self._plan.order,
            planned=len(self._results),
            tuning=list(self._tuning.values()),
            results=results,
        )

    def write(self) -> Bench:
        """Leave all files, and return what they show."""
        bench = self.bench()
        write_pages(bench, self._out)
        return bench


def compute(
    worker: Carrier[JobT, PreparedT, ResultT],
    store: Store,
    work: Sequence[JobT],
    add: Callable[[JobT, ResultT, bool], None] | None = None,
    on_log: Log | None = None,
) -> Iterator[str]:
    """Carry out what is missing; yields a sentence for each job that cannot be done.

    Args:
        worker: Carries out a job.
        store: What is there counts as done.
        work: In the order in which it should be done.
        add: Called with each job, its result, and whether it was computed just now.
        on_log: Called with progress rows.
    """
    queue, passed = deque(work), 0
    while queue:
        job = queue.popleft()
        prepared = worker.prepare(job)
        with store.lock(worker.key(job, prepared), wait=False) as held:
            result = worker.known(job, prepared)
            fresh = result is None
            if result is None and not held:
                queue.append(job)  # another process computes it: look again after the others
                passed += 1
                if passed >= len(queue):
                    sleep(WAIT_SECONDS)
                continue
            passed = 0
            try:
                if result is None:
                    _announce(on_log, job, len(work) - len(queue), len(work))
                    result = worker.compute(job, prepared)
            except ExpungeError as error:
                yield f"{job}: {error}"
                continue
        if add is not None:
            add(job, result, fresh)


def _announce(on_log: Log | None, job: object, number: int, total: int) -> None:
    if on_log is not None:
        on_log({"doing": f"{number} of {total}: {job}"})


def listener(on_log: Log | None) -> Warn:
    """What the store says goes where progress goes."""
    return print if on_log is None else lambda text: on_log({"doing": text})

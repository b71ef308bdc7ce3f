"""A bench from beginning to end: compute what is missing, and show what is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.run import Log
from ..core.schemas.results import Bench, Result, Tuning
from ..evaluation.evaluate import now
from ..reporting.bench.pages import write_pages, write_results
from ..runs.models import RunOptions
from ..runs.queue import compute, listener
from ..runs.store import Store
from .grid import BenchPlan, Job
from .known import adopt
from .worker import Worker


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a bench found; ``failures`` are runs that could not be carried out, and why."""

    bench: Bench
    failures: list[str] = field(default_factory=list)


def run_bench(
    plan: BenchPlan,
    out: str | Path,
    *,
    store: str | Path = "runs/store",
    known: Sequence[str | Path] = (),
    ray: str | None = None,
    on_log: Log | None = None,
    command: str | None = None,
    checkpoint_seconds: float = 20.0,
) -> Outcome:
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
    work = plan.jobs
    kept = Store(store, listener(on_log))
    worker = Worker(plan, kept, RunOptions(True, on_log, command, checkpoint_seconds))
    for path in known:
        adopted = adopt(Bench.load(path), worker, kept, work)
        if on_log is not None:
            on_log({"doing": f"{adopted} of {len(work)} results are known from {path}"})
    if ray is not None:
        from .ray_cluster import compute_on_cluster  # noqa: PLC0415  an optional package

        compute_on_cluster(plan, store, ray, on_log, checkpoint_seconds)
    board = _Board(plan, Path(out), command, worker)

    def add(job: Job, result: Result, fresh: bool) -> None:
        board.add(job, result, worker.tuning(job), fresh=fresh)

    failures = list(compute(worker, kept, work, add, on_log))
    return Outcome(board.write(), failures)


class _Board:
    """Collects results and writes the tables anew after each."""

    def __init__(self, plan: BenchPlan, out: Path, command: str | None, worker: Worker) -> None:
        self._plan, self._out, self._command, self._worker = plan, out, command, worker
        # What is known at once, so that a table that is written half-way shows it.
        self._results = {job: worker.known(job) for job in plan.jobs}
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
            title=self._plan.title,
            command=self._command,
            created=now(),
            config=self._plan.table,
            order=self._plan.order,
            planned=len(self._results),
            judge=self._worker.judge(),
            tuning=list(self._tuning.values()),
            results=results,
        )

    def write(self) -> Bench:
        """Leave all files, and return what they show."""
        bench = self.bench()
        write_pages(bench, self._out)
        return bench

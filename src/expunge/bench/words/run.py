"""A bench of words from beginning to end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ...core.run import Log
from ...reporting.templating import write_page
from ...runs.models import Options
from ...runs.store import Store
from ..run import Outcome, compute, listener
from .config import WordPlan
from .jobs import WordJob, word_jobs
from .result import WordBench, WordResult
from .tables import word_tables
from .worker import WordWorker

RESULTS, MARKDOWN = "bench.json", "table.md"


def run_word_bench(
    plan: WordPlan,
    out: str | Path,
    *,
    store: str | Path = "runs/store",
    known: Sequence[str | Path] = (),
    on_log: Log | None = None,
    command: str | None = None,
    checkpoint_seconds: float = 20.0,
) -> Outcome[WordBench]:
    """Compute every result of a plan that the store does not have, and write the table.

    Leaves ``bench.json`` and ``table.md`` in ``out`` after every result. The same call goes on
    where an interrupted one stopped; several processes may share a store.

    Args:
        plan: What to compute, from ``load_word_bench``.
        out: The folder of the table.
        store: The folder of nets, latents and results, which benches share.
        known: Files of results (``bench.json``) of other machines or earlier runs; what they
            hold counts as computed, although nets that were trained elsewhere differ by
            rounding. What a file says of its own results is believed.
        on_log: Called with progress rows.
        command: How the bench was started, for its record.
        checkpoint_seconds: Least time between two checkpoints of a run.

    Raises:
        ConfigError: If a word is none of the scene's.
        InputError: If a folder cannot be written, or a package or file is missing.
    """
    kept = Store(store, listener(on_log))
    worker = WordWorker(plan, kept, Options(True, on_log, command, checkpoint_seconds))
    work = word_jobs(plan, worker.scene.names)
    for path in known:
        adopted = adopt(WordBench.load(path), worker, kept, work)
        if on_log is not None:
            on_log({"doing": f"{adopted} of {len(work)} results are known from {path}"})
    # At once, so that a table that is written half-way shows them all.
    results = {job: result for job in work if (result := worker.known(job)) is not None}

    def bench() -> WordBench:
        return WordBench(
            title=plan.config.title,
            command=command,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            config=plan.config.model_dump(mode="json", exclude_none=True),
            judge=worker.judge.name,
            judge_accuracy=worker.judge.accuracy,
            planned=len(work),
            results=[results[job] for job in work if job in results],
        )

    def add(job: WordJob, result: WordResult, fresh: bool) -> None:
        results[job] = result
        if fresh:
            write(bench(), Path(out))

    failures = list(compute(worker, kept, work, add, on_log))
    write(found := bench(), Path(out))
    return Outcome(found, failures)


def adopt(found: WordBench, worker: WordWorker, store: Store, work: Sequence[WordJob]) -> int:
    """Put the results of a file into the store, and say how many jobs they answer."""
    results = {one.key: one for one in found.results}
    for key, one in results.items():
        if store.get("words", key) is None:
            store.put("words", key, one.model_dump(mode="json", by_alias=True))
    return sum(worker.key(job) in results for job in work)


def write(bench: WordBench, out: Path) -> None:
    """Leave ``bench.json`` and ``table.md``.

    Raises:
        InputError: If the folder cannot be written.
    """
    bench.save(out / RESULTS)
    write_page(word_tables(bench), out / MARKDOWN)

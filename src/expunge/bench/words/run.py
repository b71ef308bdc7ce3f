"""A bench of words from beginning to end."""

from datetime import UTC, datetime
from pathlib import Path

from ...core.run import Log
from ...report.templating import write_page
from ...workflow.trained import Options
from ..run import Outcome, compute, listener
from ..store import Store
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
    results: dict[WordJob, WordResult] = {}

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


def write(bench: WordBench, out: Path) -> None:
    """Leave ``bench.json`` and ``table.md``.

    Raises:
        InputError: If the folder cannot be written.
    """
    bench.save(out / RESULTS)
    write_page(word_tables(bench), out / MARKDOWN)

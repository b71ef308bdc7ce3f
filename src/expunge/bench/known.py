"""Results that were computed elsewhere: the file of a bench fills a store."""

import re
from collections.abc import Sequence

from ..core.errors import InputError
from ..core.schemas.results import Bench
from ..runs.store import Store
from .grid import Job
from .worker import Worker

_KEY = re.compile("[0-9a-f]{64}")


def adopt(found: Bench, worker: Worker, store: Store, work: Sequence[Job]) -> int:
    """Put what a file of results holds, and how its methods were tuned, into the store.

    A result is named by what determines it, so results of another data set, recipe, seed or
    version are kept beside those of this plan and never taken for them. What a file says
    of its own results is believed: read the files of people you trust.

    Args:
        found: The results, as ``bench.json`` has them.
        worker: Names the results of the plan.
        store: What is there already stays as it is.
        work: The jobs of the plan.

    Returns:
        How many jobs of the plan are answered by the file.

    Raises:
        InputError: If a result has no proper key.
    """
    results = {result.key: result for result in found.results}
    if strange := [key for key in results if not _KEY.fullmatch(key)]:
        raise InputError(
            f"expected keys of 64 hexadecimal digits in the file of known results, got "
            f"{strange[0][:80]!r}; take the file as expunge bench wrote it"
        )
    for key, result in results.items():
        if store.get("results", key) is None:
            store.put("results", key, result.model_dump(mode="json", by_alias=True))
    tunings = {(one.data, one.model, one.scenario, one.method): one for one in found.tuning}
    answered = 0
    for job in work:
        match = results.get(worker.key(job))
        if match is None:
            continue
        answered += 1
        # The key holds the budget and the space of tuning, so the file's tuning is this job's.
        tuning = tunings.get((match.data, match.model, match.scenario, match.method))
        if tuning is not None and worker.tuning(job) is None:
            worker.keep_tuning(job, tuning)
    return answered

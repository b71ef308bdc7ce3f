"""Jobs with keys: each is computed once, by whichever process holds its key."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import sleep
from typing import Generic, TypeVar

from ..core.errors import ExpungeError
from ..core.run import Log
from .store import Store, Warn

WAIT_SECONDS = 2.0
JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")


class JobWorker(ABC, Generic[JobT, ResultT]):
    """Names and computes the results of jobs."""

    @abstractmethod
    def key(self, job: JobT) -> str:
        """What names the result: equal keys mean equal results."""

    @abstractmethod
    def known(self, job: JobT) -> ResultT | None:
        """The result of a job if it is in the store."""

    @abstractmethod
    def compute(self, job: JobT) -> ResultT:
        """Carry out a job, and keep its result."""


def compute(
    worker: JobWorker[JobT, ResultT],
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
        with store.lock(worker.key(job), wait=False) as held:
            result = worker.known(job)
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
                    result = worker.compute(job)
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

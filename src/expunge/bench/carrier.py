"""What carries out the jobs of a bench, whatever a job is."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

JobT = TypeVar("JobT")
PreparedT = TypeVar("PreparedT")
ResultT = TypeVar("ResultT")


class Carrier(ABC, Generic[JobT, PreparedT, ResultT]):
    """Names and computes the results of a bench."""

    @abstractmethod
    def prepare(self, job: JobT) -> PreparedT:
        """What is needed to name and compute a job."""

    @abstractmethod
    def key(self, job: JobT, prepared: PreparedT) -> str:
        """What names the result: equal keys mean equal results."""

    @abstractmethod
    def known(self, job: JobT, prepared: PreparedT) -> ResultT | None:
        """The result of a job if it is in the store."""

    @abstractmethod
    def compute(self, job: JobT, prepared: PreparedT) -> ResultT:
        """Carry out a job, and keep its result."""

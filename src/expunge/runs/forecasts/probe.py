"""Times the steps of a stage for some seconds, and extrapolates."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.errors import GuardError

FORECAST_SCHEMA = "expunge.forecast/1"


class _Enough(BaseException):
    """Ends a probe; no error, so that nothing takes it for one."""


@dataclass
class Probe:
    """Times the steps of a stage, and ends it when enough was seen.

    ``seconds`` of a whole stage are those of a step times its number of steps. The first step,
    which warms up, does not count.
    """

    limit: float
    started: float = 0.0
    first: tuple[float, int] | None = None
    last: tuple[float, int] | None = None
    total: int = 0
    stage: str = ""
    behind: float = 0.0  # seconds of the stages that were finished

    def __call__(self, row: dict[str, Any]) -> None:
        if "step" not in row or "total" not in row:
            return
        now = time.perf_counter()
        if row["stage"] != self.stage:
            self.behind, self.stage, self.first = now - self.started, row["stage"], None
        self.total = int(row["total"])
        if self.first is None:
            self.first = now, int(row["step"])
        self.last = now, int(row["step"])
        if now - self.started > self.limit and self.last[1] > self.first[1]:
            raise _Enough

    def seconds(self, run: Callable[[], object]) -> float | None:
        """Of all that ``run`` does, measured or extrapolated; None if it logs no steps.

        An untrained model may diverge where a trained one does not: the steps before that count.
        """
        self.started = time.perf_counter()
        try:
            run()
        except (_Enough, GuardError):
            pass
        else:
            return time.perf_counter() - self.started
        if self.first is None or self.last is None or self.last[1] == self.first[1]:
            return None
        rate = (self.last[0] - self.first[0]) / (self.last[1] - self.first[1])
        return self.behind + rate * self.total

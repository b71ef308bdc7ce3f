"""What a table of a bench consists of: numbers with their spread, rows and sections."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.schemas.results import Kind
from ...metrics import METRICS
from ..formats import known, plural


@dataclass(frozen=True)
class Stat:
    """Mean, sample standard deviation (None for a single value) and number of values."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class BenchRow:
    """One model or method on one data set, model and scenario, over all its seeds.

    ``stats`` maps a name to its ``Stat``: the metrics of single models (percent, losses),
    ``tow`` (a share, 1 for the retrain), ``relearn`` (accuracy in percent after the last step
    of the protocol), ``relearn_time`` (steps until the original's accuracy, of the seeds that
    reach it), ``cka`` (mean over layers), ``seconds``, ``samples_read``,
    ``peak_memory_bytes``, ``rte`` (seconds over those of the *fastest* retrain of the place),
    ``rte_paper`` (over those projected for the paper's recipe) and ``passes`` (over the
    data). What is not known has no entry.
    ``distance`` is the signed difference of means to the first retrain, over the seeds that
    both have. ``avg_gap`` is over seeds, each against the first retrain of the same seed;
    ``gap_of_means`` is the paper's, of the means over those seeds. Both are in points and
    None for the first retrain, which is the target.
    """

    data: str
    model: str
    scenario: str
    kind: Kind
    number: int
    method: str
    planned: int
    stats: dict[str, Stat] = field(default_factory=dict)
    distance: dict[str, float] = field(default_factory=dict)
    avg_gap: Stat | None = None
    gap_of_means: float | None = None
    curve: tuple[tuple[int, Stat], ...] = ()
    measured_on: str = ""
    seeds: tuple[int, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    not_run: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    best: bool = False
    slower: bool = False
    within_floor: bool = False
    worse_than_original: bool = False

    @property
    def marks(self) -> list[str]:
        """Short remarks that stand beside the name wherever the row is printed."""
        found = {
            "best": self.best,
            "within the floor": self.within_floor,
            "slower than retraining": self.slower,
            "worse than the untouched original": self.worse_than_original,
            f"{len(self.seeds)} of {plural(self.planned, 'seed')}": len(self.seeds) < self.planned,
        }
        return [text for text, holds in found.items() if holds]

    @property
    def problems(self) -> list[str]:
        """Why there are fewer results than planned: each reason once, with its seeds."""
        reasons: dict[str, list[int]] = {}
        for seed, text in self.errors:
            reasons.setdefault(" ".join(text.split()), []).append(seed)
        lines = [f"failed on {_seeds(seeds)}: {text}" for text, seeds in reasons.items()]
        return lines + ([f"{_seeds(self.not_run)} not run"] if self.not_run else [])


@dataclass(frozen=True)
class BenchSection:
    """One data set, model and scenario: the rows of one table, and its floor in points."""

    data: str
    model: str
    scenario: str
    rows: list[BenchRow]
    floor: Stat | None
    fastest_retrain: float | None

    @property
    def title(self) -> str:
        """Names the table."""
        return f"{self.data}, {self.model}, {self.scenario or 'nothing forgotten'}"

    @property
    def shown(self) -> list[BenchRow]:
        """The rows of the table; an untrained model only anchors the relearn curves."""
        return [row for row in self.rows if row.kind != "untrained"]

    @property
    def titled(self) -> dict[str, str]:
        """Titles of the metrics that bring one, where a row has a value of them."""
        return {
            one.name: one.title
            for one in METRICS.values()
            if one.title and any(one.name in row.stats for row in self.shown)
        }

    @property
    def counts(self) -> tuple[int, int]:
        """Results that there are, errors among them, and results that were planned."""
        planned = sum(row.planned for row in self.rows)
        return planned - sum(len(row.not_run) for row in self.rows), planned


def stat(values: Iterable[Any]) -> Stat | None:
    """``Stat`` of the finite numbers among the values; None if there is none."""
    found = [number for value in values if (number := known(value)) is not None]
    if not found:
        return None
    spread = statistics.stdev(found) if len(found) > 1 else None
    return Stat(statistics.fmean(found), spread, len(found))


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"

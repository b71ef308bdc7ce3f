"""What the plots of the docs show: means over sections, and methods of generators."""

from collections.abc import Sequence
from dataclasses import replace

from expunge.core.schemas.results import Bench
from expunge.reporting.bench.charts import numbered
from expunge.reporting.bench.concepts import concept_rows
from expunge.reporting.bench.row import BenchRow, BenchSection, Stat, stat


def over_sections(sections: list[BenchSection], scenario: str) -> BenchSection:
    """One section of means over others, with the spread over them; rows go by their label."""
    rows = []
    for first in sections[0].rows:
        same = [one for part in sections for one in part.rows if one.method == first.method]
        names = {name for row in same for name in row.stats}
        steps = [step for step, _ in first.curve]
        rows.append(
            replace(
                first,
                scenario=scenario,
                stats={name: _over(same, name) for name in sorted(names)},
                distance={},
                avg_gap=stat(row.avg_gap.mean for row in same if row.avg_gap),
                gap_of_means=None,
                curve=tuple(
                    (step, one)
                    for step in steps
                    if (one := stat(dict(row.curve)[step].mean for row in same))
                ),
                seeds=tuple(range(len(same))),
                planned=len(sections),
                best=False,
                within_floor=False,
                slower=all(row.slower for row in same),
                worse_than_original=False,
            )
        )
    times = stat(part.fastest_retrain for part in sections)
    fastest = times.mean if times else None
    return replace(sections[0], scenario=scenario, rows=rows, floor=None, fastest_retrain=fastest)


def of_concepts(bench: Bench, concepts: Sequence[str] | None = None) -> BenchSection:
    """Methods of a bench of generators: distance on the forgotten concept, and seconds."""
    rows = [
        BenchRow(
            *("", "", "", "unlearned", 0, one.method, one.results),
            stats={"seconds": one.seconds} if one.seconds else {},
            avg_gap=one.distance,
            seeds=tuple(range(one.results)),
        )
        for one in concept_rows(bench, concepts)
        if one.distance is not None
    ]
    return BenchSection("", "", bench.title, rows, None, None)


def numbers(section: BenchSection) -> dict[str, int]:
    """The number of each method in plot and table."""
    return {row.method: position for position, row in numbered(section)}


def _over(rows: Sequence[BenchRow], name: str) -> Stat:
    found = stat(row.stats[name].mean for row in rows if name in row.stats)
    assert found is not None  # the name comes from one of these rows
    return found

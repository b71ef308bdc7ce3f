"""Remarks on rows: best, within the floor, slower than retraining, worse than untouched."""

from collections.abc import Sequence
from dataclasses import replace

from .row import BenchRow, Stat

FLOOR_FACTOR, FLOOR_SLACK = 1.5, 0.5


def flagged(found: Sequence[BenchRow], floor: Stat | None) -> list[BenchRow]:
    """The rows of one table with their flags set; ``floor`` is the gap of a second retrain."""
    original = next((row.avg_gap for row in found if row.kind == "original"), None)
    gaps = [row.avg_gap for row in found if row.kind == "unlearned" and row.avg_gap]
    # A method that is judged on fewer seeds than others may owe its place to the easy ones.
    most = max((gap.n for gap in gaps), default=0)
    least = min((gap.mean for gap in gaps if gap.n == most), default=None)
    limit = FLOOR_FACTOR * floor.mean + FLOOR_SLACK if floor else None
    done = []
    for row in found:
        gap, rte = row.avg_gap, row.stats.get("rte")
        if row.kind == "unlearned":
            row = replace(  # noqa: PLW2901  the same row, completed
                row,
                slower=rte is not None and rte.mean >= 1,
                best=gap is not None and gap.n == most and gap.mean == least,
                within_floor=gap is not None and limit is not None and gap.mean <= limit,
                worse_than_original=bool(gap and original and gap.mean > original.mean),
            )
        done.append(row)
    return done

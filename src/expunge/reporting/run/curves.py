"""Curves out of logged rows: found, split by constraint, and thinned to what a page can show."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from ..formats import known

LONGEST = 400
MOST_CONSTRAINTS = 6

Point = tuple[float, float]


def thin(points: Sequence[Point], longest: int = LONGEST) -> list[Point]:
    """At most ``longest`` points that keep the ends and every bucket's extremes.

    A plain "every n-th" would drop the spikes, which are what a reader looks for.
    """
    if len(points) <= longest:
        return list(points)
    inner = points[1:-1]
    buckets = (longest - 2) // 2
    kept = [points[0]]
    for bucket in range(buckets):
        part = inner[len(inner) * bucket // buckets : len(inner) * (bucket + 1) // buckets]
        low = min(range(len(part)), key=lambda i: part[i][1])
        high = max(range(len(part)), key=lambda i: part[i][1])
        kept.extend(part[i] for i in sorted({low, high}))
    return [*kept, points[-1]]


def smooth(points: Sequence[Point]) -> list[Point]:
    """Running mean over a fortieth of the curve, shorter at its ends."""
    reach = max(1, len(points) // 80)
    sums = [0.0, *accumulate(y for _, y in points)]
    means = []
    for i, (x, _) in enumerate(points):
        low, high = max(0, i - reach), min(len(points), i + reach + 1)
        means.append((x, (sums[high] - sums[low]) / (high - low)))
    return means


def stages(history: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by stage, in the order in which the stages began."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in history:
        found.setdefault(str(row.get("stage", "steps")), []).append(row)
    return found


def curve(rows: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    """(step, value) wherever the row holds a finite number; a bool counts as 0 or 1."""
    points = []
    for position, row in enumerate(rows):
        value = known(row.get(key))
        if value is not None:
            step = known(row.get("step"))
            points.append((float(position) if step is None else step, value))
    return points


def curves(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[Point]]:
    """Like ``curve``, but a list of values, one per constraint, gives one curve each."""
    width = max((len(v) for row in rows if isinstance(v := row.get(key), list | tuple)), default=0)
    if not width:
        points = curve(rows, key)
        return {"": points} if points else {}
    found = {}
    for number in range(min(width, MOST_CONSTRAINTS)):
        split = [{**row, key: _entry(row.get(key), number)} for row in rows]
        if points := curve(split, key):
            found[f"constraint {number + 1}"] = points
    return found


def constraints(rows: Sequence[Mapping[str, Any]], key: str) -> int:
    """The largest number of entries a row holds under ``key``; 1 for plain numbers."""
    return max((len(v) for row in rows if isinstance(v := row.get(key), list | tuple)), default=1)


def active_share(rows: Sequence[Mapping[str, Any]], longest: int = LONGEST // 4) -> list[Point]:
    """(first step of a run of steps, share of them in percent in which ``active`` was true)."""
    points = [(step, float(value > 0)) for step, value in _active(rows)]
    buckets = min(longest, len(points))
    shares = []
    for bucket in range(buckets):
        part = points[len(points) * bucket // buckets : len(points) * (bucket + 1) // buckets]
        shares.append((part[0][0], 100 * sum(value for _, value in part) / len(part)))
    return shares


def active_steps(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """How many logged steps had the constraint active, and how many say whether they had."""
    values = [value for _, value in _active(rows)]
    return sum(value > 0 for value in values), len(values)


def _active(rows: Sequence[Mapping[str, Any]]) -> list[Point]:
    """With several constraints a step counts as active if any of them is."""
    flat = []
    for row in rows:
        value = row.get("active")
        if isinstance(value, list | tuple):
            value = max((known(v) or 0.0 for v in value), default=None)
        flat.append({**row, "active": value})
    return curve(flat, "active")


def _entry(value: Any, number: int) -> Any:
    if isinstance(value, list | tuple):
        return value[number] if number < len(value) else None
    return value if number == 0 else None

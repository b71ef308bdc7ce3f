"""The axes of a grid: which entries go together, and what they name that is not there."""

import math
from collections.abc import Iterator
from typing import Any

from ..core.checks import did_you_mean

AXES = ("data", "model", "scenario", "method")
_MOST_RUNS = 100_000


def restriction_problems(axes: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """``scenario = [labels]`` in a method, ``data`` and ``model`` in a scenario or method."""
    problems = []
    for axis in ("scenario", "method"):
        for label, table in axes[axis].items():
            for other in AXES[: AXES.index(axis)]:
                wanted = table.get(other, [])
                if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
                    problems.append(
                        f"{axis} {label!r}: {other}: expected a list of labels, got {wanted!r}"
                    )
                    continue
                problems += [
                    f"{axis} {label!r}: {other}: there is no {other} called {name!r}"
                    f"{did_you_mean(str(name), axes[other])}"
                    for name in wanted
                    if name not in axes[other]
                ]
    return problems


def combinations(axes: dict[str, dict[str, dict[str, Any]]]) -> Iterator[tuple[str, str, str]]:
    """The data, model and scenario of each cell of the grid that no restriction leaves out."""
    for data in axes["data"]:
        for model in axes["model"]:
            for scenario, table in axes["scenario"].items():
                fits = data in table.get("data", [data]) and model in table.get("model", [model])
                if fits:
                    yield data, model, scenario


def size_problems(axes: dict[str, dict[str, dict[str, Any]]], seeds: int) -> list[str]:
    """That a bench has more runs than anybody waits for, told before they are listed."""
    if seeds and not any(True for _ in combinations(axes)):
        return ["data, model and scenario: their restrictions leave no run; loosen one"]
    size = math.prod(len(entries) for entries in axes.values()) * seeds
    if size <= _MOST_RUNS:
        return []
    return [
        f"expected at most {_MOST_RUNS:,} runs in one bench, got {size:,} (entries of data, model, "
        "scenario and method, times seeds); divide it"
    ]

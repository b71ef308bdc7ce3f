"""Benches from TOML files, whatever kind of model they are about."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import read_toml
from .generator_grid import KINDS, parse_generator_grid
from .grid import BenchPlan, parse_grid


def load_bench(path: str | Path, overrides: Sequence[str] = ()) -> BenchPlan:
    """Read a bench from a TOML file, with ``section.key=value`` overrides.

    Raises:
        ConfigError: Lists every problem of every run of the grid, each once.
    """
    return parse_bench(read_toml(path), overrides)


def parse_bench(raw: dict[str, Any], overrides: Sequence[str] = ()) -> BenchPlan:
    """A checked bench from nested dictionaries, as ``tomllib`` gives them.

    Raises:
        ConfigError: As of ``load_bench``.
    """
    parse = parse_generator_grid if raw.get("kind") in KINDS else parse_grid
    return parse(raw, overrides)

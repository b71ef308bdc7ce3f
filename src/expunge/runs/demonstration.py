"""The demonstration: real images, a small net, and every step within a minute or so."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from ..config import Config, parse_config
from ..core.schemas.record import Record
from ..core.run import Log
from .unlearn import run_unlearn


def demo_config(overrides: Sequence[str] = ()) -> Config:
    """The config of the demonstration, which comes with the package."""
    text = files("expunge.runs").joinpath("demo.toml").read_text(encoding="utf-8")
    return parse_config(tomllib.loads(text), overrides)


def demo(
    out: str | Path = "runs/demo",
    *,
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = "expunge demo",
    overrides: Sequence[str] = (),
) -> Record:
    """Train on digits, forget a tenth of them, retrain twice, compare, report.

    Needs no network. Leaves ``record.json``, ``report.html`` and ``model.safetensors``.
    """
    return run_unlearn(demo_config(overrides), out, resume=resume, on_log=on_log, command=command)

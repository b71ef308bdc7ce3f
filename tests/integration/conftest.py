"""Runs so small that each takes a fraction of a second."""

from typing import Any

import pytest

from expunge.config import Config, parse_config

TINY: dict[str, Any] = {
    "data": {
        "source": "digits",
        "limit": 300,
        "forget": {"kind": "random", "fraction": 0.1, "seed": 0},
    },
    "model": {"name": "small", "arguments": {"width": 4}},
    "training": {"recipe": "quick", "epochs": 3},
    "method": {"name": "fine-tune", "epochs": 1, "lr": 0.01},
    "evaluation": {"relearn": False, "pictures": False},
    "precision": "fp32",
    "device": "cpu",
}


def tiny(*overrides: str) -> Config:
    """The tiny config with changes, as ``--set`` makes them."""
    return parse_config(TINY, overrides)


@pytest.fixture(scope="session")
def make_config():
    return tiny

"""The command itself, called in this process, on runs of a fraction of a second."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from expunge.cli import main

TOML = """
precision = "fp32"
device = "cpu"
[data]
source = "digits"
limit = 300
forget = { kind = "random", fraction = 0.1, seed = 0 }
[model]
name = "small"
arguments = { width = 4 }
[training]
recipe = "quick"
epochs = 2
[method]
name = "fine-tune"
epochs = 1
[evaluation]
relearn = false
pictures = false
"""


class Result(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny config in the folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TOML)
    return Path("tiny.toml")


@pytest.fixture
def expunge(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run ``expunge WORDS…``."""

    def run(*words: object) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Result(code, *capsys.readouterr())

    return run

"""The commands that hardships strike, and what must be left of them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file

RUN = """
precision = "fp32"
device = "cpu"
[data]
source = "digits"
limit = 300
forget = { kind = "random", fraction = 0.1 }
[model]
name = "small"
arguments = { width = 4 }
[training]
recipe = "quick"
epochs = 6
[method]
name = "scissorhands"
epochs = 6
batch_size = 16
[reference]
retrain = 1
[evaluation]
relearn = false
pictures = false
"""
BENCH = """
title = "Digits"
seeds = [0, 1]
retrain = 1
precision = "fp32"
device = "cpu"
evaluation = { relearn = false }
data = [{ label = "digits", source = "digits", limit = 300 }]
scenario = [{ label = "random", kind = "random", fraction = 0.1 }]
[[model]]
label = "small"
name = "small"
arguments = { width = 4 }
training = { recipe = "quick", epochs = 4 }
[[method]]
label = "FT"
name = "fine-tune"
epochs = 2
lr = 0.01
[[method]]
label = "GA"
name = "gradient-ascent"
epochs = 1
lr = 0.001
"""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


Left = dict[str, dict[str, torch.Tensor]]
"""Tensors by file."""


@dataclass
class Command:
    """Words of a command that leaves results in a folder; ``again`` are added by the second call.

    ``tensors`` are patterns of files below the folder that must equal those of a run in peace.
    """

    words: list[str]
    tensors: list[str]
    again: list[str] = field(default_factory=list)
    writers: int = 1
    verified: bool = True
    seconds: float = 0.0

    def start(
        self, folder: Path, *, resume: bool = False, before: Sequence[str] = ()
    ) -> list[subprocess.Popen]:
        """All writers of the command, at work; ``before`` are words that start a command."""
        started = []
        for number in range(self.writers):
            named = [word.replace("@out@", str(folder)) for word in self.words]
            named = [word.replace("@number@", str(number)) for word in named]
            words = [*before, sys.executable, "-m", "expunge", *named]
            words += self.again if resume else []
            pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
            started.append(subprocess.Popen(words, env=ENVIRONMENT, **pipes))
        return started

    def left(self, folder: Path) -> Left:
        """Tensors by file."""
        paths = [path for pattern in self.tensors for path in sorted(folder.glob(pattern))]
        return {path.relative_to(folder).as_posix(): load_file(path) for path in paths}


def finish(started: list[subprocess.Popen]) -> list[tuple[int, str]]:
    """Exit code and what was said, of each."""
    said = [process.communicate()[1] for process in started]
    return [(one.returncode, text) for one, text in zip(started, said, strict=True)]


def problems(
    command: Command, folder: Path, peace: dict[str, dict[str, torch.Tensor]]
) -> list[str]:
    """What is wrong in a folder after the second call."""
    found = []
    left = command.left(folder)
    if left.keys() != peace.keys():
        found.append(f"files {sorted(left.keys() ^ peace.keys())}")
    for name in left.keys() & peace.keys():
        same = left[name].keys() == peace[name].keys() and all(
            torch.equal(left[name][key], peace[name][key]) for key in peace[name]
        )
        if not same:
            found.append(f"{name} differs")
    litter = [
        path.name
        for path in folder.rglob("*")
        if path.suffix in (".tmp", ".new") or "checkpoints" in path.parts
    ]
    if litter:
        found.append(f"left behind: {litter}")
    if command.verified:
        words = [sys.executable, "-m", "expunge", "verify", str(folder)]
        if subprocess.run(words, env=ENVIRONMENT, capture_output=True, check=False).returncode:
            found.append("verify fails")
    return found


def commands(place: Path) -> dict[str, Command]:
    """What is struck; configs and a pipeline of random weights are made for it."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.unit.tasks.pipelines import PIPELINES  # noqa: PLC0415  needs diffusers

    (place / "run.toml").write_text(RUN)
    (place / "bench.toml").write_text(BENCH)
    PIPELINES["sd1"]().save_pretrained(place / "pipeline")
    run = ["unlearn", str(place / "run.toml"), "--out", "@out@", "--checkpoint-seconds", "0"]
    bench = ["bench", str(place / "bench.toml"), "--store", "@out@/store", "--out",
             "@out@/@number@",
             "--checkpoint-seconds", "0"]  # fmt: skip
    small = [word for one in ("training.epochs=2", "data.limit=400") for word in ("--set", one)]
    erase = ["erase", "church", "--model", str(place / "pipeline"), "--keep", "dog, golf ball",
             "--out", "@out@"]  # fmt: skip
    quick = ("images.per_concept=4", "images.steps=2", "drawing.images=1", "drawing.steps=2",
             "method={name='scissorhands', lr=1e-4, epochs=2, batch_size=4}")  # fmt: skip
    erase += [word for one in quick for word in ("--set", one)]
    return {
        "unlearn": Command(run, ["*.safetensors"], ["--resume"]),
        "bench": Command(bench, ["store/nets/*.safetensors"], writers=2, verified=False),
        "demo": Command(["demo", "--out", "@out@", *small], ["*.safetensors"], ["--resume"]),
        "erase": Command(erase, ["pipeline/**/*.safetensors"], ["--resume"]),
    }

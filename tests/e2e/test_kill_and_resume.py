"""A command that is killed twice and resumed ends with the bits of one left in peace."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from expunge.core import Record

CHANGES = ["method={name='scissorhands', epochs=6, batch_size=16}", "training.epochs=6"]
TIMES = ("seconds", "retrain_seconds", "train_seconds", "rte", "peak_memory_bytes")


def start(folder: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "expunge", "unlearn", "tiny.toml", "--out", folder]
    changes = [word for change in CHANGES for word in ("--set", change)]
    return subprocess.Popen(
        [*command, *changes, "--checkpoint-seconds", "0", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_when_there_is(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    there = path.exists()
    process.send_signal(signal.SIGKILL)
    errors = process.communicate()[1].decode()
    assert there, errors
    assert process.returncode == -signal.SIGKILL


def timeless(record: Record) -> dict:
    kept = record.model_dump(exclude={"created", "command"})
    for key in TIMES:
        del kept["cost"][key]
    return kept


@pytest.mark.slow
def test_kill_and_resume(config, tmp_path) -> None:
    process = start("a")
    kill_when_there_is(tmp_path / "a" / "checkpoints" / "original" / "state.checkpoint", process)
    assert not (tmp_path / "a" / "original.safetensors").exists()

    process = start("a", "--resume")
    kill_when_there_is(tmp_path / "a" / "checkpoints" / "unlearn" / "state.checkpoint", process)
    assert not (tmp_path / "a" / "record.json").exists()

    process = start("a", "--resume")
    errors = process.communicate()[1].decode()
    assert process.returncode == 0, errors
    assert "train original" not in errors

    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "salt", tmp_path / "b" / "salt")
    process = start("b")
    process.communicate()
    assert process.returncode == 0
    # Tensors, since the order of the notes in a file's header is not fixed.
    killed, whole = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert killed.keys() == whole.keys()
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
    records = [Record.load(tmp_path / name / "record.json") for name in "ab"]
    assert timeless(records[0]) == timeless(records[1])
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        p.name for p in (tmp_path / "b").iterdir()
    }


def test_told_to_end_it_says_how_to_go_on(config, tmp_path) -> None:
    process = start("t")
    state = tmp_path / "t" / "checkpoints" / "original" / "state.checkpoint"
    deadline = time.monotonic() + 300
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate()[1].decode()
    assert process.returncode == 143, errors
    assert "told to end; the same command with --resume goes on from the last" in errors
    assert state.exists()
    assert not (tmp_path / "t" / ".lock").exists()

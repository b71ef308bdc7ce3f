"""Weight files that are damaged, hold code, or are something else: refused, never run."""

import argparse
import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from weight_helpers import refused, small

from expunge.core import ModelError
from expunge.models import load_weights, read_weights, save_weights


class Evil:
    """Its pickle creates a file when read carelessly."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


def make_evil(kind: str, path: Path, evil: object) -> None:
    if kind == "zip":
        torch.save({"state_dict": {"a": torch.zeros(2)}, "extra": evil}, path)
    elif kind == "legacy":
        torch.save({"a": evil}, path, _use_new_zipfile_serialization=False)
    else:
        protocol = int(kind.removeprefix("pickle"))
        path.write_bytes(pickle.dumps({"a": evil}, protocol=protocol))


@pytest.mark.parametrize("ending", [".pt", ".th", ".bin"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle0", "pickle2", "pickle4", "pickle5"])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, kind: str, ending: str) -> None:
    trace = tmp_path / "trace"
    path = tmp_path / f"evil{ending}"
    make_evil(kind, path, Evil(trace))
    message = refused(small(), path)
    assert not trace.exists()
    assert "holds Python code" in message
    assert "refuses to run" in message
    assert "safetensors" in message
    if kind == "zip":
        assert "posix.system" in message  # the name of what it would have called


def test_code_behind_an_instruction_that_is_unknown(tmp_path: Path) -> None:
    inner = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, inner, pickle_protocol=4)
    assert read_saved(tmp_path, inner.getvalue()) is not None
    for protocol in (4, 5):
        path = tmp_path / f"own{protocol}.pt"
        trace = tmp_path / "trace"
        torch.save({"a": Evil(trace)}, path, pickle_protocol=protocol)
        assert "Python code" in refused(small(), path)
        assert not trace.exists()


def read_saved(folder: Path, content: bytes) -> str | None:
    """How PyTorch's newer pickle protocols fare: tensors or a clear refusal, never a crash."""
    path = folder / "protocol4.pt"
    path.write_bytes(content)
    try:
        return ",".join(read_weights(path))
    except ModelError as error:
        return str(error)


def test_the_same_file_would_run_by_a_careless_reader(tmp_path: Path) -> None:
    """Without this the tests above could pass with a harmless file."""
    trace = tmp_path / "trace"
    make_evil("pickle4", tmp_path / "evil.pt", Evil(trace))
    pickle.loads((tmp_path / "evil.pt").read_bytes())
    assert trace.exists()


def test_code_in_a_file_called_safetensors(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = tmp_path / "evil.safetensors"
    make_evil("pickle4", path, Evil(trace))
    assert "no safetensors file at all" in refused(small(), path)
    assert not trace.exists()


def test_whole_models_and_settings_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "model.pt")
    assert "torch.nn.modules.linear.Linear" in refused(small(), tmp_path / "model.pt")
    torch.save({"args": argparse.Namespace(lr=1)}, tmp_path / "settings.pt")
    assert "expected tensors by name" in refused(small(), tmp_path / "settings.pt")


@pytest.mark.parametrize("kept", [0, 4, 20, 0.5, -1])
def test_truncated_safetensors(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "cut.safetensors"
    save_weights(small(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    assert "damaged or incomplete" in refused(small(), path)


@pytest.mark.parametrize("kept", [0, 30, 0.5, -1])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_torch_files(tmp_path: Path, kept: float, zipped: bool) -> None:
    path = tmp_path / "cut.pt"
    torch.save(small().state_dict(), path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    assert "damaged or incomplete" in refused(small(), path)


@pytest.mark.parametrize(
    "content", [b"hello world", b"\x80\x04K\x01.", b"\x00" * 50, pickle.dumps([1, 2])]
)
def test_something_else_called_pt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    assert "not written by torch.save" in refused(small(), path)


def test_no_file_folder_and_other_endings(tmp_path: Path) -> None:
    assert "no such file" in refused(small(), tmp_path / "none.pt")
    assert "or an index of parts in the folder" in refused(small(), tmp_path)
    (tmp_path / "net.onnx").touch()
    assert ".safetensors or .pt" in refused(small(), tmp_path / "net.onnx")


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_file_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    path = tmp_path / f"locked{ending}"
    path.touch()

    def denied(*_args: object, **_kw: object) -> None:  # the superuser may open every file
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "Permission denied" in refused(small(), path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([1, 2], "got list"),
        ({"epoch": 3}, "found 'epoch'"),
        ({}, "found nothing"),
        ({"state_dict": {"lr": 1}}, "found 'lr'"),
    ],
)
def test_no_state_dict_inside(tmp_path: Path, content: object, word: str) -> None:
    torch.save(content, tmp_path / "odd.pt")
    assert word in refused(small(), tmp_path / "odd.pt")


def test_entries_that_are_no_tensors_are_passed_over(tmp_path: Path) -> None:
    state = OrderedDict(small(1).state_dict())
    state["version"] = "1.0"
    torch.save(state, tmp_path / "versioned.pt")
    load_weights(small(2), tmp_path / "versioned.pt")

"""Weights from and to disk: round trips, and files that must be refused."""

import argparse
import io
import os
import pickle
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from expunge.core import InputError, ModelError
from expunge.core.unlearn import model_digest
from expunge.models import build_net, load_weights, read_weights, save_weights


def small(seed: int = 0, num_classes: int = 3, width: int = 4) -> nn.Module:
    shape = (1, 8, 8)
    arguments = {"width": width}
    return build_net(
        "small", num_classes=num_classes, image_shape=shape, arguments=arguments, seed=seed
    ).model


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight


class Evil:
    """Its pickle creates a file when read carelessly."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


def refused(model: nn.Module, path: Path) -> str:
    """The message of the refusal; the model must be as before."""
    before = model_digest(model)
    with pytest.raises(ModelError) as caught:
        load_weights(model, path)
    assert model_digest(model) == before
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt"])
def test_round_trip(tmp_path: Path, ending: str) -> None:
    original, other = small(1), small(2)
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        save_weights(original, path)
    else:
        torch.save(original.state_dict(), path)
    load_weights(other, path)
    assert model_digest(other) == model_digest(original)


def test_saving_keeps_metadata_and_ordinary_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new" / "weights.safetensors"
    save_weights(small(), path, {"seed": 3, "net": "small"})
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "seed": "3", "net": "small"}
    probe = tmp_path / "probe"
    probe.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(probe.stat().st_mode)
    assert [one.name for one in path.parent.iterdir()] == ["weights.safetensors"]


def test_saving_channels_last_and_replacing(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(small(5), path)
    model = small(1).to(memory_format=torch.channels_last)
    save_weights(model, path)
    other = small(2)
    load_weights(other, path)
    assert torch.equal(other.conv2.weight, model.conv2.weight)
    into = small(3).to(memory_format=torch.channels_last)
    load_weights(into, path)
    assert into.conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_tied_tensors(tmp_path: Path) -> None:
    model, other = Tied(), Tied()
    path = tmp_path / "tied.safetensors"
    save_weights(model, path)
    assert set(read_weights(path)) == {"first.weight", "second.weight"}
    load_weights(other, path)
    assert torch.equal(other.first.weight, model.first.weight)
    assert other.second.weight is other.first.weight


def test_tied_tensors_that_were_saved_once(tmp_path: Path) -> None:
    model, other = Tied(), Tied()
    path = tmp_path / "tied.safetensors"
    safetensors.torch.save_model(model, path)
    assert len(read_weights(path)) == 1
    load_weights(other, path)
    assert torch.equal(other.second.weight, model.first.weight)


def test_tensor_without_elements(tmp_path: Path) -> None:
    model = nn.Module()
    model.register_buffer("one", torch.zeros(0))
    model.register_buffer("two", torch.zeros(0))
    path = tmp_path / "empty.safetensors"
    safetensors.torch.save_file({"one": torch.zeros(0)}, path)
    assert "1 missing: two" in refused(model, path)


def test_wrong_ending_and_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.safetensors, got .*weights\.pt"):
        save_weights(small(), tmp_path / "weights.pt")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        save_weights(small(), tmp_path / "file" / "weights.safetensors")


def test_a_failed_write_keeps_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(small(1), path)
    before = path.read_bytes()

    def full(self: Path, payload: bytes) -> int:
        with self.open("wb") as file:
            file.write(payload[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        save_weights(small(2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "net", "model_state_dict"])
def test_nested_state_dicts(tmp_path: Path, wrapper: str) -> None:
    model, other = small(1), small(2)
    path = tmp_path / "checkpoint.pt"
    torch.save({"epoch": 3, wrapper: model.state_dict(), "optimizer": {"lr": 0.1}}, path)
    load_weights(other, path)
    assert model_digest(other) == model_digest(model)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "module.module."])
def test_prefixes_of_wrappers(tmp_path: Path, prefix: str) -> None:
    model, other = small(1), small(2)
    path = tmp_path / "weights.pt"
    torch.save({prefix + name: value for name, value in model.state_dict().items()}, path)
    load_weights(other, path)
    assert model_digest(other) == model_digest(model)


def test_compiled_part_and_wrapped_target(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    names = {"0._orig_mod.weight": "0.weight", "0._orig_mod.bias": "0.bias"}
    state = {"1.weight": model[1].weight, "1.bias": model[1].bias}
    state |= {key: model.state_dict()[name] for key, name in names.items()}
    path = tmp_path / "weights.pt"
    torch.save(state, path)
    target = nn.DataParallel(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    load_weights(target, path)
    assert model_digest(target.module) == model_digest(model)


def test_names_that_differ_by_a_prefix_only_are_kept_apart(tmp_path: Path) -> None:
    model = nn.Module()
    model.register_buffer("x", torch.ones(1))
    model.module = nn.Module()
    model.module.register_buffer("x", torch.full((1,), 2.0))
    path = tmp_path / "both.safetensors"
    save_weights(model, path)
    model.x.zero_()
    model.module.x.zero_()
    load_weights(model, path)
    assert (model.x.item(), model.module.x.item()) == (1, 2)


def test_counters_may_be_missing(tmp_path: Path) -> None:
    model, other = small(1), small(2)
    state = {k: v for k, v in model.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "old.th")
    load_weights(other, tmp_path / "old.th")
    assert torch.equal(other.head.weight, model.head.weight)


def test_other_types_are_converted(tmp_path: Path) -> None:
    model, other = small(1), small(2)
    state = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "half.safetensors")
    load_weights(other, tmp_path / "half.safetensors")
    assert other.head.weight.dtype == torch.float32
    assert torch.equal(other.head.weight, model.head.weight.half().float())


def test_eight_bit_floats(tmp_path: Path) -> None:
    model = nn.Module()
    model.register_buffer("x", torch.zeros(2, dtype=torch.float8_e4m3fn))
    path = tmp_path / "eight.safetensors"
    safetensors.torch.save_file({"x": torch.tensor([1.0, 2.0])}, path)
    load_weights(model, path)
    assert model.x.float().tolist() == [1, 2]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e39])
def test_values_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    state = small(1).state_dict()
    state["hidden.bias"] = state["hidden.bias"].double()  # 1e39 overflows only the net's type
    state["hidden.bias"][1] = bad
    torch.save(state, tmp_path / "diverged.pt")
    message = refused(small(2), tmp_path / "diverged.pt")
    assert "'hidden.bias'" in message
    assert "NaN or infinite" in message


def test_missing_and_unexpected_names(tmp_path: Path) -> None:
    state = small(1).state_dict()
    state["extra.weight"] = state.pop("head.weight")
    torch.save(state, tmp_path / "renamed.pt")
    message = refused(small(2), tmp_path / "renamed.pt")
    assert "1 missing: head.weight;" in message
    assert "1 unexpected: extra.weight" in message
    assert "model.name" in message


def test_other_kind_of_net_lists_a_few_names_only(tmp_path: Path) -> None:
    net = build_net("resnet20", num_classes=3, image_shape=(1, 8, 8)).model
    save_weights(net, tmp_path / "resnet.safetensors")
    message = refused(small(), tmp_path / "resnet.safetensors")
    # 97 tensors and 19 counters, of which only the name conv1.weight is common.
    assert "115 unexpected: bn1." in message
    assert "and 111 more" in message
    assert "another kind of net" in message
    assert len(message) < 700


def test_other_number_of_classes(tmp_path: Path) -> None:
    save_weights(small(1, num_classes=5), tmp_path / "five.safetensors")
    message = refused(small(2), tmp_path / "five.safetensors")
    assert "head.weight (file (5, 8), net (3, 8))" in message
    assert "number of classes" in message


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
    assert "argparse.Namespace" in refused(small(), tmp_path / "settings.pt")


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
    assert "it is a folder" in refused(small(), tmp_path)
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

"""Weights from and to disk: round trips, and weights that do not fit the net."""

import stat
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn
from weight_helpers import refused, small

from expunge.core import InputError
from expunge.core.unlearn import model_digest
from expunge.models import build_network, load_weights, read_weights, save_weights


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight


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
        facts = file.metadata()
    assert len(facts.pop("expunge.sha256")) == 64
    assert facts == {"format": "pt", "seed": "3", "net": "small"}
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
    net = build_network("resnet20", num_classes=3, image_shape=(1, 8, 8)).model
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

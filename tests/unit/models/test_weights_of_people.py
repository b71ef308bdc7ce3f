"""Weight files as training scripts and libraries leave them."""

import argparse
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from weight_helpers import refused, small

from expunge.core import ModelError
from expunge.core.unlearn import model_digest
from expunge.models import load_weights


def state(seed: int = 1) -> dict[str, Tensor]:
    return dict(small(seed).state_dict())


def loads(path: Path) -> bool:
    model = small(2)
    load_weights(model, path)
    return model_digest(model) == model_digest(small(1))


@pytest.mark.parametrize("name", ["0model_SA_best.pth.tar", "net.pt.tar", "NET.PTH"])
def test_files_of_the_authors_of_scissorhands(tmp_path: Path, name: str) -> None:
    content = {
        "state_dict": state(), "epoch": 182, "best_sa": np.float64(91.2), "lr": np.float32(0.1),
        "history": np.arange(3), "args": argparse.Namespace(arch="resnet18", data=Path("/data")),
        "result": {"test_ta": [np.int64(3)], "flag": np.bool_(True)},
    }  # fmt: skip
    torch.save(content, tmp_path / name)
    assert loads(tmp_path / name)


def test_names_of_older_numpy_are_known(tmp_path: Path) -> None:
    torch.save({"state_dict": state(), "acc": np.float64(1.0)}, tmp_path / "new.pt")
    raw = (tmp_path / "new.pt").read_bytes()
    assert b"numpy._core.multiarray" in raw or b"numpy.core.multiarray" in raw
    torch.save(
        {"state_dict": state(), "acc": np.float64(1.0)},
        tmp_path / "legacy.pt",
        _use_new_zipfile_serialization=False,
    )
    old = (tmp_path / "legacy.pt").read_bytes()
    old = old.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "legacy.pt").write_bytes(old)
    assert loads(tmp_path / "legacy.pt")


@pytest.mark.parametrize("prefix", ["model.", "net.", "backbone.encoder.", "module.model."])
def test_the_prefix_of_a_wrapper_is_stripped(tmp_path: Path, prefix: str) -> None:
    content = {f"{prefix}{name}": value for name, value in state().items()}
    torch.save({"state_dict": content, "epoch": 3}, tmp_path / "last.ckpt")
    assert loads(tmp_path / "last.ckpt")


def test_a_prefix_stays_where_the_rest_is_another_net(tmp_path: Path) -> None:
    content = {f"model.{name}": value for name, value in state().items()}
    torch.save(content | {"model.extra": torch.zeros(2)}, tmp_path / "more.pt")
    assert "1 unexpected: extra" in refused(small(), tmp_path / "more.pt")
    torch.save(content | {"other.weight": torch.zeros(2)}, tmp_path / "two.pt")
    assert "missing" in refused(small(), tmp_path / "two.pt")


def test_folders_of_hugging_face(tmp_path: Path) -> None:
    tensors = state()
    whole, binary, parts = tmp_path / "whole", tmp_path / "binary", tmp_path / "parts"
    for folder in (whole, binary, parts):
        folder.mkdir()
    safetensors.torch.save_file(tensors, whole / "model.safetensors")
    torch.save(tensors, binary / "pytorch_model.bin")
    names = sorted(tensors)
    files = {name: f"model-0000{1 + place % 2}-of-00002.safetensors"
             for place, name in enumerate(names)}  # fmt: skip
    for file in set(files.values()):
        part = {name: tensors[name] for name in names if files[name] == file}
        safetensors.torch.save_file(part, parts / file)
    (parts / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    for folder in (whole, binary, parts):
        assert loads(folder)
    (parts / "model-00002-of-00002.safetensors").unlink()
    message = "index.json lists model-00002-of-00002.safetensors, which is not in"
    assert message in refused(small(), parts)


def test_an_index_reaches_no_other_folder(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    safetensors.torch.save_file(state(), tmp_path / "other.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"conv1.weight": "../other.safetensors"}}))
    assert "which is not in" in refused(small(), folder)
    for text in ("[]", "{}", "[" * 100_000, '{"weight_map": {"a": 3}}'):
        index.write_text(text)
        assert "is no index of weight files" in refused(small(), folder)


def looped() -> dict[str, Any]:
    content: dict[str, Any] = {}
    content["model"] = content
    return content


def changed(change: Any) -> dict[str, Any]:
    tensors = state()
    return tensors | {"conv1.weight": change(tensors["conv1.weight"])}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (looped, "contains itself"),
        (
            partial(changed, lambda w: w.to(torch.int8)),
            "holds int8, but the net computes with float32",
        ),
        (partial(changed, lambda w: w > 0), "holds bool"),
        (partial(changed, lambda w: w.to(torch.complex64)), "holds complex64"),
        (partial(changed, lambda w: w.to_sparse()), "holds sparse values"),
        (partial(changed, lambda w: w.to("meta")), "holds no values (meta)"),
        (
            partial(changed, lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8)),
            "quantised",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*quantize")
def test_numbers_of_another_kind_are_refused(
    tmp_path: Path, make: Callable[[], Any], message: str
) -> None:
    torch.save(make(), tmp_path / "net.pt")
    assert re.search(re.escape(message), refused(small(), tmp_path / "net.pt"))


def test_half_precision_is_converted(tmp_path: Path) -> None:
    torch.save({name: value.half() if value.is_floating_point() else value
                for name, value in state().items()}, tmp_path / "half.pt")  # fmt: skip
    model = small()
    load_weights(model, tmp_path / "half.pt")
    assert torch.allclose(model.conv1.weight, small(1).conv1.weight, atol=1e-3)


@pytest.mark.filterwarnings("ignore")  # PyTorch says that TorchScript is old
def test_torchscript_is_called_so(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "program.pt")
    assert "is a TorchScript program" in refused(small(), tmp_path / "program.pt")


def test_a_path_that_no_system_has(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the weights .*: File name too long"):
        load_weights(small(), tmp_path / ("x" * 5000 + ".pt"))

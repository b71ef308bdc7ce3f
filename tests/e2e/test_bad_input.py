"""Bad input: exit code 2, a message that names the thing, and nothing left behind."""

import errno
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from expunge.models import build_network, save_weights

MODULE = """
import torch
from torch.utils.data import TensorDataset

def net(num_classes=10):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, num_classes))

def large(num_classes=10):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, num_classes))

def seven(num_classes=10):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 7))

def data(bad=None, label=1):
    images = 4 * torch.randn(60, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(60) % 2
    labels[37] = label
    if bad is not None:
        images[41, 0, 0, 0] = float(bad)
    test = TensorDataset(images[:10].nan_to_num(0.0), torch.arange(10) % 2)
    return {"train": TensorDataset(images, labels), "test": test}
"""


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def tree(folder: Path) -> set[str]:
    return {
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if "__pycache__" not in p.parts
    }


@pytest.fixture
def refused(config, expunge, tmp_path):
    """Asserts that the run is refused with these texts, and that it left no trace."""

    def check(*changes: str, says: list[str] | str, out: str = "deep/out") -> str:
        before = tree(tmp_path)
        words = [word for change in changes for word in ("--set", change)]
        result = expunge("unlearn", config, "--out", out, *words)
        assert result.code == 2, result.err
        for text in [says] if isinstance(says, str) else says:
            assert text in result.err
        assert "Traceback" not in result.err
        assert result.out == ""
        assert tree(tmp_path) == before
        return result.err

    return check


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module of the user's in the working directory."""
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield "mine"
    sys.modules.pop("mine", None)


def test_unknown_keys(refused) -> None:
    refused(
        "method.epoch=3",
        "data.sorce=x",
        says=["2 problems", "did you mean 'epochs'?", "data.sorce"],
    )


def test_a_config_that_is_not_there(expunge, config, tmp_path) -> None:
    result = expunge("unlearn", "none.toml")
    assert (result.code, tree(tmp_path)) == (2, {"tiny.toml"})
    assert "cannot read the config none.toml" in result.err


@pytest.mark.parametrize(
    ("forget", "says"),
    [
        ("{kind='ids', ids=[]}", "data.forget.ids: expected at least 1"),
        ("{kind='random', count=0}", "data.forget.count: expected greater than or equal to 1"),
        ("{kind='random', fraction=0.0001}", "empty"),
        ("{kind='random', fraction=1.0}", "that is the whole training set"),
        ("{kind='classes', classes=[0,1,2,3,4,5,6,7,8,9]}", "whole training set"),
        ("{kind='ids', ids=['train/99999']}", "train/99999"),
        ("{kind='ids', ids=[1, 1]}", "train/1"),
        ("{kind='classes', classes=[11]}", "11"),
        ("{kind='classes', classes=['zebra']}", "zebra"),
        ("{kind='groups', column='person', values=['x']}", "person"),
    ],
)  # fmt: skip
def test_forget_sets(forget, says, refused) -> None:
    refused(f"data.forget={forget}", "data.limit=200", says=says)


def test_an_id_of_the_test_set(refused, config) -> None:
    from expunge.config import load_config
    from expunge.runs import prepare

    name = prepare(load_config(config)).data.test.ids[0]
    refused(f"data.forget={{kind='ids', ids=['{name}']}}", says=[name, "test"])


@pytest.mark.parametrize("share", ["0", "1", "1.5", "-0.1"])
def test_the_share_that_is_trimmed(share, refused) -> None:
    refused(
        f"method={{name='scissorhands', trim={share}}}", says="method.trim: expected trim to be"
    )


def test_a_batch_larger_than_the_set(refused) -> None:
    refused("method.batch_size=5000", says=["method.batch_size", "5000", "retain set"])
    ascent = "method={name='gradient-ascent', batch_size=100}"
    refused(ascent, says=["method.batch_size", "100", "forget set"])


def test_logits_that_do_not_fit_the_classes(refused, own_module) -> None:
    net = ("model.name='mine:seven'", "model.arguments={}")
    refused(*net, says=["7", "10 classes"])


def test_weights_of_another_number_of_classes(refused, tmp_path) -> None:
    net = build_network("small", num_classes=7, image_shape=(1, 8, 8), arguments={"width": 4})
    save_weights(net.model, tmp_path / "w.safetensors")
    refused("model.weights=w.safetensors", says=["head.weight", "(7, 8)", "(10, 8)"])


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_images_that_are_not_finite(value, refused, own_module) -> None:
    source = ("data={source='mine:data', forget={kind='random', count=3}}",)
    arguments = f"data.arguments={{bad='{value}'}}"
    refused(*source, arguments, "model={name='mine:net'}", says=["'train/41'", "NaN or infinite"])


def test_labels_out_of_range(refused, own_module) -> None:
    data = "data={source='mine:data', forget={kind='random', count=3}, arguments={label=-1}}"
    refused(data, "model={name='mine:net'}", says=["label", "37", "-1"])


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_weights_that_are_not_finite(value, refused, tmp_path) -> None:
    net = build_network("small", num_classes=10, image_shape=(1, 8, 8), arguments={"width": 4})
    with torch.no_grad():
        net.model.head.bias[3] = float(value)
    save_weights(net.model, tmp_path / "w.safetensors")
    refused("model.weights=w.safetensors", says=["head.bias", "NaN or infinite"])


def test_a_pickle_with_code_is_not_run(refused, tmp_path) -> None:
    for name in ("w.pt", "w.pth", "w.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps({"head.bias": Bomb(tmp_path / "exploded")}))
        refused(f"model.weights={name}", says=name)
        assert not (tmp_path / "exploded").exists()
    torch.save({"state_dict": Bomb(tmp_path / "exploded")}, tmp_path / "w.pt")
    refused("model.weights=w.pt", says="w.pt")
    assert not (tmp_path / "exploded").exists()


def test_weights_that_are_cut_short(refused, tmp_path) -> None:
    net = build_network("small", num_classes=10, image_shape=(1, 8, 8), arguments={"width": 4})
    save_weights(net.model, tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        (tmp_path / "w.safetensors").write_bytes(whole[:size])
        refused("model.weights=w.safetensors", says="w.safetensors")


def photos(folder: Path, size: int = 8) -> None:
    for name in ("cat", "dog"):
        for number in range(12):
            path = folder / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (size, size), (number, 20 * number, 7)).save(path)


IMAGES = ("data={source='imagefolder', path='photos', forget={kind='random', count=2}}",)
NET = "model.arguments={}"


def test_a_corrupt_image_is_named(refused, tmp_path) -> None:
    photos(tmp_path / "photos")
    damaged = tmp_path / "photos" / "dog" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    refused(*IMAGES, NET, says=["dog/3.png", "cannot be read"])


def test_images_of_another_size_are_named(refused, tmp_path) -> None:
    photos(tmp_path / "photos")
    Image.new("RGB", (9, 8)).save(tmp_path / "photos" / "dog" / "3.png")
    refused(*IMAGES, NET, says=["dog/3.png", "image_size"])


def test_images_that_the_net_cannot_read(refused, own_module) -> None:
    net = "model={name='mine:large'}"
    refused(net, says=["shape (1, 8, 8)", "set data.image_size = 32"])


def test_data_that_are_not_there_and_no_network(refused, monkeypatch) -> None:
    monkeypatch.delenv("EXPUNGE_DATA", raising=False)
    source = "data={source='cifar10', forget={kind='random', fraction=0.1}}"
    refused(source, says=["cifar10", "EXPUNGE_DATA"])


def test_an_output_folder_below_a_file(refused, tmp_path) -> None:
    (tmp_path / "file").touch()
    refused(out="file/out", says=["file/out", "is not a folder"])


def test_an_output_folder_that_is_read_only(refused, monkeypatch) -> None:
    import tempfile

    def refuse(**kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    refused(says=["deep/out", "Read-only file system"])


def test_a_disk_that_is_too_small(refused, monkeypatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    refused(says=["deep/out", "0 MB are free"])


def test_a_disk_that_fills_up_during_the_run(refused, monkeypatch) -> None:
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused(says=["deep/out", "No space left on device"])


def test_records_that_are_none(expunge, config, tmp_path) -> None:
    (tmp_path / "record.json").write_text("{}")
    result = expunge("report", "record.json")
    assert result.code == 2
    assert "is not a record" in result.err
    assert expunge("report", "no.json").code == 2
    assert tree(tmp_path) == {"record.json", "tiny.toml"}


def test_check_refuses_what_unlearn_refuses(expunge, config, tmp_path) -> None:
    (tmp_path / "file").touch()
    assert expunge("check", config, "--out", "file/out").code == 2
    assert expunge("check", config, "--set", "method.batch_size=5000").code == 2
    assert expunge("evaluate", config, "none.safetensors").code == 2
    assert tree(tmp_path) == {"file", "tiny.toml"}


def test_names_that_are_too_long_are_refused(config, expunge) -> None:
    start = ("init", "a" * 300 + ".toml", "-m", "small", "-d", ".", "-f", "f.txt")
    for words in (("unlearn", config, "--out", "a" * 300), ("unlearn", config, "--out", ""), start):
        found = expunge(*words)
        assert found.code == 2, found.err
        assert "unexpected" not in found.err
    assert "empty" in expunge("unlearn", config, "--out", "").err


def test_a_page_is_written_over_nothing_else(config, expunge, tmp_path) -> None:
    assert expunge("unlearn", config, "--out", "out").code == 0
    before = (tmp_path / "out" / "record.json").read_bytes()
    found = expunge("report", "out/record.json", "--out", "out/record.json")
    assert found.code == 2
    assert "expected the name of a page to end in .html" in found.err
    found = expunge("explain", config, "--folder", "out", "--out", "out/model.safetensors")
    assert found.code == 2
    assert (tmp_path / "out" / "record.json").read_bytes() == before
    assert expunge("verify", "out").code == 0


def test_seeds_are_checked_before_anything_runs(config, expunge, tmp_path) -> None:
    for words in (("--seeds", str(10**23)), ("--set", f"seed={2**63}"),
                  ("--set", f"data.forget.seed={2**63}")):  # fmt: skip
        found = expunge("unlearn", config, "--out", "out", *words)
        assert found.code == 2, found.err
        assert not (tmp_path / "out").exists()

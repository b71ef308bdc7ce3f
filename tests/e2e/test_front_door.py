"""From a folder of JPEGs, a net of one's own and a CSV of record ids to a verified result."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from expunge import Record
from expunge.config import load_config

NET = """\
import torch
from torch import nn

def build(num_classes, width=8):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, num_classes),
    )
"""


@pytest.fixture
def engineer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an engineer has: photographs by class, a checkpoint of their own loop, a list."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynet.py").write_text(NET)
    pixels = np.random.default_rng(0)
    for number in range(140):
        part = "test" if number >= 120 else "train"
        word = ("automobile", "cat")[number % 2]
        folder = tmp_path / "photos" / part / word
        folder.mkdir(parents=True, exist_ok=True)
        image = pixels.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        image[:, :, number % 2] //= 2
        Image.fromarray(image).save(folder / f"REC-{100500 + number}.jpg", quality=95)
    space: dict = {}
    exec(NET, space)
    torch.manual_seed(0)
    net = space["build"](2)
    checkpoint = {"epoch": 3, "best_acc": np.float64(91.2), "state_dict": net.state_dict()}
    torch.save(checkpoint, tmp_path / "0model_SA_best.pth.tar")
    lines = "".join(f"REC-{100500 + number};2026-11-0{1 + number % 9}\n" for number in range(37))
    (tmp_path / "requests.csv").write_text(f"record;asked\n{lines}")
    return tmp_path


WORDS = ("-m", "mynet:build", "-w", "0model_SA_best.pth.tar", "-d", "photos", "-f", "requests.csv")
FAST = ("--set", "method={name='fine-tune', epochs=1, batch_size=16, lr=0.01}",
        "--set", "evaluation.relearn=false")  # fmt: skip


def test_without_any_config(engineer, expunge) -> None:
    found = expunge("check", *WORDS)
    assert found.code == 0, found.err
    assert "Checking the request …" in found.err
    assert "Asked for by name: 37, of which 37 found." in found.out
    assert re.search(r"accuracy on retain [\d.]+ %, test [\d.]+ %: is this what you exp", found.out)
    assert "forget 37, retain 83, validation 10, test 10" in found.out
    found = expunge("unlearn", *WORDS, *FAST, "--out", "done")
    assert found.code == 0, found.err
    record = Record.load(engineer / "done" / "record.json")
    assert (record.request.asked, record.request.found) == (37, 37)
    assert "REC-100500" not in (engineer / "done" / "record.json").read_text()
    assert expunge("verify", "done").code == 0
    assert expunge("purge", "done").code == 0


def test_init_writes_a_config_that_means_the_same(engineer, expunge) -> None:
    assert expunge("init", "pets.toml", *WORDS).code == 0
    text = (engineer / "pets.toml").read_text()
    assert text.startswith("# What to forget, from which model. Try: expunge check pets.toml")
    config = load_config(engineer / "pets.toml")
    assert config.model_dump(exclude_unset=True)["data"] == {
        "source": "imagefolder", "path": "photos",
        "forget": {"kind": "ids", "file": "requests.csv"},
    }  # fmt: skip
    assert config.reference.retrain == 0
    assert expunge("check", "pets.toml").code == 0
    found = expunge("init", "pets.toml", *WORDS)
    assert (found.code, "is there already" in found.err) == (2, True)


def test_init_for_a_model_that_is_trained_here(engineer, expunge) -> None:
    words = ("-m", "fast", "-d", "digits", "-f", "requests.csv", "--users", "who")
    assert expunge("init", "own.toml", *words).code == 0
    config = load_config(engineer / "own.toml")
    assert config.data.forget.kind == "groups"
    assert (config.training is not None, config.reference.retrain) == (True, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-m", "fast"), "add --data, --forget"),
        (("pets.toml", *WORDS), "expected either a CONFIG or --model"),
        ((*WORDS[:5], "nowhere", *WORDS[6:]), "expected --data to be a folder, one of"),
        ((*WORDS[:7], "nowhere.csv"), "lists what to forget, got 'nowhere.csv'"),
    ],
)
def test_what_is_missing_is_named(engineer, expunge, words, message) -> None:
    found = expunge("check", *words)
    assert found.code == 2
    assert message in found.err


def test_tables_are_found_in_a_folder(engineer, expunge) -> None:
    from expunge.config.starter import starter_table

    (engineer / "tables").mkdir()
    (engineer / "tables" / "train.parquet").touch()
    table = starter_table(data="tables", forget="requests.csv", model="fast")
    assert table["data"]["source"] == "hf:./tables"


def test_a_run_is_followed_by_a_tracker_and_its_folder_stays_verified(config, expunge) -> None:
    pytest.importorskip("tensorboard")
    found = expunge("unlearn", config, "-o", "out", "--track", "tensorboard")
    assert found.code == 0, found.err
    assert list(Path("out/tensorboard").glob("events.*"))
    assert expunge("verify", "out").code == 0
    assert Path("out/README.md").read_text().startswith("---\nlibrary_name")


def test_trackers_that_cannot_follow_are_refused_before_anything_runs(config, expunge) -> None:
    found = expunge("unlearn", config, "-o", "out", "--track", "comet")
    assert found.code == 2
    assert "one of mlflow, tensorboard, trackio, wandb, got 'comet'" in found.err
    found = expunge("unlearn", config, "-o", "out", "--track", "wandb", "--seeds", "0,1")
    assert found.code == 2
    assert "--track follows one run, but --seeds asks for 2" in found.err
    assert not Path("out").exists()

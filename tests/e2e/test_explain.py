"""``expunge explain`` on a run of a fraction of a second."""

import shutil
from pathlib import Path

import pytest
import torch
from tests.unit.report.test_report_html import Page

from expunge.runs.explanation import choose


@pytest.fixture
def finished(config, expunge) -> Path:
    """A run with all three models in runs/tiny."""
    result = expunge("unlearn", config, "--set", "reference.retrain=1")
    assert result.code == 0, result.err
    return Path("runs/tiny")


def test_a_page_of_all_models(config, expunge, finished) -> None:
    result = expunge("explain", config, "--images", "2", "--json")
    assert result.code == 0, result.err
    found = result.json()
    assert found["schema"] == "expunge.explain/1"
    assert found["page"] == "runs/tiny/gradcam.html"
    assert found["layer"] == "norm2"
    assert found["models"] == ["original", "unlearned", "retrained"]
    assert found["notes"] == []
    assert [one["group"] for one in found["images"]] == ["forget"] * 2 + ["retain"] * 2
    assert len({one["id"] for one in found["images"]}) == 4
    for one in found["images"]:
        for values in one["models"].values():
            assert 0 <= values["probability_of_label"] <= values["probability"] <= 1
    page = Page((finished / "gradcam.html").read_text())
    assert sum(tag == "img" for tag, _ in page.tags) == 4 * 4
    again = expunge("explain", config, "--images", "2", "-o", "b.html", "--layer", "norm2")
    assert again.out == "Layer: norm2\nPage:  b.html\n"
    assert Path("b.html").read_text() == (finished / "gradcam.html").read_text()

    # What does not fit is said, or refused.
    shutil.copytree(finished, "part")
    for name in ("original", "retrained-1"):
        Path(f"part/{name}.safetensors").unlink()
    result = expunge("explain", config, "--folder", "part", "--images", "1")
    assert result.code == 0, result.err
    assert "Note: There is no original model here" in result.out
    assert "set [reference] retrain = 1" in result.out
    page = Page(Path("part/gradcam.html").read_text())
    assert "There is no retrained model here" in page.text
    assert [a["class"] for tag, a in page.tags if tag == "th"] == ["image", "unlearned"] * 2

    words = ("--set", "training.epochs=3", "--images", "1")
    notes = expunge("explain", config, *words, "--json").json()["notes"]
    assert [note.split()[0] for note in notes] == [
        "original.safetensors",
        "retrained-1.safetensors",
    ]
    other = expunge("explain", config, "--set", "data.forget.seed=7")
    assert other.code == 2
    assert "forgot other samples than the config names" in other.err
    for words, message in (
        (("--images", "0"), "expected images between 1 and 10, got 0"),
        (("--images", "11"), "got 11"),
        (("--layer", "norm3"), "did you mean 'norm2'?"),
        (("--folder", "none"), "run first: expunge unlearn CONFIG --out none"),
    ):
        wrong = expunge("explain", config, *words)
        assert wrong.code == 2
        assert message in wrong.err


def test_seeds_share_the_nets_above_them(config, expunge) -> None:
    forget = ("--set", "data.forget={kind='classes', classes=[3]}", "--set", "method.lr=0.001")
    words = (*forget, "--set", "reference.retrain=1")
    done = expunge("unlearn", config, "--out", "several", "--seeds", "0", *words)
    assert done.code == 0, done.err
    where = ("--folder", "several/seed-0", "--images", "1", "--json")
    found = expunge("explain", config, *where, *words).json()
    assert found["models"] == ["original", "unlearned", "retrained"]
    assert found["notes"] == []
    assert found["images"][0]["label"] == "3"


def test_given_weights_are_the_original(config, expunge, finished) -> None:
    words = ("--set", "model.weights=runs/tiny/original.safetensors")
    Path("other").mkdir()
    shutil.copy(finished / "model.safetensors", "other/model.safetensors")
    found = expunge("explain", config, "--folder", "other", "--images", "1", "--json", *words)
    assert found.json()["models"] == ["original", "unlearned"]


def test_data_that_cannot_draw_itself(expunge, config, tmp_path, monkeypatch) -> None:
    Path("plain_digits.py").write_text(
        "import torch\n"
        "from torch.utils.data import TensorDataset\n"
        "def make():\n"
        "    images = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))\n"
        "    data = TensorDataset(images, torch.arange(60) % 3)\n"
        "    return data, TensorDataset(1 - images, torch.arange(60) % 3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    words = ("--set", "data.source=plain_digits:make", "--set", "data.limit=60")
    words += ("--set", "method={name='fine-tune', epochs=1, batch_size=8}")
    assert (done := expunge("unlearn", config, *words)).code == 0, done.err
    done = expunge("explain", config, "--images", "1", "--json", *words)
    assert done.code == 0, done.err
    assert len(done.json()["images"]) == 2


def test_images_come_from_as_many_classes_as_possible() -> None:
    labels = torch.tensor([0] * 50 + [1] * 5 + [2])
    assert labels[choose(labels, 3, 0)].tolist() == [0, 1, 2]
    six = choose(labels, 6, 0)
    assert labels[six].tolist() == [0, 0, 0, 1, 1, 2] or labels[six].tolist() == [0, 0, 1, 1, 1, 2]
    assert six == choose(labels, 6, 0)
    assert six != choose(labels, 6, 1)
    assert len(choose(labels[:2], 6, 0)) == 2

"""Every kind of setting on a GPU, through the commands: EXPUNGE_TEST_GPU=1 pytest tests/real."""

from pathlib import Path

import pytest
import torch
from tests.unit.tasks.pipelines import PIPELINES, draw

from expunge import Bench, erase, load_erase, load_pipeline
from expunge.cli import main
from expunge.core import Record

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="no GPU, or EXPUNGE_TEST_GPU is not set"
    ),
]
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
GENERATOR = """
title = "Digits"
kind = "generator"
scene = "digits"
device = "cuda"
seeds = [0]
words = ["seven"]
drawing = { images = 2, steps = 2, guidance = 1.5 }
probes = { completion = [0.3], relearn = [0, 2] }

[[method]]
label = "Scissorhands"
name = "scissorhands"
epochs = 2

[[method]]
label = "ESD-x"
name = "esd-x"
steps = 4
"""


def used(run: object) -> int:
    """Bytes of GPU memory at the peak of a call, beyond those before it."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()  # type: ignore[operator]
    return torch.cuda.max_memory_allocated() - before


def test_a_bench_of_generators(tmp_path: Path) -> None:
    (tmp_path / "digits.toml").write_text(GENERATOR)
    words = ["bench", str(tmp_path / "digits.toml"), "--out", str(tmp_path / "out")]
    words += ["--store", str(tmp_path / "store")]
    codes: list[int] = []
    # The denoiser has 1.4 million parameters: with gradients and momentum at least 16 MB.
    assert used(lambda: codes.append(main(words))) > 16e6
    assert codes == [0]
    results = Bench.load(tmp_path / "out" / "bench.json").results
    assert [one.kind for one in results] == ["original", "retrained", "unlearned", "unlearned"]
    assert [one.error for one in results] == [None] * 4


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("language-toy", ["reference.retrain=1"]),
        (
            "cifar10-class",
            ["data.source='digits'", "training.recipe='quick'", "model.name='small'"],
        ),
    ],
)
def test_a_run(name: str, changes: list[str], tmp_path: Path) -> None:
    words = ["unlearn", str(CONFIGS / f"{name}.toml"), "--out", str(tmp_path / "run")]
    for change in ["device='cuda'", *changes]:
        words += ["--set", change]
    codes: list[int] = []
    assert used(lambda: codes.append(main(words))) > 1e6
    assert codes == [0]
    record = Record.load(tmp_path / "run" / "record.json")
    assert record.avg_gap is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["sd1", "sd3", "flux"])
def test_a_concept_is_erased(name: str, tmp_path: Path) -> None:
    PIPELINES[name]().save_pretrained(tmp_path / "model")
    asked = load_erase(
        changes={
            "model": str(tmp_path / "model"),
            "forget": {"church": ["a photo of a church"]},
            "keep": {"dog": ["a dog"], "golf ball": ["a golf ball"]},
            "images": {"per_concept": 4, "steps": 2},
            "drawing": {"images": 1, "steps": 2},
            "side": 16,
            "device": "cuda",
            "method": {"name": "scissorhands", "lr": 1e-4, "epochs": 1, "batch_size": 4},
        }
    )
    assert used(lambda: erase(asked, tmp_path / "out")) > 1e4
    assert not torch.equal(
        draw(load_pipeline(tmp_path / "model")), draw(load_pipeline(tmp_path / "out" / "pipeline"))
    )

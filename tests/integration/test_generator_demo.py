"""The demonstration in words, with trainings cut to a few steps: files, resume, refusals."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers")

from expunge import PixelPipeline, Record, text_to_image_demo
from expunge.config.generator import GenerationConfig
from expunge.core import InputError
from expunge.runs import demonstration
from expunge.training import RECIPES


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "denoiser", replace(RECIPES["denoiser"], epochs=0.2))
    monkeypatch.setitem(RECIPES, "quick", replace(RECIPES["quick"], epochs=0.5))
    quick = GenerationConfig(images=3, steps=2, guidance=1.5, batch_size=300)
    monkeypatch.setattr(demonstration, "IMAGES", quick)
    monkeypatch.setattr(demonstration, "METHOD", demonstration.METHOD | {"epochs": 0.2})


@pytest.mark.usefixtures("quick")
def test_it_leaves_a_record_a_report_and_a_pipeline(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    out = tmp_path / "demo"
    record = text_to_image_demo(out, word="seven", on_log=rows.append)
    assert Record.load(out / "record.json") == record
    assert record.request.spec == {"kind": "classes", "classes": ["seven"]}
    assert record.data.sizes == {"forget": 125, "retain": 1133}  # of 1,258 for training
    assert set(record.scores) == {"original", "unlearned", "retrained", "retrained_again"}
    assert record.generated[0].prompt == "a handwritten seven"
    assert record.scores["unlearned"]["fid"] is not None
    assert "Generated images, before and after" in (out / "report.html").read_text(encoding="utf-8")
    names = {"record.json", "report.html", "manifest.json", "salt", "pipeline"}
    nets = {f"{name}.safetensors" for name in ("original", "retrained-1", "retrained-2", "judge")}
    assert {path.name for path in out.iterdir()} == names | nets
    pipeline = PixelPipeline.from_pretrained(out / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline(["seven"], num_inference_steps=1).images.shape == (1, 8, 8, 1)
    doing = {row.get("doing") for row in rows}
    assert {"train original", "train retrained-2", "scissorhands", "evaluate"} <= doing

    rows.clear()
    again = text_to_image_demo(out, word="seven", resume=True, on_log=rows.append)
    assert not any("train" in str(row.get("doing")) for row in rows)
    assert again.model.sha256_after == record.model.sha256_after
    assert again.generated == record.generated


def test_an_unknown_word_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected word to be one of zero, one,.* got 'ten'"):
        text_to_image_demo(tmp_path / "demo", word="ten")
    assert not (tmp_path / "demo").exists()

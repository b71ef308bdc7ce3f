"""A bench of generators on the digits, with trainings cut short: results, and going on."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("diffusers")

import torch

from expunge import Bench, LatentSet, forecast_bench
from expunge.bench import Result, load_bench, run_bench
from expunge.bench.grid import Job
from expunge.bench.worker import Worker
from expunge.cli import main
from expunge.data.images.image_set import ImageSet
from expunge.models.diffusion import tiny_digits
from expunge.runs.forecasts import generator
from expunge.runs.forecasts.drawing import DrawingTime
from expunge.runs.forecasts.generator import TrialCodec, TrialScene
from expunge.runs.prepare import setting_of
from expunge.runs.settings import scenes
from expunge.runs.settings.scene import denoiser_name
from expunge.training import RECIPES

CONFIG = """
title = "Digits"
kind = "generator"
scene = "digits"
seeds = [0]
words = ["seven"]
quality = [1.0]
drawing = { images = 2, steps = 2, guidance = 1.5 }
probes = { completion = [0.3], relearn = [0, 2] }

[[method]]
label = "Scissorhands"
name = "scissorhands"
lr = 1e-4
epochs = 0.2

[[method]]
label = "diverges"
name = "fine-tune"
lr = 1e6
epochs = 0.2
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "denoiser", replace(RECIPES["denoiser"], epochs=0.2))
    scene = scenes.digits_scene()
    short = replace(scene.judge, recipe=replace(scene.judge.recipe, epochs=0.5))
    monkeypatch.setattr(scenes, "digits_scene", lambda: replace(scene, judge=short))


def check_probes(found: Bench) -> None:
    original, _, retrained, done, _ = found.results
    assert [(one.probe, one.strength) for one in done.record.generation_probes] == [
        ("completion", 0.3)
    ]
    assert set(done.record.generation_probes[0].recognised) == {"unlearned"}
    assert done.record.relearn is not None
    assert done.record.relearn.steps == [0, 2]
    assert done.relearn_curve[0] == done.scores["forget_accuracy"]
    assert retrained.record.relearn is not None
    assert original.record.relearn is None


@pytest.mark.usefixtures("quick")
def test_it_computes_each_result_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "digits.toml").write_text(CONFIG)
    words = ["bench", str(tmp_path / "digits.toml"), "--out", str(tmp_path / "out")]
    words += ["--store", str(tmp_path / "store")]
    assert main(words) == 0
    assert "5 of 5 results." in capsys.readouterr().out
    found = Bench.load(tmp_path / "out" / "bench.json")
    kinds = [
        (one.kind, one.method, one.record.generation_protocol.get("guidance"))
        for one in found.results
    ]
    assert kinds == [
        ("original", "original", 1.5),
        ("original", "original", 1.0),
        ("retrained", "retrained", 1.5),
        ("unlearned", "Scissorhands", 1.5),
        ("unlearned", "diverges", None),
    ]
    done, refused = found.results[3], found.results[4]
    assert done.scores is not None
    assert {"forget_accuracy", "synonym_accuracy", "fid", "forget_loss"} <= set(done.scores)
    assert None not in done.scores.values()
    assert {one.group for one in done.record.prompts} == {"target", "synonym", "other"}
    check_probes(found)
    assert refused.error
    assert refused.scores is None
    assert found.judge is not None
    assert 0 < (found.judge.accuracy or 0) <= 100
    assert (tmp_path / "out" / "leaderboard.html").is_file()
    assert "Scissorhands" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")

    def forbidden(*args: Any, **more: Any) -> Any:
        raise AssertionError("a result was computed twice")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expunge.bench.worker.unlearn", forbidden)
        patch.setattr("expunge.runs.models.train", forbidden)
        assert main(words) == 0
    again = Bench.load(tmp_path / "out" / "bench.json")
    assert again.results == found.results

    # Interrupted in its second result, it shows the first and all later ones that are there.
    for one in found.results[:2]:
        (tmp_path / "store" / "results" / f"{one.key}.json").unlink()
    compute, calls = Worker.compute, list[Job]()

    def interrupted(self: Worker, job: Job) -> Result:
        calls.append(job)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return compute(self, job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "compute", interrupted)
        assert main(words) == 130
    half = Bench.load(tmp_path / "out" / "bench.json")
    expected = [again.results[0], *again.results[2:]]
    assert [one.key for one in half.results] == [one.key for one in expected]
    again.save(tmp_path / "out" / "bench.json")

    # Another store, as on another machine, that is told the results.
    words[-1] = str(tmp_path / "elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expunge.bench.worker.unlearn", forbidden)
        patch.setattr("expunge.bench.worker.train_or_take", forbidden)
        assert main([*words, "--known", str(tmp_path / "out" / "bench.json")]) == 0
    told = Bench.load(tmp_path / "out" / "bench.json")
    assert told.results == found.results


@pytest.mark.usefixtures("quick")
def test_a_dry_run_times_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "digits.toml").write_text(CONFIG)
    diverging = forecast_bench(load_bench(tmp_path / "digits.toml"), store=tmp_path / "store")
    assert diverging["seconds"]["methods"] is diverging["seconds"]["in all"] is None
    (tmp_path / "digits.toml").write_text(CONFIG.replace("1e6", "1e-4"))
    plan = load_bench(tmp_path / "digits.toml")
    before = forecast_bench(plan, store=tmp_path / "store", seconds=1)
    assert before["missing"] == {"original": 2, "retrained": 1, "unlearned": 2}
    assert before["trainings"] == 2
    parts = before["seconds"]
    assert list(parts) == ["latents", "judge", "training", "methods", "evaluation", "in all"]
    assert parts["latents"] == 0.0
    assert min(parts[name] for name in list(parts)[1:]) > 0
    assert parts["in all"] == pytest.approx(sum(parts[name] for name in list(parts)[:5]))
    assert [path.name for path in tmp_path.iterdir()] == ["digits.toml"]

    run_bench(plan, tmp_path / "out", store=tmp_path / "store")
    again = load_bench(tmp_path / "digits.toml", ["words=['seven', 'two']"])
    after = forecast_bench(again, store=tmp_path / "store", seconds=1)
    assert (after["known"], after["planned"], after["trainings"]) == (5, 8, 1)
    assert after["missing"] == {"retrained": 1, "unlearned": 2}
    assert after["seconds"]["judge"] == 0.0
    assert 0 < after["seconds"]["training"] < parts["training"]
    done = forecast_bench(plan, store=tmp_path / "store", seconds=1)
    assert (done["missing"], done["trainings"], done["seconds"]["in all"]) == ({}, 0, 0.0)


@pytest.mark.usefixtures("quick")
def test_what_judging_costs_grows_with_what_is_drawn(tmp_path: Path) -> None:
    """By hand, with a second for each image and none for passes: images that a bench draws."""
    (tmp_path / "digits.toml").write_text(CONFIG)

    def images(*changes: str) -> float:
        plan = load_bench(tmp_path / "digits.toml", list(changes))
        job = next(job for job in plan.jobs if job.kind == "retrained")
        scene = TrialScene(job.cell.base, tmp_path / "latents")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(generator, "time_drawing", lambda *_: DrawingTime(step=0.0, once=1.0))
            patch.setattr(generator, "forward_seconds", lambda *_: 0.0)
            return scene.judging_seconds(setting_of(job.cell.base, scene, 0))

    prompts = len(tiny_digits.captions()["seven"]) + 9
    assert images() == 2 * prompts + 2 * (1 + 2)
    assert images("drawing.images=5", "probes.images=3") == 5 * prompts + 3 * (1 + 2)
    assert images("probes.noise=[0.1, 0.2]", "probes.relearn=[]") == 2 * prompts + 2 * (1 + 2)


def test_latents_that_are_not_there_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two sets, by a clock of the test: 64 images are encoded in 1 s and decoded in 2."""
    clock = [0.0]

    def encode(_: Any, images: torch.Tensor) -> torch.Tensor:
        clock.append(clock[-1] + 1)
        return torch.zeros(len(images), 4, 1, 1)

    monkeypatch.setattr(generator, "time", SimpleNamespace(perf_counter=lambda: clock[-1]))
    monkeypatch.setattr(generator, "encode_images", encode)
    monkeypatch.setattr(generator, "decode_latents", lambda *_: clock.append(clock[-1] + 2))
    sets = [
        ImageSet(torch.full((count, 1, 8, 8), count, dtype=torch.uint8), torch.arange(count) % 2)
        for count in (128, 64)
    ]
    codec = TrialCodec(tmp_path, torch.nn.Linear(2, 2))
    assert [len(codec.decoded(one)) for one in sets] == [128, 64]
    assert codec.latents(sets[0]).shape == (128, 4, 1, 1)
    assert codec.seconds == (1 + 2) * (128 + 64) / 64
    assert not list(tmp_path.iterdir())


def test_names_of_nets_do_not_depend_on_rounding_where_the_source_is_told() -> None:
    scene = scenes.digits_scene()
    data = scene.without("seven").retain
    near = LatentSet(data.samples + 1e-6, data.labels)
    told = replace(scene, source="digits, encoded")
    assert denoiser_name(scene, "seven", data, 1) != denoiser_name(scene, "seven", near, 1)
    name = denoiser_name(told, "seven", data, 1)
    assert name == denoiser_name(told, "seven", near, 1)
    assert name != denoiser_name(told, "six", data, 1)
    assert name != denoiser_name(told, "seven", data, 2)
    assert name != denoiser_name(replace(told, recipe="small-ddpm"), "seven", data, 1)


def test_problems_of_the_config_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.toml").write_text(CONFIG.replace('"seven"', '"eleven"'))
    words = ["bench", str(tmp_path / "wrong.toml"), "--out", str(tmp_path / "out")]
    assert main([*words, "--store", str(tmp_path / "store")]) == 2
    assert "got 'eleven'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

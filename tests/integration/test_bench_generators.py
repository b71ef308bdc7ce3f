"""A bench of generators on the digits, with trainings cut short: results, and going on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers")

from expunge import Bench, LatentSet
from expunge.bench import Result
from expunge.bench.grid import Job
from expunge.bench.worker import Worker
from expunge.cli import main
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

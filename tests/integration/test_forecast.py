"""Forecasts: what was tried to the end is measured, and what was not is extrapolated."""

import json
import time

import pytest
from tests.integration.test_bench_run import JOBS, TABLE, tiny_bench

from expunge import forecast, forecast_bench
from expunge.bench import forecast as bench_forecast
from expunge.bench import parse_bench, run_bench
from expunge.cli import main
from expunge.core import GuardError, InputError
from expunge.runs import prepare
from expunge.runs.forecasts.drawing import time_drawing
from expunge.runs.forecasts.probe import Probe
from expunge.runs.forecasts.run import advice, relearn_seconds


def test_a_small_run_is_tried_to_its_end(make_config) -> None:
    found = forecast(make_config("reference.retrain=2"), seconds=30)
    parts = found["seconds"]
    assert set(parts) == {"original", "references", "method", "evaluation", "in all"}
    assert parts["in all"] == pytest.approx(sum(parts[name] for name in list(parts)[:4]))
    assert parts["references"] == pytest.approx(2 * found["retrain"])
    assert found["passes"] == 3
    assert 0 < found["retrain"] < parts["original"]
    assert found["advice"].startswith(("The method costs", "Retrain instead"))


def test_relearning_costs_its_steps_and_its_looks(make_config) -> None:
    """By hand: 12 steps of as many samples as fit, at three forward passes each, and five looks."""
    setting = prepare(make_config("evaluation.relearn=true"))
    forget, retain = len(setting.data.forget), len(setting.data.retain)
    assert (forget, retain) == (27, 243)
    scale = min(1.0, forget / 64, retain / 448)
    samples = int(64 * scale) + int(448 * scale)
    assert relearn_seconds(setting, 2.0) == 2.0 * (3 * samples * 12 + forget * 5)
    plain, relearnt = (
        forecast(make_config(f"evaluation.relearn={word}"), seconds=3)["seconds"]["evaluation"]
        for word in ("false", "true")
    )
    assert relearnt > 2 * plain


def test_a_long_run_is_extrapolated(make_config) -> None:
    began = time.perf_counter()
    short = forecast(make_config("training.epochs=400", "method.epochs=50"), seconds=3)
    assert time.perf_counter() - began < 30
    longer = forecast(make_config("training.epochs=4000", "method.epochs=50"), seconds=3)
    ratio = longer["seconds"]["original"] / short["seconds"]["original"]
    assert 4 < ratio < 25  # ten times the steps, on a machine that others use
    assert longer["seconds"]["original"] > 20
    assert "costs" in longer["advice"]


def test_nothing_is_trained_where_weights_are_given(make_config, tmp_path) -> None:
    from expunge.models import build_network, save_weights

    net = build_network(
        "small", num_classes=10, image_shape=(1, 8, 8), arguments={"width": 4}, seed=0
    ).model
    save_weights(net, tmp_path / "net.safetensors")
    found = forecast(make_config(f"model.weights='{tmp_path}/net.safetensors'"), seconds=6)
    assert found["seconds"]["original"] == found["seconds"]["references"] == 0
    with pytest.raises(InputError):
        forecast(make_config("data.source=nowhere"))


def test_steps_are_extrapolated_without_the_first() -> None:
    probe = Probe(0.05)

    def run() -> None:
        time.sleep(0.2)  # warming up does not count
        for step in range(1000):
            probe({"stage": "repair", "step": step, "total": 1000})
            time.sleep(0.01)

    assert 9 < probe.seconds(run) < 25
    assert Probe(1).seconds(lambda: None) < 0.1


@pytest.mark.parametrize(("at", "seconds"), [(4, pytest.approx(10, rel=0.6)), (1, None), (0, None)])
def test_steps_before_a_divergence_count(at, seconds) -> None:
    probe = Probe(60)

    def diverges() -> None:
        for step in range(at):
            probe({"stage": "repair", "step": step, "total": 1000})
            time.sleep(0.01)
        raise GuardError("the loss became nan")

    assert probe.seconds(diverges) == seconds


def test_steps_of_drawing_are_told_from_what_is_done_once() -> None:
    called = []

    def draw(steps: int) -> None:
        called.append(steps)
        time.sleep(0.2 + 0.1 * steps + (0.5 if len(called) == 1 else 0))  # the first warms up

    found = time_drawing(draw, images=10)
    assert called == [2, 2, 4]
    assert found.step == pytest.approx(0.01, rel=0.5)
    assert found.once == pytest.approx(0.02, rel=0.8)
    assert found.of(50) == found.once + 50 * found.step


@pytest.mark.parametrize(
    ("method", "retrain", "words"),
    [(2.0, 1.0, "Retrain instead"), (1.0, 4.0, "costs 25 %"), (1.0, None, "no telling")],
)
def test_advice(method, retrain, words) -> None:
    assert words in advice(method, retrain)


def test_the_command(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(
        '[data]\nsource = "digits"\nlimit = 300\nforget = { kind = "random", fraction = 0.1 }\n'
        '[model]\nname = "small"\narguments = { width = 4 }\n'
        '[training]\nrecipe = "quick"\nepochs = 1\n[method]\nname = "fine-tune"\nepochs = 1\n'
    )
    assert main(["plan", "tiny.toml", "--seconds", "3"]) == 0
    told = capsys.readouterr()
    assert "Trying tiny.toml for about 3 s" in told.err
    assert "in all" in told.out
    assert "Memory:" in told.out
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny.toml"]


def test_a_bench_tells_what_is_missing_and_writes_nothing(tmp_path) -> None:
    plan = parse_bench(tiny_bench())
    found = forecast_bench(plan, store=tmp_path / "store", seconds=1)
    assert (found["planned"], found["known"]) == (JOBS, 0)
    assert found["missing"] == {"original": 2, "untrained": 2, "retrained": 2, "unlearned": 4}
    assert not (tmp_path / "store").exists()
    parts = found["seconds"]
    assert parts["in all"] == pytest.approx(sum(parts[n] for n in list(parts)[:3]))
    assert min(parts["training"], parts["methods"], parts["evaluation"]) > 0

    run_bench(plan, tmp_path / "out", store=tmp_path / "store")
    more = parse_bench(tiny_bench(seeds=[0, 1, 2]))
    after = forecast_bench(more, store=tmp_path / "store", seconds=1)
    assert after["known"] == JOBS
    assert after["missing"] == {"original": 1, "untrained": 1, "retrained": 1, "unlearned": 2}
    assert sum(after["missing"].values()) + JOBS == after["planned"]


def test_the_original_that_is_there_is_not_trained_again(tmp_path) -> None:
    run_bench(parse_bench(tiny_bench(seeds=[0])), tmp_path / "out", store=tmp_path / "store")
    one, two = (
        forecast_bench(parse_bench(tiny_bench(seeds=[7])), store=tmp_path / name, seconds=1)
        for name in ("store", "nothing")
    )
    assert (one["trainings"], two["trainings"]) == (1, 2)


def test_trials_of_tuning_count_once_for_those_who_share_them(tmp_path) -> None:
    tuned = {"label": "SalUn", "name": "salun", "epochs": 1, "tune": {"lr": [1e-4, 0.1, "log"]}}
    control = tuned | {"label": "control", "mask": "random", "tune": "SalUn"}

    def methods(**changes: object) -> tuple[float, int]:
        plan = parse_bench(tiny_bench(seeds=[0], method=[tuned, control], **changes))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bench_forecast, "method_seconds", lambda *_: 1.0)
            found = forecast_bench(plan, store=tmp_path / "store", seconds=1)
        return found["seconds"]["methods"], found["trainings"]

    # The retrained model that trials are compared with is one more to train.
    assert methods(tune={"trials": 3, "seed": 9}) == (2 + 3, 2 + 1)
    assert methods(tune={"trials": 5, "seed": 9, "objective": "oracle-free"}) == (2 + 5, 2)


def test_dry_runs_of_a_bench(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench.toml").write_text(TABLE)
    assert main(["bench", "bench.toml", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"0 of {JOBS} results are in the store; missing: 2 original" in told
    assert main(["plan", "bench.toml", "--seconds", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["planned"] == JOBS
    assert list(tmp_path.iterdir()) == [tmp_path / "bench.toml"]

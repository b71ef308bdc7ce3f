"""Experiment trackers, each by the real package, read back by its own means."""

import sqlite3
from pathlib import Path

import pytest
from records import full, minimal

import expunge
from expunge import InputError, tracking
from expunge.core.schemas.record import Record
from expunge.reporting import trackers
from expunge.reporting.trackers import settings, summary

SECRETS = ("delete.csv", "configs/", "--set", "d1d1d1")


def follow(name: str, folder: Path, record: Record) -> None:
    with tracking([name], folder) as tracker:
        tracker({"doing": "original", "stage": "train"})
        for step in range(3):
            tracker(
                {
                    "doing": "original",
                    "stage": "train",
                    "step": step,
                    "total": 3,
                    "loss": 2.0 - step,
                }
            )
        tracker.finish(record)


def everything_below(folder: Path) -> str:
    return "".join(p.read_bytes().decode("latin-1") for p in folder.rglob("*") if p.is_file())


def test_tensorboard_shows_curves_scores_and_the_verdict(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    follow("tensorboard", tmp_path / "run", full())
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    curve = [(event.step, event.value) for event in found.Scalars("original/train/loss")]
    assert curve == [(0, 2.0), (1, 1.0), (2, 0.0)]
    for key, value in summary(full()).items():
        assert found.Scalars(key)[0].value == pytest.approx(value, rel=1e-6)
    text = found.Tensors("verdict/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text.startswith(full().verdict.status)
    assert not [s for s in SECRETS if s in everything_below(tmp_path)]


def test_mlflow_holds_curves_scores_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # the others need more packages
    mlflow.set_tracking_uri((tmp_path / "there").as_uri())
    follow("mlflow", tmp_path / "run", full())
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("expunge")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "run"
    assert run.info.status == "FINISHED"
    assert run.data.tags["verdict"] == full().verdict.status
    assert summary(full()).items() <= run.data.metrics.items()
    assert run.data.params["method"] == full().method.name
    curve = client.get_metric_history(run.info.run_id, "original/train/loss")
    assert [(one.step, one.value) for one in curve] == [(0, 2.0), (1, 1.0), (2, 0.0)]
    assert not [s for s in SECRETS if s in everything_below(tmp_path)]


def test_a_run_that_breaks_off_has_failed_in_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "there").as_uri())

    def breaks_off() -> None:
        with tracking(["mlflow"], tmp_path / "run") as tracker:
            tracker({"stage": "train", "step": 0, "loss": 1.0})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("expunge").experiment_id])
    assert run.info.status == "FAILED"
    assert run.data.metrics == {"train/loss": 1.0}


def test_weights_and_biases_keeps_it_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["expunge", "--set", "data.forget.values=['Jane']"])
    follow("wandb", tmp_path / "run", full())
    held = everything_below(tmp_path)
    for key in ("original/train/loss", "unlearned/test_accuracy", "method.epochs", "verdict"):
        assert key in held
    assert not [s for s in (*SECRETS, "Jane") if s in held]


def test_trackio_keeps_it_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    pytest.importorskip("trackio")
    follow("trackio", tmp_path / "run", full())
    with sqlite3.connect(tmp_path / "expunge.db") as table:
        rows = [str(one) for (one,) in table.execute("select metrics from metrics")]
    held = " ".join(rows)
    for key in ("original/train/loss", "unlearned/test_accuracy", "settings/method", "verdict"):
        assert key in held


def test_a_tracker_that_fails_does_not_cost_the_run(tmp_path: Path) -> None:
    class Down(trackers._TensorBoard):
        def log(self, stage: str, numbers: dict[str, float], step: int) -> None:
            raise ConnectionError("no route to host")

    pytest.importorskip("tensorboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trackers.TRACKERS, "tensorboard", Down)
        with tracking(["tensorboard"], tmp_path) as tracker:
            with pytest.warns(UserWarning, match="tensorboard failed and gets nothing more.*route"):
                tracker({"stage": "train", "step": 0, "loss": 1.0})
            tracker({"stage": "train", "step": 1, "loss": 1.0})
            tracker.finish(minimal())


def test_one_that_cannot_begin_stops_the_run_at_its_first_entry(tmp_path: Path) -> None:
    def down(folder: Path) -> trackers.Tracker:
        raise PermissionError(f"{folder.name} is not yours")

    pytest.importorskip("tensorboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trackers.TRACKERS, "tensorboard", down)
        with (
            tracking(["tensorboard"], tmp_path) as tracker,
            pytest.raises(InputError, match=r"tensorboard cannot begin: .* is not yours"),
        ):
            tracker({"stage": "train"})


def test_nothing_begins_before_the_first_entry(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with tracking(["tensorboard"], tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_an_unknown_one_and_one_that_is_not_installed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(InputError, match=r"expected a tracker to be one of mlflow.*got 'comet'"),
        tracking(["comet"], tmp_path),
    ):
        pass
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with (
        pytest.raises(InputError, match=r"wandb needs a package.*pip install 'expunge\[wandb\]'"),
        tracking(["wandb"], tmp_path),
    ):
        pass


def test_settings_and_summary_tell_numbers_and_no_ids() -> None:
    sent = {**settings(full()), **summary(full())}
    assert all(isinstance(value, str | int | float | None) for value in sent.values())
    assert not [value for value in sent.values() if value in ("delete.csv", "d1" * 32)]
    assert expunge.tracking is tracking

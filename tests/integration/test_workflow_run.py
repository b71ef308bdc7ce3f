"""One run from a config to its files, and what a second run reuses."""

import json
import shutil
import stat
import sys

import pytest
import safetensors
import torch
from safetensors.torch import load_file

from expunge.core import ConfigError, GuardError, InputError, Record
from expunge.data import request_digest
from expunge.runs import check_run, demo, evaluate_weights, prepare, run_seeds, run_unlearn

FILES = {"record.json", "report.html", "model.safetensors", "manifest.json", "README.md"}


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def timeless(record: Record) -> dict:
    """The record without what no two runs share."""
    kept = record.model_dump(exclude={"created", "command"})
    for key in ("seconds", "retrain_seconds", "train_seconds", "rte", "peak_memory_bytes"):
        del kept["cost"][key]
    return kept


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_config):
    """Folder and record of one run with two references; tests copy it before they write."""
    folder = tmp_path_factory.mktemp("run") / "deep" / "out"
    rows = []
    record = run_unlearn(
        make_config("reference.retrain=2"), folder, on_log=rows.append, command="expunge unlearn x"
    )
    return folder, record, rows


@pytest.fixture
def again(finished, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(finished[0], folder)
    return folder


def test_a_run_leaves_its_files_and_nothing_else(finished) -> None:
    folder, record, _ = finished
    kept = {"original.safetensors", "retrained-1.safetensors", "retrained-2.safetensors", "salt"}
    assert names(folder) == FILES | kept
    assert Record.load(folder / "record.json") == record
    assert "<html" in (folder / "report.html").read_text()
    assert record.command == "expunge unlearn x"
    assert set(record.scores) == {"original", "unlearned", "retrained", "retrained_again"}
    assert record.floor is not None
    assert record.cost.retrain_recipe == "quick, epochs = 3"
    assert record.cost.retrain_samples == 3 * 243  # three passes over D_r
    assert record.cost.rte_samples == record.cost.samples_read / (3 * 243)
    assert record.cost.rte == pytest.approx(record.cost.seconds / record.cost.retrain_seconds)
    assert record.request.spec == {"kind": "random", "fraction": 0.1, "seed": 0}


def test_the_salt_is_private_and_makes_the_digest(finished, make_config) -> None:
    folder, record, _ = finished
    salt = (folder / "salt").read_text().strip()
    assert stat.S_IMODE((folder / "salt").stat().st_mode) == 0o600
    assert salt not in (folder / "record.json").read_text()
    assert record.request.commitment == request_digest(prepare(make_config()).ids, salt)


def test_weights_carry_how_they_were_made(finished) -> None:
    folder, record, _ = finished
    with safetensors.safe_open(folder / "original.safetensors", "pt") as file:
        facts = file.metadata()
    assert facts["recipe"] == "quick, epochs = 3"
    assert float(facts["seconds"]) == record.cost.train_seconds
    assert float(facts["accuracy"]) == pytest.approx(record.scores["original"]["test_accuracy"])


def test_whoever_listens_hears_what_is_being_done(finished) -> None:
    doing = list(dict.fromkeys(row["doing"] for row in finished[2]))
    assert doing == [
        "train original", "train retrained-1", "train retrained-2", "fine-tune", "evaluate",
    ]  # fmt: skip


def test_references_are_independent_nets(finished) -> None:
    folder = finished[0]
    first, second = (load_file(folder / f"retrained-{i}.safetensors") for i in (1, 2))
    assert not torch.equal(first["conv1.weight"], second["conv1.weight"])
    start = load_file(folder / "original.safetensors")
    assert not torch.equal(first["conv1.weight"], start["conv1.weight"])


def test_references_never_read_the_forget_set(make_config, tmp_path, monkeypatch) -> None:
    module, read = sys.modules["expunge.runs.models"], []
    train = module.train

    def listening(model, dataset, recipe, **kwargs):
        read.append(set(dataset.ids))
        return train(model, dataset, recipe, **kwargs)

    monkeypatch.setattr(module, "train", listening)
    config = make_config("reference.retrain=2", "training.epochs=1")
    run_unlearn(config, tmp_path / "out")
    forgotten = set(prepare(config).ids)
    assert forgotten <= read[0]
    assert read[1] == read[2] == read[0] - forgotten


def test_a_second_run_trains_nothing_again_and_comes_out_the_same(again, make_config, finished):
    before = {name: (again / name).stat().st_mtime_ns for name in names(again)}
    rows = []
    record = run_unlearn(make_config("reference.retrain=2"), again, on_log=rows.append)
    assert {row["doing"] for row in rows} == {"fine-tune", "evaluate"}
    assert timeless(record) == timeless(finished[1])
    assert record.cost.train_seconds == finished[1].cost.train_seconds
    for name in ("original.safetensors", "retrained-1.safetensors", "salt"):
        assert (again / name).stat().st_mtime_ns == before[name]


def test_resuming_a_complete_run_does_nothing(again, make_config, finished) -> None:
    rows = []
    config = make_config("reference.retrain=2")
    assert run_unlearn(config, again, resume=True, on_log=rows.append) == finished[1]
    assert rows == []
    run_unlearn(config.with_seed(0), again, resume=True, on_log=rows.append)
    assert rows == []
    changed = make_config("method.lr=0.02", "reference.retrain=2")
    record = run_unlearn(changed, again, resume=True, on_log=rows.append)
    assert {row["doing"] for row in rows} == {"fine-tune", "evaluate"}
    assert record.method.hyperparameters["lr"] == 0.02


def test_a_state_of_another_request_is_refused_before_references_are_trained(
    make_config, tmp_path
) -> None:
    """Its reference would otherwise be trained for hours first."""
    out, rows = tmp_path / "out", []

    def stop(row) -> None:
        if row["doing"] == "fine-tune" and row.get("step", 0) >= 1:
            raise KeyboardInterrupt

    config = make_config("reference.retrain=1")
    with pytest.raises(KeyboardInterrupt):
        run_unlearn(config, out, on_log=stop, checkpoint_seconds=0)
    other = make_config("reference.retrain=1", "data.forget.seed=1")
    with pytest.raises(InputError, match="belongs to another model, data, request"):
        run_unlearn(other, out, resume=True, on_log=rows.append)
    assert rows == []
    run_unlearn(config, out, resume=True, on_log=rows.append)
    assert {row["doing"] for row in rows} == {"fine-tune", "evaluate"}


def test_another_recipe_seed_or_forget_set_trains_anew(again, make_config) -> None:
    rows = []
    run_unlearn(make_config("data.forget.seed=1", "reference.retrain=1"), again, on_log=rows.append)
    assert {row["doing"] for row in rows} == {"train retrained-1", "fine-tune", "evaluate"}
    rows.clear()
    run_unlearn(make_config("training.epochs=1"), again, on_log=rows.append)
    assert "train original" in {row["doing"] for row in rows}


def test_damaged_weights_of_an_earlier_run_are_trained_anew(again, make_config) -> None:
    (again / "original.safetensors").write_bytes(b"\0" * 20)
    rows = []
    run_unlearn(make_config(), again, on_log=rows.append)
    assert "train original" in {row["doing"] for row in rows}


def test_given_weights_are_used_as_they_are(finished, make_config, tmp_path) -> None:
    weights = f"model.weights='{finished[0]}/original.safetensors'"
    record = run_unlearn(make_config(weights), tmp_path / "out")
    assert names(tmp_path / "out") == FILES | {"salt"}
    assert record.model.sha256_before == finished[1].model.sha256_before
    assert record.model.sha256_after == finished[1].model.sha256_after
    assert record.cost.train_seconds is None
    assert record.cost.retrain_recipe is None
    assert record.avg_gap is None


def test_a_refused_result_keeps_the_original_and_nothing_else(make_config, tmp_path) -> None:
    destroy = ("method.name=gradient-ascent", "method.lr=1000", "method.epochs=20")
    with pytest.raises(GuardError, match="original model is unchanged"):
        run_unlearn(make_config(*destroy), tmp_path / "out")
    assert names(tmp_path / "out") == {"original.safetensors", "salt"}
    weights = f"model.weights='{tmp_path}/out/original.safetensors'"
    with pytest.raises(GuardError):
        run_unlearn(make_config(weights, *destroy), tmp_path / "other" / "out")
    assert names(tmp_path) == {"out"}


def test_scores_of_the_written_weights_are_those_of_the_record(finished, make_config) -> None:
    folder, record, _ = finished
    found = evaluate_weights(make_config(), folder / "model.safetensors")
    assert found["scores"] == record.scores["unlearned"]
    assert found["model"]["sha256"] == record.model.sha256_after
    assert found["data"]["sizes"] == record.data.sizes
    json.dumps(found)


def test_a_check_describes_and_writes_nothing(make_config, tmp_path) -> None:
    found = check_run(make_config("reference.retrain=1"), tmp_path / "out")
    assert found["model"]["trained_here_by"] == "quick, epochs = 3"
    assert found["request"]["size"] == found["data"]["sizes"]["forget"] > 0
    assert found["data"]["image_shape"] == [1, 8, 8]
    assert found["method"]["hyperparameters"]["lr"] == 0.01
    assert names(tmp_path) == set()
    json.dumps(found)


def test_seeds_share_one_original_and_are_summarised(make_config, tmp_path) -> None:
    rows = []
    config = make_config("reference.retrain=1", "training.epochs=1")
    summary = run_seeds(config, [0, 3], tmp_path / "out", on_log=rows.append, command="c")
    assert [row["doing"] for row in rows if "stage" not in row].count("evaluate") == 2
    shared = {"original.safetensors", "salt", "summary.json", "manifest.json"}
    assert names(tmp_path / "out") == shared | {"seed-0", "seed-3"}
    assert names(tmp_path / "out" / "seed-3") == FILES | {"retrained-1.safetensors", "salt"}
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["schema"], summary["n"], summary["command"]) == ("expunge.summary/2", 2, "c")
    values = [r["scores"]["unlearned"]["test_accuracy"] for r in summary["records"]]
    assert summary["mean"]["scores"]["unlearned"]["test_accuracy"] == pytest.approx(sum(values) / 2)
    spread = abs(values[0] - values[1]) / 2**0.5
    assert summary["sd"]["scores"]["unlearned"]["test_accuracy"] == pytest.approx(spread)
    assert "floor" not in summary["mean"]
    first, second = (r["request"]["spec"]["seed"] for r in summary["records"])
    assert (first, second) == (0, 3)
    digests = {r["model"]["sha256_before"] for r in summary["records"]}
    assert len(digests) == 1


def test_seeds_share_references_where_the_forget_set_stays(make_config, tmp_path) -> None:
    forget = "data.forget={kind='classes', classes=[3]}"
    config = make_config(forget, "reference.retrain=1", "training.epochs=1")
    summary = run_seeds(config, [1], tmp_path / "out")
    assert "retrained-1.safetensors" in names(tmp_path / "out")
    assert names(tmp_path / "out" / "seed-1") == FILES | {"salt"}
    assert summary["sd"]["avg_gap"] is None


@pytest.mark.parametrize("seeds", [[], [1, 1], [-1]])
def test_seeds_must_differ(seeds, make_config, tmp_path) -> None:
    with pytest.raises(InputError, match="expected different seeds"):
        run_seeds(make_config(), seeds, tmp_path / "out")
    assert names(tmp_path) == set()


def test_the_demonstration_runs_from_the_package(tmp_path) -> None:
    quick = ["training.epochs=1", "data.limit=300", "reference.retrain=0", "method.epochs=1"]
    quick += ["evaluation.relearn=false", "precision=fp32"]
    record = demo(tmp_path / "demo", overrides=quick)
    assert names(tmp_path / "demo") >= FILES
    assert (record.data.name, record.method.name) == ("digits", "scissorhands")
    assert record.command == "expunge demo"
    with pytest.raises(ConfigError):
        demo(tmp_path / "other", overrides=["method.lrr=1"])

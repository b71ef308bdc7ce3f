"""Memorisation measured on tiny nets: complete, resumable, and fit for a forget set."""

import csv
import json
import re

import pyarrow.parquet as pq
import pytest

from expunge import InputError, measure_memorisation
from expunge.runs import prepare

SCORES = "data.forget={kind='most-memorised', scores='%s', fraction=0.1}"


@pytest.fixture(scope="module")
def measured(make_config, tmp_path_factory):
    """A file of scores by four models, and the summary."""
    folder = tmp_path_factory.mktemp("memorisation")
    file, store = folder / "new" / "scores.parquet", folder / "store"
    return file, measure_memorisation(make_config("data.limit=120"), file, store=store)


def test_every_sample_has_a_score_and_the_highest_are_forgotten(measured, make_config) -> None:
    file, summary = measured
    table = pq.read_table(file).to_pydict()
    prepared = prepare(make_config("data.limit=120", SCORES % file))
    assert table["id"] == prepared.bundle.train.ids
    differences = [
        a - b for a, b in zip(table["probability_in"], table["probability_out"], strict=True)
    ]
    assert table["score"] == pytest.approx(differences)
    kept = [
        score
        for name, score in zip(table["id"], table["score"], strict=True)
        if name not in prepared.ids
    ]
    lost = [
        score
        for name, score in zip(table["id"], table["score"], strict=True)
        if name in prepared.ids
    ]
    assert len(lost) == round(0.1 * len(table["id"]))
    assert min(lost) >= max(kept)
    assert summary["mean"] == pytest.approx(sum(differences) / len(differences))
    assert summary["mean"] > 0  # a net knows what it was trained on better
    assert summary["samples"] == len(table["id"])
    facts = json.loads(pq.read_metadata(file).metadata[b"expunge"])
    assert facts == {key: value for key, value in summary.items() if key != "file"}
    assert [path.name for path in file.parent.iterdir()] == ["scores.parquet"]


def test_a_stopped_measurement_goes_on_to_the_same_numbers(measured, make_config, tmp_path) -> None:
    class StoppedError(Exception):
        pass

    seen: list[str] = []

    def stop(row) -> None:
        seen.append(row["doing"])
        if row["doing"] == "train model-3":
            raise StoppedError

    config, file = make_config("data.limit=120"), tmp_path / "scores.csv"
    store = tmp_path / "store"
    with pytest.raises(StoppedError):
        measure_memorisation(config, file, store=store, on_log=stop)
    assert not file.exists()
    again: list[str] = []
    measure_memorisation(
        config, file, store=store, resume=True, on_log=lambda row: again.append(row["doing"])
    )
    assert set(again) == {"train model-3", "train model-4"}
    with file.open() as lines:
        scores = [float(row["score"]) for row in csv.DictReader(lines)]
    assert scores == pytest.approx(pq.read_table(measured[0])["score"].to_pylist(), abs=1e-12)
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", "store"}
    # The fleet survives: a second measurement trains nothing, a larger one only what is new.
    again.clear()
    measure_memorisation(config, file, store=store, on_log=lambda row: again.append(row["doing"]))
    assert again == []


@pytest.mark.parametrize(
    ("out", "models", "message"),
    [
        (
            "s.parquet",
            3,
            "expected models to be an even number from 2 to 10,000, as halves come in pairs, got 3",
        ),
        ("s.parquet", 0, "got 0"),
        ("s.parquet", True, "got True"),
        ("s.json", 2, "expected out to end in .parquet or .csv, got 's.json'"),
        ("folder.csv", 2, "it is a folder; choose another name"),
    ],
)
def test_bad_arguments(out, models, message, make_config, tmp_path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=re.escape(message)):
        measure_memorisation(make_config(), tmp_path / out, models=models, store=tmp_path / "s")


def test_weights_without_a_recipe_cannot_be_measured(make_config, tmp_path) -> None:
    (tmp_path / "w.pt").touch()
    config = make_config(f"model.weights='{tmp_path}/w.pt'")
    config = config.model_copy(update={"training": None})
    with pytest.raises(InputError, match="expected a recipe to train the models by"):
        measure_memorisation(config, tmp_path / "s.csv", store=tmp_path / "s")


def test_a_net_that_fits_memorises_wrong_labels_most(make_config, tmp_path) -> None:
    config = make_config(
        "data.canaries={count=30, seed=1}",
        "data.limit=400",
        "model.arguments={width=32}",
        "training.epochs=60",
        "training.weight_decay=0.0",
    )
    file = tmp_path / "scores.parquet"
    measure_memorisation(config, file, models=2, store=tmp_path / "store")
    table = pq.read_table(file).to_pydict()
    canaries = prepare(config).bundle.canaries
    assert canaries is not None
    planted = set(canaries.positions.tolist())
    wrong = [score for at, score in enumerate(table["score"]) if at in planted]
    right = [score for at, score in enumerate(table["score"]) if at not in planted]
    # No other sample teaches a wrong label, so only models that had the canary know it.
    assert max(table["probability_out"][at] for at in planted) < 0.2
    assert sum(wrong) / len(wrong) > 0.5
    assert sum(right) / len(right) < 0.3

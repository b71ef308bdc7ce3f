"""What a run takes over from an earlier one is that one's, bit by bit, or it is not taken."""

import hashlib
import random
import shutil
from pathlib import Path

import pytest
import safetensors
import torch
from filelock import FileLock
from safetensors.torch import load_file

from expunge import ConfigError, InputError, Record, verify_folder
from expunge.bench.known import adopt
from expunge.core.schemas.results import Bench
from expunge.runs import prepare, run_unlearn


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_config) -> Path:
    folder = tmp_path_factory.mktemp("reuse") / "out"
    run_unlearn(make_config("reference.retrain=1"), folder)
    return folder


@pytest.fixture
def again(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["record.json", "model.safetensors", "report.html"])
def test_a_finished_run_that_was_changed_is_not_taken_for_done(again, make_config, name) -> None:
    path = again / name
    path.write_bytes(path.read_bytes().replace(b"fail", b"pass", 1) + b" ")
    with pytest.raises(InputError, match=rf"{name} is (not as it was written|damaged)"):
        run_unlearn(make_config("reference.retrain=1"), again, resume=True)
    with pytest.raises(InputError, match="has changed since the run ended"):
        verify_folder(again)


@pytest.mark.parametrize("name", ["original", "retrained-1"])
def test_flipped_bits_of_kept_weights_are_noticed(finished, again, make_config, name) -> None:
    path = again / f"{name}.safetensors"
    whole = load_file(finished / f"{name}.safetensors")
    places = random.Random(0)
    for _ in range(3):
        flip(path, places.randrange(path.stat().st_size - 2000, path.stat().st_size))
        rows = []
        run_unlearn(make_config("reference.retrain=1"), again, on_log=rows.append)
        assert any(f"train {name}" in str(row["doing"]) for row in rows)
        assert any("damaged" in str(row["doing"]) for row in rows)
        found = load_file(path)
        assert all(torch.equal(found[key], whole[key]) for key in whole)


def stopped(make_config, folder, stage, *changes) -> None:
    """A run that is interrupted in a stage."""

    def stop(row):
        if row["doing"] == stage and row.get("step", 0) > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_unlearn(
            make_config("reference.retrain=1", *changes),
            folder,
            on_log=stop,
            checkpoint_seconds=0,
        )
    assert list((folder / "checkpoints").rglob("state.checkpoint"))


@pytest.mark.parametrize("stage", ["train retrained-1", "fine-tune"])
def test_an_interrupted_run_does_not_go_on_for_another_list(make_config, tmp_path, stage) -> None:
    first, second = (f"data.forget={{kind='random', count=20, seed={seed}}}" for seed in (0, 1))
    stopped(make_config, tmp_path / "out", stage, first)
    with pytest.raises(InputError, match="belongs to another model, data, request"):
        run_unlearn(make_config("reference.retrain=1", second), tmp_path / "out", resume=True)
    record = run_unlearn(make_config("reference.retrain=1", first), tmp_path / "out", resume=True)
    alone = run_unlearn(make_config("reference.retrain=1", first), tmp_path / "alone")
    assert record.model.sha256_after == alone.model.sha256_after
    assert record.scores == alone.scores


def test_a_second_run_is_told_who_holds_the_folder(again, make_config) -> None:
    with (
        FileLock(again / ".lock"),
        pytest.raises(InputError, match="another run is writing into"),
    ):
        run_unlearn(make_config(), again)


def test_leftovers_of_a_killed_writer_go(again, make_config) -> None:
    left = again / "checkpoints" / "unlearn"
    left.mkdir(parents=True)
    (left / ".state.checkpoint.123.tmp").write_bytes(b"half")
    (again / ".record.json.77.tmp").write_bytes(b"half")
    run_unlearn(make_config("reference.retrain=1"), again)
    assert not list(again.rglob("*.tmp"))


def test_a_full_disk_keeps_the_last_checkpoint(make_config, tmp_path, monkeypatch) -> None:
    from expunge.core.storage import checkpoints

    real, calls = checkpoints.write_state, []

    def fills(path, request, state):
        calls.append(path)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        real(path, request, state)

    monkeypatch.setattr(checkpoints, "write_state", fills)
    with pytest.raises(InputError, match="No space left on device"):
        run_unlearn(make_config(), tmp_path / "out", checkpoint_seconds=0)
    assert (tmp_path / "out" / "checkpoints" / "original" / "state.checkpoint").is_file()
    monkeypatch.undo()
    rows = []
    run_unlearn(make_config(), tmp_path / "out", resume=True, on_log=rows.append)
    assert min(row["step"] for row in rows if row["doing"] == "train original") > 0


def test_no_single_id_is_found_by_trying_all(make_config, tmp_path) -> None:
    config = make_config("data.forget={kind='ids', ids=['train/28']}")
    folder = tmp_path / "out"
    run_unlearn(config, folder)
    prepared = prepare(config)
    with safetensors.safe_open(folder / "model.safetensors", "pt") as file:
        assert set(file.metadata()) == {"format", "expunge.sha256"}
    told = "".join(
        path.read_bytes().decode(errors="replace") for path in folder.iterdir() if path.is_file()
    )
    start = Record.load(folder / "record.json").model.sha256_before
    for row, name in enumerate(prepared.bundle.train.ids):
        other = prepare(make_config(f"data.forget={{kind='ids', ids=['{name}']}}"), prepared.loaded)
        guesses = [other.result_identity(start), other.reference(1).identity]
        guesses += [hashlib.sha256(text.encode()).hexdigest() for text in (name, str(row))]
        assert not [one for one in guesses if one in told]
    assert "train/28" not in told


def test_known_results_cannot_be_written_elsewhere() -> None:
    found = Bench.load(next((Path(__file__).parents[2] / "results" / "bench").glob("*.json")))
    bad = found.model_copy(
        update={"results": [found.results[0].model_copy(update={"key": "../../x"})]}
    )
    with pytest.raises(InputError, match=r"expected keys of 64 hexadecimal digits.*'../../x'"):
        adopt(bad, worker=None, store=None, work=[])


@pytest.mark.parametrize(
    "value", ["0.1\nmethod.lr=5", "[" * 5000, "0.1\r0.2"], ids=["two lines", "deep", "return"]
)
def test_values_that_would_lose_a_part_are_refused(make_config, value) -> None:
    with pytest.raises(ConfigError, match="--set"):
        make_config(f"method.lr={value}")

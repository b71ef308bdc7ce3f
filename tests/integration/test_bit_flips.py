"""One bit flips in a file that a run left: whoever reads it notices, or reads what was written."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from expunge import ExpungeError, InputError, Record, load_weights, verify_folder
from expunge.core.schemas.results import Bench
from expunge.runs import prepare, run_unlearn
from expunge.runs.manifest import Manifest
from expunge.runs.store import Store
from expunge.training import RECIPES
from expunge.training.shards import ShardPlan

FLIPS = 25
Read = Callable[[Path], object]


def flipped(path: Path, seed: int) -> Iterator[int]:
    """Flip single bits at random places, one at a time; in the end the file is whole again."""
    whole, choose = path.read_bytes(), random.Random(seed)
    for _ in range(FLIPS):
        place = choose.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        yield place
    path.write_bytes(whole)


def used_silently(path: Path, read: Read, seed: int) -> list[int]:
    """Flips after which ``read`` gives something else without saying so."""
    written, bad = read(path), []
    for place in flipped(path, seed):
        try:
            found = read(path)
        except ExpungeError:
            continue
        if found != written:
            bad.append(place)
    return bad


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_config):
    """A finished run and, beside it, what one leaves that was stopped while it unlearned."""
    place = tmp_path_factory.mktemp("flips")
    config = make_config("reference.retrain=1")
    run_unlearn(config, place / "whole")

    def stop(row: dict) -> None:
        if row.get("doing") == "fine-tune" and row.get("step") == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_unlearn(config, place / "stopped", on_log=stop, checkpoint_seconds=0)
    return place


@pytest.fixture
def again(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def weights(make_config) -> Read:
    """Reads weights into the net that they are of."""
    setting = prepare(make_config())

    def read(path: Path) -> list[list[float]]:
        net = setting.untrained()
        load_weights(net, path)
        return [value.double().flatten().tolist() for value in net.state_dict().values()]

    return read


@pytest.mark.parametrize("name", ["original", "retrained-1", "model"])
def test_in_weights(again, weights, name) -> None:
    assert used_silently(again / "whole" / f"{name}.safetensors", weights, 0) == []


def test_in_the_record_and_in_the_manifest(again) -> None:
    assert used_silently(again / "whole" / "record.json", Record.load, 1) == []
    assert used_silently(again / "whole" / "manifest.json", Manifest.load, 2) == []


def test_in_any_file_of_a_verified_folder(again) -> None:
    for path in sorted((again / "whole").iterdir()):
        if path.name in ("manifest.json", "salt"):
            continue
        for _ in flipped(path, 3):
            with pytest.raises(InputError, match=f"{path.name} is not as it was written"):
                verify_folder(again / "whole")


def test_in_a_checkpoint(again, make_config) -> None:
    (state,) = (again / "stopped" / "checkpoints" / "unlearn").glob("*.checkpoint")
    config = make_config("reference.retrain=1")
    for _ in flipped(state, 4):
        with pytest.raises(InputError, match="checkpoint"):
            run_unlearn(config, again / "stopped", resume=True)
        assert state.is_file()
    run_unlearn(config, again / "stopped", resume=True)
    kept, whole = (again / part / "model.safetensors" for part in ("stopped", "whole"))
    net, other = (prepare(config).untrained() for _ in range(2))
    load_weights(net, kept)
    load_weights(other, whole)
    pairs = zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)


def test_in_a_store(tmp_path, folder, weights) -> None:
    store = Store(tmp_path / "store", warn=lambda text: None)
    value = {"scores": {"mia": 12.25, "test_accuracy": 98.5}, "kind": "unlearned"}
    store.put("results", "0" * 64, value)
    path = tmp_path / "store" / "results" / f"{'0' * 64}.json"
    for _ in flipped(path, 5):
        assert store.get("results", "0" * 64) in (None, value)
    net = store.file("nets", "1" * 64)
    net.parent.mkdir()
    shutil.copy(folder / "whole" / "original.safetensors", net)
    assert used_silently(net, weights, 6) == []


def test_in_the_results_of_a_bench(tmp_path, folder) -> None:
    record = Record.load(folder / "whole" / "record.json")
    result = {"key": "0" * 64, "data": "d", "model": "m", "scenario": "s", "method": "FT",
              "kind": "unlearned", "number": 0, "seed": 0, "record": record}  # fmt: skip
    bench = Bench(title="t", created=record.created, config={}, order=[], planned=1,
                  results=[result])  # fmt: skip
    bench.save(tmp_path / "bench.json")
    assert used_silently(tmp_path / "bench.json", Bench.load, 7) == []


def test_in_the_plan_of_shards(tmp_path) -> None:
    plan = ShardPlan(
        shards=3, slices=2, seed=0, combine="mean", precision="fp32", recipe=RECIPES["quick"],
        net="a" * 64, data="b" * 64, parts=list(range(6)) * 20, removed=[7, 11], done=[2, 2, 1],
    )  # fmt: skip
    plan.write(tmp_path)
    assert used_silently(tmp_path / "sisa.json", lambda path: ShardPlan.read(path.parent), 8) == []

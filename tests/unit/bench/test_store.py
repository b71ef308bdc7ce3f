"""The store: values by their key, whole or not at all."""

import json
import os
import subprocess
import sys

import pytest

from expunge.bench import Store
from expunge.runs.store import key_of


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path, said) -> Store:
    return Store(tmp_path / "store", said.append)


def test_a_value_comes_back(store, said) -> None:
    value = {"a": [1, 2.5, None], "b": {"c": "é"}}
    assert store.get("results", "k") is None
    store.put("results", "k", value)
    assert store.get("results", "k") == value
    assert store.get("trials", "k") is None
    assert said == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"value": {}}', '{"sha256": "0", "value": {"a": 1}}', "\ud800"],
)
def test_a_damaged_value_is_named_and_counts_as_absent(store, said, text) -> None:
    store.put("results", "k", {"a": 1})
    path = store.folder / "results" / "k.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert store.get("results", "k") is None
    assert len(said) == 1
    assert str(path) in said[0]


def test_every_bit_counts(store) -> None:
    store.put("results", "k", {"a": 1.0})
    path = store.folder / "results" / "k.json"
    content = json.loads(path.read_text())
    content["value"]["a"] = 1.0000000000000002
    path.write_text(json.dumps(content))
    assert store.get("results", "k") is None


def test_nan_is_never_written(store) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.put("results", "k", {"a": float("nan")})
    assert store.get("results", "k") is None


def test_keys_depend_on_every_part_and_on_nothing_else() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    parts = [("a",), ("a", None), ("a", 1), ("a", "1"), ("a", [1]), ("a", {"x": 1})]
    assert len({key_of(*one) for one in parts}) == len(parts)


def test_a_lock_keeps_another_process_out_and_dies_with_its_holder(store) -> None:
    hold = (
        "import sys, time\nfrom filelock import FileLock\n"
        "lock = FileLock(sys.argv[1])\nlock.acquire()\nprint('held', flush=True)\ntime.sleep(60)\n"
    )
    path = store.folder / "running" / "k.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE, env=os.environ
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with store.lock("k", wait=False) as held:
        assert not held
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with store.lock("k") as held:
        assert held

"""Files that know when they were damaged: states, tensors, manifests."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Subset, TensorDataset

from expunge.core import InputError, ResourceError
from expunge.core.storage.checkpoints import CheckpointStore
from expunge.core.storage.contents import ItemDigests, content_digest
from expunge.core.storage.files import write_atomically
from expunge.core.storage.states import read_state, write_state
from expunge.core.storage.tensors import DamagedFileError, read_or_none, read_tensors, write_tensors
from expunge.runs.manifest import verify_folder, write_manifest


def state() -> dict[str, Any]:
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    return {
        "step": 7,
        "model": {"a": weight.to(memory_format=torch.channels_last), "b": torch.tensor(3)},
        "optimizer": {"state": {0: {"buffer": weight}}, "groups": [{"lr": 0.1, "x": None}]},
        "history": [{"loss": float("inf"), "name": "train", "done": True}],
        "pair": (1, (2.5, "é")),
        "random": torch.get_rng_state(),
        "empty": torch.zeros(0, 3),
    }  # fmt: skip


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return (
            torch.equal(one, other) and one.dtype == other.dtype and one.stride() == other.stride()
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(map(same, one, other))
    return one == other and type(one) is type(other)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    write_state(tmp_path / "s", "request", state())
    request, found = read_state(tmp_path / "s")
    assert request == "request"
    assert same(found, state())


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "state.checkpoint"
    store = CheckpointStore(tmp_path, "request")
    store.save("state", state())
    content = path.read_bytes()
    places = random.Random(0)
    for _ in range(300):
        changed = bytearray(content)
        changed[places.randrange(len(content))] ^= 1 << places.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"is damaged|belongs to another"):
            store.load("state")
    for size in (0, 1, 8, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match="is damaged"):
            store.load("state")
    path.write_bytes(content.replace(b'[[\\"step\\", 7]', b'[[\\"step\\", 9]'))
    assert path.read_bytes() != content
    with pytest.raises(InputError, match="is damaged"):
        store.load("state")


def test_tensors_and_facts_are_sealed_together(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    write_tensors(path, {"a": torch.arange(6.0)}, {"identity": "x", "seconds": "3.5"})
    tensors, facts = read_tensors(path)
    assert tensors["a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert facts == {"identity": "x", "seconds": "3.5"}
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"3.5"', b'"9.5"'))
    with pytest.raises(DamagedFileError):
        read_tensors(path)
    assert read_or_none(path) is None
    assert read_or_none(tmp_path / "none") is None


def test_files_of_others_need_no_digest(tmp_path: Path) -> None:
    import safetensors.torch

    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2)}, path)
    assert read_tensors(path, foreign=True)[0]["a"].tolist() == [1, 1]
    with pytest.raises(DamagedFileError, match="carries no SHA-256"):
        read_tensors(path)


def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def stop(target: Path) -> None:
        target.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, stop)

    def full(_target: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ResourceError, match="No space left"):
        write_atomically(path, full)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_manifest_notices_every_change(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "record.json").write_text('{"verdict": "fail"}')
    (tmp_path / "sub" / "model.safetensors").write_bytes(bytes(100))
    (tmp_path / "salt").write_text("secret")
    with pytest.raises(InputError, match=r"cannot read the manifest"):
        verify_folder(tmp_path)
    write_manifest(tmp_path, "identity")
    assert set(verify_folder(tmp_path).files) == {"record.json", "sub/model.safetensors"}
    (tmp_path / "record.json").write_text('{"verdict": "pass"}')
    (tmp_path / "sub" / "model.safetensors").unlink()
    message = r"record\.json is not as it was written; sub/model\.safetensors is missing"
    with pytest.raises(InputError, match=message):
        verify_folder(tmp_path)
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="damaged, or not a manifest: it is nested too deep"):
        verify_folder(tmp_path)


def test_other_contents_have_other_digests() -> None:
    inputs, labels = torch.randn(40, 3), torch.zeros(40, dtype=torch.long)
    whole = TensorDataset(inputs, labels)
    one, other = Subset(whole, [1, 2, 3]), Subset(whole, [1, 2, 4])
    assert content_digest(one) == content_digest(Subset(whole, [1, 2, 3]))
    assert content_digest(one) != content_digest(other)
    changed = inputs.clone()
    changed[2, 0] += 1e-6
    assert content_digest(one) != content_digest(Subset(TensorDataset(changed, labels), [1, 2, 3]))
    assert content_digest(None) == "none"


def test_sets_that_augment_count_by_their_targets() -> None:
    class Noisy:
        def __init__(self, labels: list[int]) -> None:
            self.labels, self.reads = labels, 0

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[float, int]:
            self.reads += 1
            return float(self.reads), self.labels[index]

    assert content_digest(Noisy([1, 2])) == content_digest(Noisy([1, 2]))
    assert content_digest(Noisy([1, 2])) != content_digest(Noisy([1, 3]))


def test_rows_of_tensors_are_told_without_seeding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeding takes a hundred times as long as a row; the digests are those of the slow way."""
    tensors = TensorDataset(torch.randn(50, 3), torch.arange(50) % 4)
    slow = ItemDigests([tensors[row] for row in range(50)])
    rows = [7, 3, 49]
    expected = [slow.input(row) for row in rows], [slow.whole(row) for row in rows]

    def forbidden(seed: int) -> None:
        raise AssertionError(f"seeded with {seed}")

    monkeypatch.setattr("expunge.core.storage.contents.seed_everything", forbidden)
    for dataset, places in ((tensors, rows), (Subset(tensors, rows), range(3))):
        fast = ItemDigests(dataset)
        assert [fast.input(row) for row in places] == expected[0]
        assert [fast.whole(row) for row in places] == expected[1]

"""Planted canaries: always wrong, always the same, in every way a set gives its labels."""

import re
from typing import Any

import pytest
import torch

from expunge.core import InputError
from expunge.core.data import fetch
from expunge.data import Bundle, ImageSet, plant_canaries, select_forget
from expunge.data.bundle import RowSet
from expunge.data.convert import read_labels

LABELS = torch.arange(60) % 3


def image_set() -> ImageSet:
    return ImageSet(torch.zeros(60, 1, 6, 6, dtype=torch.uint8), LABELS)


def bundle_of(train: Any, classes: int = 3) -> Bundle:
    return Bundle("toy", train, None, None, None, classes, (1, 6, 6))


def pairs() -> list[tuple[torch.Tensor, int]]:
    return [(torch.zeros(1, 6, 6), int(label)) for label in LABELS]


@pytest.mark.parametrize(
    "train",
    [
        image_set(),
        RowSet(pairs(), LABELS, "train/"),
        RowSet([{"image": x, "label": y} for x, y in pairs()], LABELS, "train/"),
        pairs(),
    ],
    ids=["images", "rows", "mappings", "plain"],
)
def test_labels_are_wrong_exactly_where_planted(train: Any) -> None:
    bundle = bundle_of(train)
    planted = plant_canaries(bundle, {"fraction": 0.2, "seed": 1})
    found = planted.canaries
    assert found is not None
    assert found.positions.tolist() == sorted(set(found.positions.tolist()))
    assert len(found.positions) == 12
    labels = read_labels(planted.train)
    assert (labels != LABELS).nonzero().flatten().tolist() == found.positions.tolist()
    assert torch.equal(labels[found.positions], found.planted)
    assert torch.equal(LABELS[found.positions], found.true)
    assert select_forget(planted, {"kind": "canaries"}).tolist() == found.positions.tolist()
    # What is trained on are the batches, of the parts as of the whole.
    data = planted.unlearning_data(found.positions)
    batch = fetch(data.forget, torch.arange(12))
    given = batch["label"] if isinstance(batch, dict) else batch[1]
    assert given.tolist() == found.planted.tolist()
    kept = fetch(data.retain, torch.arange(48))
    given = kept["label"] if isinstance(kept, dict) else kept[1]
    rest = torch.ones(60, dtype=torch.bool)
    rest[found.positions] = False
    assert given.tolist() == LABELS[rest].tolist()
    assert torch.equal(read_labels(bundle.train), LABELS)  # the given data stay as they are
    assert planted.fingerprint() != bundle.fingerprint()


def test_a_seed_chooses_samples_and_labels() -> None:
    def canaries(**request: Any) -> Any:
        return plant_canaries(bundle_of(image_set()), request).canaries

    first, again = canaries(count=12, seed=5), canaries(fraction=0.2, seed=5)
    assert torch.equal(first.positions, again.positions)
    assert torch.equal(first.planted, again.planted)
    other = canaries(count=12, seed=6)
    assert not torch.equal(first.positions, other.positions)
    # A larger plan holds the smaller one with the same labels.
    larger = canaries(count=40, seed=5)
    wide = dict(zip(larger.positions.tolist(), larger.planted.tolist(), strict=True))
    assert all(
        wide[at] == label
        for at, label in zip(first.positions.tolist(), first.planted.tolist(), strict=True)
    )
    steps = ((larger.planted - larger.true) % 3).bincount(minlength=3).tolist()
    assert steps[0] == 0
    assert min(steps[1:]) > 10


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {},
            "canaries: expected either fraction (e.g. 0.1) or count",
        ),
        ({"count": 3, "fraction": 0.1}, "one of them, got both; leave one out"),
        ({"count": 60}, "expected canaries.count to be a whole number between 1 and 59"),
        ({"fraction": 0.001}, "the canaries set is empty"),
        ({"fraction": "x"}, 'canaries.fraction: expected a number, got "x"'),
        ({"count": 3, "seed": 0.5}, "canaries.seed: expected a whole number, got 0.5"),
        ({"count": 3, "sed": 0}, "canaries.sed: unknown key; did you mean 'seed'?"),
    ],
)
def test_bad_plans(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        plant_canaries(bundle_of(image_set()), request_)


def test_data_that_cannot_hold_canaries() -> None:
    with pytest.raises(InputError, match="there is only one class"):
        plant_canaries(bundle_of(image_set(), 1), {"count": 3})

    class Named(list):  # type: ignore[type-arg]
        ids = tuple(str(row) for row in range(60))

    with pytest.raises(InputError, match="that can take other labels, got Named"):
        plant_canaries(bundle_of(Named(pairs())), {"count": 3})
    with pytest.raises(InputError, match="the data hold no canaries to forget; plant some"):
        select_forget(bundle_of(image_set()), {"kind": "canaries"})
    with pytest.raises(InputError, match=r"forget\.count: unknown key"):
        select_forget(bundle_of(image_set()), {"kind": "canaries", "count": 3})

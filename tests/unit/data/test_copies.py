"""Copies of what is forgotten are found, and refused, forgotten along or kept."""

import hashlib
from typing import Any

import pytest
import torch
from torch import Tensor

from expunge.core import DataError
from expunge.core.progress import listening
from expunge.core.schemas.request import parse_request
from expunge.data import Bundle, ImageSet, settle_copies
from expunge.data.bundle import RowSet
from expunge.data.requests.select import resolve


def pixels(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def images(prefix: str, *numbers: int) -> ImageSet:
    labels = torch.arange(len(numbers)) % 2  # a copy may have another label
    return ImageSet(pixels(*numbers), labels, ids=[f"{prefix}/{n}" for n in range(len(numbers))])


BUNDLE = Bundle(
    "toy", images("train", 1, 2, 3, 1, 2, 5, 1), images("train", 7, 8), images("test", 2, 9, 2),
    None, 2, (1, 4, 4),
)  # fmt: skip


def settled(policy: str | None, bundle: Bundle = BUNDLE, **request: Any) -> tuple[list[int], Any]:
    spec = parse_request(request)
    found, notes = settle_copies(bundle, spec, resolve(bundle, spec), policy)
    return found.positions.tolist(), notes


def test_digests_are_found_once_and_follow_the_pixels() -> None:
    """Also in parts, and not from one set to another of other pixels."""

    def plain(dataset: ImageSet) -> list[bytes]:
        rows = dataset.images.permute(0, 2, 3, 1).contiguous()
        return [hashlib.sha256(row.numpy().tobytes()).digest() for row in rows]

    whole = images("train", *range(9))
    part = whole.subset(torch.tensor([7, 2, 2]))
    for dataset in (part, whole, part, whole.with_channels(3), part.with_channels(3)):
        assert dataset.input_digests() == plain(dataset)
    heard: list[dict] = []
    many = images("train", *[n % 250 for n in range(5000)])
    with listening(heard.append, announced=False):
        whole.input_digests()
        many.subset(torch.arange(10)).input_digests()  # few are told nobody
        many.input_digests()
        many.input_digests()
    assert {(row["stage"], row["total"]) for row in heard} == {("comparing images", 4990)}
    assert [row["step"] for row in heard] == sorted({row["step"] for row in heard})
    assert heard[-1]["step"] == 4989


ONE = {"kind": "ids", "ids": [0]}


def test_named_samples_whose_copies_would_stay_are_refused() -> None:
    message = (
        r"2 byte-equal copies of forgotten samples would stay in the training set: 'train/3' of "
        r"'train/0', 'train/6' of 'train/0'; set data\.copies"
    )
    with pytest.raises(DataError, match=message):
        settled(None, **ONE)
    assert settled(None, kind="random", count=1)[0] in ([row] for row in range(7))


def test_copies_are_forgotten_along_or_kept() -> None:
    assert settled("forget", **ONE) == (
        [0, 3, 6],
        ["forgotten along: 2 byte-equal copies of forgotten samples in the training set"],
    )
    kept, notes = settled("keep", kind="ids", ids=[1])
    assert kept == [1]
    assert notes == [
        "1 byte-equal copy of a forgotten sample left in the training set",
        "2 byte-equal copies of forgotten samples are in the test set, which counts them as unseen",
    ]
    assert settled(None, kind="ids", ids=[2]) == ([2], [])


def test_copies_may_leave_nothing() -> None:
    bundle = Bundle("toy", images("train", 1, 1, 1), None, None, None, 2, (1, 4, 4))
    with pytest.raises(DataError, match="every training sample is to be forgotten or a copy"):
        settled("forget", bundle, **ONE)


def test_rows_of_numbers_are_compared_too() -> None:
    items = [(torch.tensor([float(n), 0]), n % 2) for n in (1, 2, 1, 4)]
    train = RowSet(items, torch.tensor([0, 1, 0, 1]), "train/")
    bundle = Bundle("rows", train, None, None, None, 2, (2, 1, 1))
    assert settled("forget", bundle, kind="ids", ids=["train/0"])[0] == [0, 2]


def test_contents_decide_the_fingerprint_of_rows() -> None:
    def made(value: float) -> RowSet:
        items = [(torch.tensor([1.0, value]), 0), (torch.tensor([2.0, 0]), 1)]
        return RowSet(items, torch.tensor([0, 1]), "train/")

    assert made(3).fingerprint() == made(3).fingerprint()
    assert made(3).fingerprint() != made(4).fingerprint()
    assert (
        made(3).subset(torch.tensor([1])).fingerprint()
        == made(4).subset(torch.tensor([1])).fingerprint()
    )


def test_random_items_have_no_copies() -> None:
    counted: list[int] = []

    class Counter:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            counted.append(index)
            return torch.tensor([float(len(counted))]), 0

    train = RowSet(Counter(), torch.zeros(4, dtype=torch.long), "train/")
    assert train.input_digests() == [None] * 4
    assert len(counted) == 5  # one reading each, and one more to find out

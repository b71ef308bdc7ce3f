"""``ImageSet`` against the plainest loops, and every check of its parts."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from expunge.core import DataError, InputError
from expunge.core.capabilities import makes_batches
from expunge.core.data import fetch
from expunge.data import Augmentation, ImageSet

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def pixels(count: int = 12, channels: int = 3, height: int = 7, width: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(
        0, 256, (count, channels, height, width), generator=generator, dtype=torch.uint8
    )


def make(count: int = 12, **kwargs: object) -> ImageSet:
    return ImageSet(pixels(count), torch.arange(count) % 3, **kwargs)


def normalised(images: Tensor) -> Tensor:
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (images / 255 - mean) / std


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_plain_batch_is_the_definition() -> None:
    images = make(mean=MEAN, std=STD)
    indices = torch.tensor([3, 0, 11, 3])
    inputs, labels = images.batch(indices, None)
    torch.testing.assert_close(inputs, normalised(pixels()[indices]))
    assert labels.tolist() == [0, 0, 2, 0]
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert makes_batches(images)


@pytest.mark.parametrize("augmentation", [Augmentation(2, True), Augmentation(3, False)])
def test_augmented_batch_is_some_shift_and_flip_of_the_reflected_image(
    augmentation: Augmentation,
) -> None:
    # Wide enough that no reflected window is the mirror image of another.
    source_images = pixels(12, 3, 9, 11)
    images = ImageSet(
        source_images, torch.arange(12), augmentation=augmentation, mean=MEAN, std=STD
    )
    inputs, _ = images.batch(torch.arange(12), seeded())
    crop = augmentation.crop
    seen = set()
    for image, got in zip(source_images, inputs, strict=True):
        matches = []
        for flipped in (False, True):
            source = image.flip(2) if flipped else image
            padded = F.pad(source[None].float(), (crop,) * 4, mode="reflect")[0]
            for down in range(2 * crop + 1):
                for right in range(2 * crop + 1):
                    window = normalised(padded[:, down : down + 9, right : right + 11])
                    if torch.allclose(window, got, atol=1e-5):
                        matches.append((flipped, down, right))
        assert len(matches) == 1
        seen.add(matches[0])
    assert any(flipped for flipped, *_ in seen) == augmentation.flip
    assert len({down for _, down, _ in seen}) > 2
    assert len({right for *_, right in seen}) > 2


def test_every_shift_and_both_mirrors_come_up_equally_often() -> None:
    ramp = torch.arange(9, dtype=torch.uint8).expand(1, 1, 9, 9).clone()
    images = ImageSet(ramp, torch.zeros(1, dtype=torch.long), augmentation=Augmentation(1, True))
    inputs, _ = images.batch(torch.zeros(6000, dtype=torch.long), seeded())
    first = (inputs[:, 0, 0, 3:5] * 255).round().long()
    kinds, counts = torch.unique(first, dim=0, return_counts=True)
    assert len(kinds) == 6
    assert int(counts.min()) > 850
    assert int(counts.max()) < 1150


def test_augmentation_depends_on_the_generator_alone() -> None:
    images = make(augmentation=Augmentation(2))
    before = torch.get_rng_state()
    first = images.batch(torch.arange(12), seeded(1))[0]
    torch.manual_seed(5)
    assert torch.equal(first, images.batch(torch.arange(12), seeded(1))[0])
    assert not torch.equal(first, images.batch(torch.arange(12), seeded(2))[0])
    torch.set_rng_state(before)
    images.batch(torch.arange(12), seeded(1))
    assert torch.equal(before, torch.get_rng_state())


def test_no_augmentation_ignores_the_generator() -> None:
    images = make(augmentation=Augmentation.none())
    given = seeded()
    state = given.get_state()
    assert torch.equal(
        images.batch(torch.arange(4), given)[0], images.batch(torch.arange(4), None)[0]
    )
    assert torch.equal(state, given.get_state())


def test_with_augmentation_leaves_the_original_alone() -> None:
    images = make(augmentation=Augmentation.none())
    other = images.with_augmentation(Augmentation(1))
    assert images.augmentation == Augmentation.none()
    assert other.augmentation.crop == 1


def test_items_are_plain_and_work_with_fetch() -> None:
    images = make(mean=MEAN, std=STD)
    image, label = images[-1]
    torch.testing.assert_close(image, normalised(pixels()[11]))
    assert label == 2
    assert image.is_contiguous()
    inputs, labels = fetch(images, torch.tensor([11]))
    assert torch.equal(inputs[0], image)
    assert int(labels) == label
    with pytest.raises(IndexError):
        images[12]


def test_subsets_of_subsets_keep_everything_and_share_pixels() -> None:
    images = make(columns={"who": list("abcdefghijkl")}, mean=MEAN, std=STD)
    part = images.subset(torch.tensor([9, 2, 5])).subset(torch.tensor([2, 0]))
    assert part.ids == ["5", "9"]
    assert part.columns == {"who": ["f", "j"]}
    assert part.labels.tolist() == [2, 0]
    assert torch.equal(part.images, pixels()[[5, 9]])
    assert torch.equal(part.batch(torch.tensor([1]), None)[0][0], images[9][0])
    assert part._pixels.data_ptr() == images._pixels.data_ptr()
    assert len(part) == 2


def test_augmented_subset_equals_the_same_rows_of_the_whole() -> None:
    images = make(augmentation=Augmentation(2))
    part = images.subset(torch.tensor([4, 8]))
    expected = images.batch(torch.tensor([4, 8]), seeded())[0]
    assert torch.equal(part.batch(torch.arange(2), seeded())[0], expected)


def test_to_moves_only_the_own_pixels() -> None:
    images = make(mean=MEAN, std=STD)
    assert images.to("cpu") is images
    moved = images.subset(torch.tensor([1, 2])).to("meta")
    assert moved.device.type == moved.labels.device.type == "meta"
    assert moved.images.shape == (2, 3, 7, 5)
    assert moved.batch(torch.tensor([0]), None)[0].shape == (1, 3, 7, 5)
    assert images.device.type == "cpu"


def test_fingerprint_sees_pixels_labels_and_order_but_not_ids() -> None:
    whole = make()
    reference = whole.fingerprint()
    assert reference == make(ids=[f"x{row}" for row in range(12)]).fingerprint()
    assert whole.subset(torch.arange(12)).fingerprint() == reference
    assert whole.subset(torch.arange(11, -1, -1)).fingerprint() != reference
    changed = pixels()
    changed[3, 0, 0, 0] += 1
    assert ImageSet(changed, torch.arange(12) % 3).fingerprint() != reference
    assert ImageSet(pixels(), (torch.arange(12) + 1) % 3).fingerprint() != reference
    assert ImageSet(pixels().reshape(12, 3, 5, 7), whole.labels).fingerprint() != reference


def test_picture_shows_the_stored_bytes() -> None:
    part = make().subset(torch.tensor([7]))
    assert np.array_equal(np.asarray(part.picture(0)), pixels()[7].permute(1, 2, 0).numpy())
    grey = ImageSet(pixels(2, 1), torch.zeros(2, dtype=torch.long))
    assert grey.picture(1).mode == "L"
    assert np.array_equal(np.asarray(grey.picture(1)), pixels(2, 1)[1, 0].numpy())


def test_channel_statistics_match_the_definition() -> None:
    part = make().subset(torch.arange(3, 9))
    mean, std = part.channel_statistics()
    values = pixels()[3:9].double() / 255
    assert mean == pytest.approx(values.mean((0, 2, 3)).tolist())
    assert std == pytest.approx(values.std((0, 2, 3), correction=0).tolist())
    flat = ImageSet(torch.full((2, 1, 2, 2), 9, dtype=torch.uint8), torch.tensor([0, 1]),
                    augmentation=Augmentation.none())  # fmt: skip
    assert flat.channel_statistics()[1] == (1.0,)


def test_with_normalisation_and_channels() -> None:
    grey = ImageSet(pixels(3, 1), torch.arange(3), mean=(0.5,), std=(0.5,))
    colour = grey.subset(torch.tensor([2])).with_channels(3)
    assert colour.image_shape == (3, 7, 5)
    assert colour.mean == (0.5, 0.5, 0.5)
    assert torch.equal(colour[0][0], grey[2][0].expand(3, 7, 5))
    plain = grey.with_normalisation(None, None)
    torch.testing.assert_close(plain[0][0], pixels(3, 1)[0] / 255)
    with pytest.raises(DataError, match="expected grey images, got 3 channels"):
        colour.with_channels(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 3, 4, 4)}, "uint8 tensor (N, C, H, W), got torch.float32"),
        ({"images": np.zeros((2, 3, 4, 4))}, "got ndarray"),
        ({"images": torch.zeros(2, 4, 4, dtype=torch.uint8)}, "got torch.uint8 (2, 4, 4)"),
        ({"images": torch.zeros(0, 3, 4, 4, dtype=torch.uint8)}, "at least one image"),
        ({"labels": torch.zeros(5, dtype=torch.long)}, "expected 12 labels, one per image"),
        ({"labels": torch.zeros(12)}, "whole numbers (int64), got torch.float32"),
        ({"labels": torch.arange(12) - 1}, "expected labels >= 0, got -1 at position 0"),
        ({"classes": ["a", "b"]}, "between 0 and 1, got 2 at position 2 (4 such labels)"),
        ({"ids": ["x"] * 12}, "id 'x' occurs twice"),
        ({"ids": ["x"]}, "expected 12 ids, one per image, got 1"),
        ({"mean": (0.5,)}, "expected mean to hold 3 finite numbers, one per channel"),
        ({"std": (0.5, float("nan"), 1)}, "expected std to hold 3 finite numbers"),
        ({"std": (0.5, 0.0, 1)}, "expected every std > 0"),
        ({"columns": {"who": [1]}}, "expected column 'who' to have 12 values, got 1"),
        ({"augmentation": Augmentation(5)}, "expected crop < 5 for images of 7x5, got 5"),
    ],
)
def test_bad_parts_are_named(change: dict[str, object], message: str) -> None:
    parts = {"images": pixels(), "labels": torch.arange(12) % 3} | change
    with pytest.raises(DataError, match=re.escape(message)):
        ImageSet(parts.pop("images"), parts.pop("labels"), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("crop", [-1, 1.5, True])
def test_bad_crop(crop: object) -> None:
    with pytest.raises(InputError, match="expected crop to be a whole number >= 0"):
        Augmentation(crop)  # type: ignore[arg-type]

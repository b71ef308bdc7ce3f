"""Torch data sets to image sets: what is exact, what is refused, and how that is said."""

from typing import Any

import numpy as np
import pytest
import torch
from data_files import random_pixels
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from expunge.core import DataError
from expunge.data import Augmentation, ImageSet
from expunge.data.convert import NotImagesError, read_labels

NONE = Augmentation.none()


class Listed(Dataset):  # type: ignore[type-arg]
    """A list as a data set."""

    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self.items = items
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_pil_images_and_their_attributes() -> None:
    arrays = random_pixels(3)
    items = [(Image.fromarray(one), row) for row, one in enumerate(arrays)]
    images = ImageSet.from_torch(
        Listed(items, classes=["a", "b", "c"], ids=["x", "y", "z"]), augmentation=NONE
    )
    assert np.array_equal(images.images.permute(0, 2, 3, 1).numpy(), arrays)
    assert images.classes == ["a", "b", "c"]
    assert images.ids == ["x", "y", "z"]
    assert images.labels.tolist() == [0, 1, 2]


def test_bytes_over_255_are_exact_and_reach_the_model_unchanged() -> None:
    pixels = torch.from_numpy(random_pixels(4)).permute(0, 3, 1, 2)
    floats = pixels.float() / 255
    dataset = TensorDataset(floats, torch.arange(4))
    images = ImageSet.from_torch(dataset, lossless=True, augmentation=NONE)
    assert torch.equal(images.images, pixels)
    torch.testing.assert_close(images.batch(torch.arange(4), None)[0], floats)


def test_other_floats_are_rounded_or_refused_on_demand() -> None:
    floats = torch.full((2, 1, 3, 3), 0.5)
    dataset = TensorDataset(floats, torch.arange(2))
    images = ImageSet.from_torch(dataset, augmentation=NONE)
    assert images.images.unique().tolist() == [128]
    with pytest.raises(NotImagesError, match="multiples of 1/255, as item 0 is not"):
        ImageSet.from_torch(dataset, lossless=True)


def test_uint8_and_mappings() -> None:
    pixels = torch.from_numpy(random_pixels(2)).permute(0, 3, 1, 2)
    items = [{"image": pixels[row], "label": torch.tensor(row)} for row in range(2)]
    assert torch.equal(ImageSet.from_torch(Listed(items), augmentation=NONE).images, pixels)


def item(value: float) -> torch.Tensor:
    image = torch.zeros(1, 2, 2)
    image[0, 1, 0] = value
    return image


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "at least one item"),
        ([(item(0), 0), (item(float("nan")), 1)], r"got nan in item 1 at .* = \(0, 1, 0\)"),
        ([(item(float("-inf")), 1)], "got -inf in item 0"),
        ([(item(-2.5), 0)], "between 0 and 1, got -2.5 to 0 in item 0; take Normalize out"),
        ([(item(0), 0), (torch.zeros(1, 3, 2), 0)], r"item 1 is \(1, 3, 2\).* item 0 is"),
        ([(torch.zeros(4), 0)], r"a PIL image or a tensor \(C, H, W\), got \(4,\)"),
        ([("text", 0)], "got str"),
        ([(torch.zeros(1, 2, 2, dtype=torch.int32), 0)], "as uint8 or float, got torch.int32"),
        ([(item(0), 0.5)], "label of item 0 to be a whole number >= 0, got 0.5"),
        ([(item(0), -1)], "got -1"),
        ([(Image.new("F", (2, 2)), 0)], "image of item 0 cannot be read .*mode 'F'"),
    ],
)
def test_refusals_name_the_item(items: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageSet.from_torch(Listed(items))


def test_a_set_that_augments_is_refused() -> None:
    class Noisy(Listed):
        def __getitem__(self, index: int) -> Any:
            return torch.rand(1, 4, 4), 0

    with pytest.raises(DataError, match="item 0 differs between two reads"):
        ImageSet.from_torch(Noisy([0, 1]))


def test_labels_from_columns_or_by_reading() -> None:
    items = [(None, 2), (None, 1)]
    assert read_labels(Listed(items)).tolist() == [2, 1]
    assert read_labels(Listed(items, targets=[2, 1])).tolist() == [2, 1]
    assert read_labels(Listed(items, targets=np.array([2, 1]))).tolist() == [2, 1]
    assert read_labels(Listed(items, labels=torch.tensor([2, 1]))).tolist() == [2, 1]
    # A transform of the labels, or a column of another length, is no source of labels.
    transformed = Listed(items, targets=[9, 9], target_transform=lambda label: label)
    assert read_labels(transformed).tolist() == [2, 1]
    assert read_labels(Listed(items, targets=[9])).tolist() == [2, 1]
    with pytest.raises(DataError, match=r"label of item 0 .* got 1\.0"):
        read_labels(Listed(items, targets=torch.tensor([1.0, 0.5])))

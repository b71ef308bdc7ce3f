"""Images that look like a forgotten one are hinted at; nothing is decided by that."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from expunge.core.schemas.request import parse_request
from expunge.data import Bundle, ImageSet
from expunge.data.requests.copies import settle_copies
from expunge.data.requests.near_copies import near_copies
from expunge.data.requests.select import resolve


def scenes(count: int, side: int = 48) -> np.ndarray:
    """Smooth images in colour, uint8 (count, side, side, 3), all different."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side))) for one in coarse])


def saved_again(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=70)
    return np.asarray(Image.open(buffer))


def brighter(image: np.ndarray) -> np.ndarray:
    return np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8)


def smaller(image: np.ndarray) -> np.ndarray:
    half = Image.fromarray(image).resize((24, 24))
    return np.asarray(half.resize((48, 48)))


def bundle(images: np.ndarray) -> Bundle:
    pixels = torch.from_numpy(images.copy()).permute(0, 3, 1, 2)
    train = ImageSet(pixels, torch.arange(len(images)) % 2)
    return Bundle("scenes", train, None, None, None, 2, train.image_shape)


@pytest.mark.parametrize("change", [saved_again, brighter, smaller])
def test_a_changed_copy_is_found_and_nothing_else(change) -> None:
    images = scenes(60)
    images[40] = change(images[3])
    assert near_copies(bundle(images), torch.tensor([3, 7])) == [(40, 3)]


def test_flat_and_small_images_look_like_nothing() -> None:
    images = scenes(20)
    images[3:6] = 128
    assert near_copies(bundle(images), torch.tensor([3])) == []
    assert near_copies(bundle(scenes(20, side=31)), torch.tensor([3])) == []
    assert near_copies(bundle(images), torch.tensor([], dtype=torch.long)) == []


def test_a_request_by_name_gets_a_note_without_names() -> None:
    images = scenes(60)
    images[40], images[41] = saved_again(images[3]), images[3]
    data = bundle(images)
    spec = parse_request({"kind": "ids", "ids": ["3"]})
    found, notes = settle_copies(data, spec, resolve(data, spec), "forget")
    assert found.positions.tolist() == [3, 41]
    assert notes == [
        "forgotten along: 1 byte-equal copy of a forgotten sample in the training set",
        "1 image that stays looks like one that is to be forgotten; expunge check names them",
    ]
    random = parse_request({"kind": "random", "count": 5})
    assert settle_copies(data, random, resolve(data, random), None)[1] in ([], [
        "1 byte-equal copy of a forgotten sample left in the training set"])  # fmt: skip

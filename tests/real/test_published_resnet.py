"""Somebody else's trained nets: their files load, and they score what was published."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from expunge.models import Network, build_network, check_network, load_weights

ROOT = Path(os.environ.get("EXPUNGE_DATA", "data-is-not-here"))
WEIGHTS = ROOT / "models" / "resnet_cifar10"
TEST_SET = ROOT / "cifar10" / "test-00000-of-00001.parquet"
RGB = (3, 32, 32)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (WEIGHTS.is_dir() and TEST_SET.is_file()),
        reason="set EXPUNGE_DATA to a folder with models/resnet_cifar10 and cifar10",
    ),
]


def published(depth: int) -> Network:
    net = build_network(f"resnet{depth}", num_classes=10, image_shape=RGB)
    (path,) = WEIGHTS.glob(f"resnet{depth}-*.th")
    load_weights(net.model, path)
    net.model.eval()
    return net


def read_test_set() -> tuple[Tensor, Tensor]:
    """Pixels in [0, 1], (10000, 3, 32, 32), and labels (10000,)."""
    import pyarrow.parquet as pq
    from PIL import Image

    table = pq.read_table(TEST_SET)
    rows = [Image.open(io.BytesIO(one["bytes"])) for one in table["img"].to_pylist()]
    pixels = np.stack([np.asarray(row.convert("RGB")) for row in rows])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return images, torch.tensor(table["label"].to_pylist())


def accuracy(net: Network, images: Tensor, labels: Tensor) -> float:
    """Percent of images whose largest logit is that of the label."""
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (net.mean, net.std))
    hits = 0
    with torch.no_grad():
        for part, truth in zip(images.split(500), labels.split(500), strict=True):
            hits += int((net.model((part - mean) / std).argmax(1) == truth).sum())
    return 100 * hits / len(labels)


@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_every_published_file_fits_its_net(depth: int) -> None:
    check_network(published(depth), RGB, 10)


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "expected"), [(20, 91.73)])
def test_published_accuracy(depth: int, expected: float) -> None:
    # 23 test images exist only as JPEG, so a few predictions may differ.
    assert accuracy(published(depth), *read_test_set()) == pytest.approx(expected, abs=0.1)

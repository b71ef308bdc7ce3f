"""The digits that come with scikit-learn."""

import torch
from torch import Tensor

from ..images.decode import resize_images
from .raw import Collection, Raw, fixed_order, stratified_share


def collect_digits(share: float) -> Collection:
    """scikit-learn's digits, values 0 ... 16 as 0 ... 255; ``share`` of each is the test file."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  (slow to import)

    bunch = load_digits()
    images = torch.from_numpy(bunch.images * (255 / 16)).round().to(torch.uint8)[:, None]
    labels = torch.from_numpy(bunch.target).long()
    names = [str(row) for row in range(len(labels))]
    held = stratified_share(labels, fixed_order(names, "digits", "test"), share)
    classes = list("0123456789")
    train = _raw(images[~held], labels[~held], "train/", classes)
    test = _raw(images[held], labels[held], "test/", classes)
    return Collection("digits", train, test=test)


def _raw(images: Tensor, labels: Tensor, prefix: str, classes: list[str]) -> Raw:
    def decode(rows: Tensor, image_size: int | None) -> Tensor:
        chosen = images[rows]
        return chosen if image_size is None else resize_images(chosen, image_size)

    return Raw([f"{prefix}{row}" for row in range(len(labels))], labels, decode, classes)

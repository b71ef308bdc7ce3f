"""From what a source found to a ``Bundle``: splits, decoding, normalisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import DataError
from ..bundle import Bundle
from ..images.augmentation import Augmentation
from ..images.image_set import ImageSet
from .raw import Collection, Raw, check_classes, fixed_order, stratified_share
from .reading import Reading

_TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Rows:
    """Which rows of the training and the test file go where; int64, in order of the file."""

    train: Tensor
    validation: Tensor
    test: Tensor
    test_is_carved: bool


def divide(
    name: str,
    train_ids: list[str],
    train_labels: Tensor,
    test_ids: list[str] | None,
    reading: Reading,
) -> Rows:
    """Decide the splits by the ids alone, so that no seed of any run can move them.

    Validation rows of a limited set are validation rows of the whole set too, and training
    rows stay training rows: a model trained on all of it never saw the former.

    Raises:
        DataError: If ``test`` is given although there is a test file, or nothing is left.
    """
    order = fixed_order(train_ids, name, "validation")
    if test_ids is None:
        share = _TEST_SHARE if reading.test is None else reading.test
        held = stratified_share(train_labels, fixed_order(train_ids, name, "test"), share)
        test_rows, order = held.nonzero().flatten(), order[~held[order]]
        carved_ids = [train_ids[row] for row in test_rows.tolist()]
    elif reading.test is not None:
        raise DataError(
            f"test = {reading.test} cannot be used: {name} has a test set of its own; leave it out"
        )
    else:
        test_rows, carved_ids = torch.arange(len(test_ids)), test_ids
    count = len(order) if reading.limit is None else min(reading.limit, len(order))
    held_out = round(reading.train_share_held_out * count)
    start = round(reading.train_share_held_out * len(order))
    train, validation = order[start : start + count - held_out], order[:held_out]
    shuffled = test_rows[fixed_order(carved_ids, name, "validation-from-test")]
    shuffled = shuffled[: reading.limit]
    if reading.validation_from_test:
        cut = round(reading.validation_from_test * len(shuffled))
        validation, shuffled = shuffled[:cut], shuffled[cut:]
    if len(train) == 0 or len(shuffled) == 0:
        raise DataError(
            f"{len(train_ids)} training images of {name} are too few for these shares: "
            f"{len(train)} left to train, {len(shuffled)} to test; lower validation or test"
        )
    return Rows(
        train.sort().values, validation.sort().values, shuffled.sort().values, test_ids is None
    )


def assemble(found: Collection, reading: Reading) -> Bundle:
    """Divide and decode a collection; only rows that are wanted are decoded.

    Raises:
        DataError: If an image or a label does not fit; names it.
    """
    test_ids = None if found.test is None else found.test.ids
    if found.validation is not None and reading.validation_from_test == 0:
        reading = reading.model_copy(update={"validation": 0.0})
    rows = divide(found.name, found.train.ids, found.train.labels, test_ids, reading)
    classes, num_classes = _classes(found)
    sets = _decoded(found, rows, reading, classes)
    mean, std = _normalisation(found, reading, sets["train"])
    augmentation = _augmentation(found, reading, sets["train"].image_shape)
    ready = {
        name: images.with_normalisation(mean, std).with_augmentation(augmentation)
        for name, images in sets.items()
    }
    return Bundle(
        found.name, ready["train"], ready.get("validation"), ready.get("test"), classes,
        num_classes, ready["train"].image_shape, root=found.root,
        made_up_ids=found.train.made_up_ids and not found.known_rows,
        notes=tuple(note for raw in found.files for note in raw.notes),
    )  # fmt: skip


def _classes(found: Collection) -> tuple[list[str] | None, int]:
    named = found.classes or found.train.classes
    needed = 1 + max(int(raw.labels.max()) for raw in found.files)
    lowest = min(int(raw.labels.min()) for raw in found.files)
    if lowest < 0:
        raise DataError(
            f"expected labels >= 0 in {found.name}, got {lowest}; hidden test labels are "
            "often -1: leave that file out"
        )
    if named is not None and needed > len(named):
        raise DataError(
            f"expected labels between 0 and {len(named) - 1}, as there are {len(named)} names "
            f"of classes in {found.name}, got {needed - 1}"
        )
    if named is None:
        check_classes(found.train.labels, found.name)
        classes = int(found.train.labels.max()) + 1
        if needed > classes:
            raise DataError(
                f"expected labels 0 to {classes - 1} in {found.name}, as in its training file, "
                f"found {needed - 1} in another: a class without training samples"
            )
    return named, len(named) if named is not None else needed


def _decoded(
    found: Collection, rows: Rows, reading: Reading, classes: list[str] | None
) -> dict[str, ImageSet]:
    """One decoding per file; sets of one file share its pixels."""

    def build(raw: Raw, wanted: Tensor) -> ImageSet:
        plain = {"classes": classes, "augmentation": Augmentation.none()}
        return ImageSet(**raw.decoded(wanted, reading.image_size, **plain))

    from_test = bool(reading.validation_from_test)
    groups = {"train": rows.train}
    if not from_test:
        groups["validation"] = rows.validation
    if rows.test_is_carved:
        groups["test"] = rows.test
        if from_test:
            groups["validation"] = rows.validation
    sets = _share_pixels(build, found.train, groups)
    if found.test is not None:
        groups = {"test": rows.test} | ({"validation": rows.validation} if from_test else {})
        sets |= _share_pixels(build, found.test, groups)
    if found.validation is not None and "validation" not in sets:
        sets["validation"] = build(found.validation, torch.arange(len(found.validation)))
    return _alike(sets)


def _share_pixels(build: Any, raw: Raw, groups: dict[str, Tensor]) -> dict[str, ImageSet]:
    groups = {name: rows for name, rows in groups.items() if len(rows)}
    if len(groups) == 1:
        return {name: build(raw, rows) for name, rows in groups.items()}
    together = torch.cat(list(groups.values())).sort().values
    whole = build(raw, together)
    return {name: whole.subset(torch.searchsorted(together, rows)) for name, rows in groups.items()}


def _alike(sets: dict[str, ImageSet]) -> dict[str, ImageSet]:
    """Bring grey sets to three channels beside colour ones; refuse different sizes."""
    channels = max(images.image_shape[0] for images in sets.values())
    for name, images in sets.items():
        if images.image_shape[1:] != sets["train"].image_shape[1:]:
            raise DataError(
                f"expected {name} images of the size of the training images "
                f"{sets['train'].image_shape[1:]}, found {images.image_shape[1:]}; set "
                f"image_size = {min(sets['train'].image_shape[1:])} to resize all of them"
            )
        if images.image_shape[0] < channels:
            sets[name] = images.with_channels(channels)
    return sets


def _normalisation(
    found: Collection, reading: Reading, train: ImageSet
) -> tuple[Sequence[float], Sequence[float]]:
    if reading.mean is not None and reading.std is not None:
        return reading.mean, reading.std
    if found.mean is not None and found.std is not None:
        return found.mean, found.std
    return train.channel_statistics()


def _augmentation(found: Collection, reading: Reading, shape: tuple[int, int, int]) -> Augmentation:
    """What suits the images: shifts by an eighth, and flips unless the images are grey."""
    wanted = reading.augment
    if wanted is False or (wanted is None and found.shift == 0 and not found.flip):
        return Augmentation.none()
    side = min(shape[1:])
    # A share, not pixels: images may have been brought to another size. Whoever asks for
    # augmentation where the source has none gets the customary eighth.
    crop = int(side * (found.shift or 1 / 8))
    flip = found.flip if found.flip is not None else shape[0] == 3
    return Augmentation(min(crop, side - 1), flip)

"""Data from the user's own code: ``package.module:factory``."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.capabilities import IdentifiedSet, MapSet, TableSet, class_names
from ...core.checks import did_you_mean
from ...core.data import UnlearningData
from ...core.errors import DataError, ExpungeError, InputError
from ...core.user_code import current_folder_importable, find_callable
from ...tasks.batches import unpack
from ..bundle import Bundle, RowSet, TargetSet, ids_of
from ..convert import NotImagesError, read_labels
from ..images.augmentation import Augmentation
from ..images.decode import resize_images
from ..images.image_set import ImageSet
from .assemble import divide
from .raw import check_classes
from .reading import Reading

_SETS = ("train", "validation", "test")
_FIRST = "train/0"  # of ids that are made up from rows


def load_factory(
    source: str,
    reading: Reading,
    arguments: Mapping[str, Any],
    *,
    labelled: bool | None = True,
    check: Callable[[Reading, Any, Any], Reading] | None = None,
) -> Bundle:
    """Call ``package.module:factory`` and bring what it returns into a ``Bundle``.

    It may return a ``Bundle`` (taken as it is), a mapping with "train" and perhaps
    "validation" and "test", or a pair (train, test). Sets of images in bytes, or floats
    that are bytes over 255, become ``ImageSet`` and reach the model as they did before;
    all others stay as they are, wrapped so that every sample keeps its position as id.
    ``check`` says how to read what was found.

    Raises:
        DataError: If it cannot be imported or called, or returns something else.
    """
    made = _call(source, arguments)
    if isinstance(made, Bundle):
        return made
    found = _as_sets(made)
    if check is not None:
        reading = check(reading, found.get("validation"), found.get("test"))
    if labelled is None:
        labelled = _has_labels(found["train"])
    if not labelled:
        return _unlabelled(source, reading, found)
    sets = {name: _prepare(dataset, name, reading) for name, dataset in found.items()}
    pixels_known = all(isinstance(dataset, ImageSet) for dataset in sets.values())
    if not pixels_known and (reading.image_size or reading.mean or reading.augment):
        raise DataError(
            f"image_size, mean, std and augment do not apply to the data sets of {source}, "
            "which are not plain images of one size; do that in the factory"
        )
    made_up = not isinstance(found["train"], IdentifiedSet) and ids_of(sets["train"])[0] == _FIRST
    sets = _split(source, sets, reading)
    labels = torch.cat([read_labels(dataset) for dataset in sets.values()])
    classes = next((names for names in map(class_names, sets.values()) if names), None)
    if classes is None:
        check_classes(labels, source)
    train = sets["train"]
    return Bundle(
        source, train, sets.get("validation"), sets.get("test"), classes,
        len(classes) if classes else int(labels.max()) + 1, _shape(train), made_up_ids=made_up,
    )  # fmt: skip


def _has_labels(dataset: Any) -> bool:
    """Whether the first target is a whole number, for tasks that do not tell."""
    if isinstance(dataset, ImageSet | TableSet):
        return True
    _check_map_style(dataset, "train")
    target = np.asarray(unpack(dataset[0])[1])
    return target.size == 1 and target.dtype.kind in "biu"


def _unlabelled(source: str, reading: Reading, made: Mapping[str, Any]) -> Bundle:
    """Sets whose targets are no classes, divided by the rules that hold for all sources."""
    for name, dataset in made.items():
        _check_map_style(dataset, name)
    sets = {
        name: TargetSet(dataset, torch.zeros(len(dataset), dtype=torch.long), f"{name}/")
        for name, dataset in made.items()
    }
    divided = _split(source, sets, reading)
    targets = torch.as_tensor(unpack(divided["train"][0])[1])
    return Bundle(
        source, divided["train"], divided.get("validation"), divided.get("test"), None,
        targets.numel(), _shape(divided["train"]), made_up_ids=True,
    )  # fmt: skip


def _call(source: str, arguments: Mapping[str, Any]) -> Any:
    factory = find_callable(source, error=DataError)
    try:
        inspect.signature(factory).bind(**arguments)
    except TypeError as error:
        raise InputError(
            f"{source} cannot be called with the arguments {dict(arguments)}: {error}"
        ) from error
    try:
        with current_folder_importable():  # it may import more
            return factory(**arguments)
    except ExpungeError:
        raise
    except Exception as error:
        raise DataError(
            f"{source} failed with {type(error).__name__}: {error}; call it by itself to see where"
        ) from error


def _as_sets(made: Any) -> dict[str, Any]:
    if isinstance(made, tuple | list) and len(made) == 2:
        made = {"train": made[0], "test": made[1]}
    if isinstance(made, UnlearningData):
        raise DataError(
            "the factory returned UnlearningData, which is divided already; return "
            '{"train": …, "test": …} and say in the request what to forget'
        )
    if not isinstance(made, Mapping) or made.get("train") is None:
        raise DataError(
            "expected the factory to return a Bundle, a pair (train, test), or a mapping with "
            f'"train" and perhaps "validation" and "test", got {type(made).__name__}'
        )
    strange = [name for name in made if name not in _SETS]
    if strange:
        raise DataError(
            f"expected sets called {', '.join(_SETS)}, got {strange[0]!r}"
            f"{did_you_mean(str(strange[0]), _SETS)}"
        )
    return {name: made[name] for name in _SETS if made.get(name) is not None}


def _prepare(dataset: Any, name: str, reading: Reading) -> Any:
    """An ``ImageSet`` if that loses nothing, else a ``RowSet``."""
    if isinstance(dataset, ImageSet):
        return _as_asked(dataset, reading)
    _check_map_style(dataset, name)
    if isinstance(dataset, TableSet):
        images = ImageSet.from_hf(dataset, augmentation=Augmentation.none())
        made_up = images.ids[0] == "0" and images.ids[-1] == str(len(images) - 1)
        return _as_asked(_with_ids(images, name) if made_up else images, reading)
    try:
        images = ImageSet.from_torch(dataset, lossless=True, augmentation=Augmentation.none())
    except NotImagesError:
        return RowSet(dataset, read_labels(dataset), f"{name}/")
    named = images if isinstance(dataset, IdentifiedSet) else _with_ids(images, name)
    return _as_asked(named, reading)


def _check_map_style(dataset: Any, name: str) -> None:
    if not isinstance(dataset, MapSet):
        raise DataError(
            f"expected the {name} set to be a map-style data set with a length, got "
            f"{type(dataset).__name__}; read a stream into a list first"
        )
    if len(dataset) == 0:
        raise DataError(f"the {name} set of the factory is empty")


def _with_ids(images: ImageSet, name: str) -> ImageSet:
    images.ids = [f"{name}/{row}" for row in range(len(images))]
    return images


def _as_asked(images: ImageSet, reading: Reading) -> ImageSet:
    if reading.image_size is not None:
        images = ImageSet(
            resize_images(images.images, reading.image_size), images.labels, ids=images.ids,
            classes=images.classes, mean=images.mean, std=images.std, columns=images.columns,
            augmentation=images.augmentation,
        )  # fmt: skip
    if reading.mean is not None:
        images = images.with_normalisation(reading.mean, reading.std)
    if reading.augment is not None:
        side, flip = min(images.image_shape[1:]), images.image_shape[0] == 3
        wanted = Augmentation(side // 8, flip) if reading.augment else Augmentation.none()
        images = images.with_augmentation(wanted)
    return images


def _split(source: str, sets: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """Hold out what is missing, by the rules that hold for every other source."""
    if "validation" in sets and reading.validation_from_test == 0:
        reading = reading.model_copy(update={"validation": 0.0})
    train, test = sets["train"], sets.get("test")
    test_ids = None if test is None else ids_of(test)
    rows = divide(source, ids_of(train), read_labels(train), test_ids, reading)
    held_in = test if reading.validation_from_test and test is not None else train
    result = {"train": train.subset(rows.train)}
    if len(rows.validation):
        result["validation"] = held_in.subset(rows.validation)
    elif "validation" in sets:
        result["validation"] = sets["validation"]
    result["test"] = (train if test is None else test).subset(rows.test)
    return result


def _shape(dataset: Any) -> tuple[int, int, int]:
    if isinstance(dataset, ImageSet):
        return dataset.image_shape
    inputs = unpack(dataset[0])[0]
    shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else torch.tensor(inputs).shape
    if len(shape) > 3:
        raise DataError(f"expected inputs of at most three dimensions, got {tuple(shape)}")
    padded = (*shape, 1, 1, 1)
    return int(padded[0]), int(padded[1]), int(padded[2])

"""Data sets by name, and any other by path, hub name or factory."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...core.checks import did_you_mean
from ...core.errors import DataError, InputError
from ..bundle import Bundle
from .assemble import assemble
from .digits import collect_digits
from .factories import load_factory
from .folders import collect_folder
from .hub import collect_hub, collect_parquet, collect_saved, may_download
from .raw import Collection
from .reading import Reading, parse_reading

__all__ = ["SOURCES", "Bundle", "Source", "load_source"]


@dataclass(frozen=True)
class Source:
    """A data set that is known by name.

    Args:
        about: One line for lists and docs.
        hub: Its address on the Hugging Face hub, if it is there.
        label_column: Needed where several columns look like labels.
        classes: Names of the classes, for files that do not tell them.
        mean, std: Customary normalisation; None: computed from the training images.
        shift: Largest shift of an augmentation, as a share of the side; None: an eighth.
        flip: Whether a mirrored image is still of its class; None: unless it is grey.
        config: Which of the hub's configurations, where it has several.
    """

    about: str
    hub: str | None = None
    label_column: str | None = None
    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    shift: float | None = None
    flip: bool | None = None
    config: str | None = None


_DIGITS = tuple("0123456789")

SOURCES: dict[str, Source] = {
    "digits": Source(
        "1,797 grey 8x8 digits that come with scikit-learn; no download",
        classes=_DIGITS, mean=(0.3053,), std=(0.3760,), shift=0, flip=False,
    ),
    "cifar10": Source(
        "60,000 colour images of 32x32 in 10 classes (Krizhevsky 2009)",
        hub="uoft-cs/cifar10",
        classes=("airplane", "automobile", "bird", "cat", "deer",
                 "dog", "frog", "horse", "ship", "truck"),
        mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616), flip=True,
    ),
    "cifar100": Source(
        "60,000 colour images of 32x32 in 100 classes (Krizhevsky 2009)",
        hub="uoft-cs/cifar100", label_column="fine_label",
        mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762), flip=True,
    ),
    "svhn": Source(
        "99,289 house numbers of 32x32 (Netzer et al. 2011)",
        hub="ufldl-stanford/svhn", config="cropped_digits",
        classes=_DIGITS, mean=(0.4377, 0.4438, 0.4728), std=(0.1980, 0.2010, 0.1970),
        flip=False,
    ),
    "faces": Source(
        "5,826 aligned CelebA faces of 128x128 of 249 people (Liu et al. 2015)",
        mean=(0.5252, 0.4082, 0.3493), std=(0.2956, 0.2594, 0.2496), shift=1 / 16, flip=True,
    ),
    "imagenette64": Source(
        "13,394 photographs of 64x64 in 10 classes of ImageNet (Howard 2019)",
        classes=("tench", "English springer", "cassette player", "chain saw", "church",
                 "French horn", "garbage truck", "gas pump", "golf ball", "parachute"),
        mean=(0.4624, 0.4579, 0.4300), std=(0.2745, 0.2713, 0.2941), flip=True,
    ),
    "imagefolder": Source("your folder of images, one sub-folder per class; needs path"),
}  # fmt: skip

_ARGUMENTS = ("download", "name", "revision", "image_column", "label_column", "id_column")


def load_source(
    source: str,
    *,
    path: str | None = None,
    image_size: int | None = None,
    validation: float = 0.1,
    test: float | None = None,
    limit: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augment: bool | None = None,
    arguments: Mapping[str, Any] | None = None,
    validation_from_test: float = 0.0,
    labelled: bool | None = True,
    trained_elsewhere: bool = False,
) -> Bundle:
    """Load a data set and divide it in the one way that is fixed for it.

    Named sources look in ``path``, then in ``$EXPUNGE_DATA/<name>/``, for Parquet files
    called ``train-*.parquet`` and ``test-*.parquet``; then on the Hugging Face hub, but
    only if ``arguments`` holds ``download = true`` or EXPUNGE_DOWNLOAD=1 is set. Samples
    keep their ids through every split: the relative path in a folder of images; in tables
    the column ``id`` if its values are all different, else the split and the row of the file
    (``train/7``).

    Args:
        source: A name of ``SOURCES``, ``hf:user/name``, ``hf:./folder`` (Parquet files or
            ``save_to_disk``), or ``package.module:factory``.
        path: Folder of the data.
        image_size: Side in pixels that images are brought to (middle square, bilinear).
        validation: Share of the training file held out, 0 to 1. A set that has both a
            validation and a test file keeps them, and nothing is held out.
        test: Share of the training file that becomes the test set where there is no test
            file; about the same of every class. Default 0.2, digits 0.3.
        limit: At most so many images of the training file (validation included) and of
            the test file, always the same ones.
        mean: Of each channel, where white is 1; default: the customary value, or
            computed from the training set.
        std: Standard deviation of each channel, likewise.
        augment: False: never; True: also where the source would not; None: as suits it.
        arguments: For the hub: download, name, revision; for tables: image_column,
            label_column, id_column; for a factory: its own arguments.
        validation_from_test: Share of the test file that becomes the validation set
            instead, for models that were trained on the whole training file. Needs
            ``validation = 0``.
        labelled: False if targets are no classes (regression): a factory's sets are then
            taken as they are, and ``num_classes`` is the number of targets of a sample.
            None: as the first target of the training set is, a whole number being a class.
        trained_elsewhere: Whether a model was trained on these data by somebody who alone knows
            which samples it saw. Then nothing of the training file is held out, whatever
            ``validation`` says: half of the test file is the validation set instead, unless there
            is a file of one.

    Raises:
        InputError: If an argument is wrong; DataError if the data are missing or broken.
    """
    reading = parse_reading(
        image_size=image_size, validation=validation, validation_from_test=validation_from_test,
        test=test, limit=limit, mean=mean, std=std, augment=augment,
    )  # fmt: skip
    if trained_elsewhere:
        reading = reading.model_copy(update={"validation": 0.0, "validation_from_test": 0.5})
    if not isinstance(source, str):
        raise InputError(
            f"expected source to be a name such as 'cifar10', got {type(source).__name__}; data of "
            "your own go into UnlearningData, or into a factory"
        )
    arguments = dict(arguments or {})
    if source == "digits":  # has no files, so its test file is made here
        _check_arguments(source, arguments)
        if path is not None:
            raise InputError("path does not apply to digits, which come with scikit-learn")
        found = _described(collect_digits(0.3 if test is None else test), SOURCES["digits"])
        return assemble(found, reading.model_copy(update={"test": None}))
    if source in SOURCES or source.startswith("hf:"):
        _check_arguments(source, arguments)
        found = _collect(source, None if path is None else Path(path).expanduser(), arguments)
        if trained_elsewhere:
            reading = _only_test(source, reading, found.validation, found.test)
        return assemble(found, reading)
    if ":" in source:
        if path is not None:
            raise InputError(f"path does not apply to {source}; give it in arguments")
        check = partial(_only_test, source) if trained_elsewhere else None
        return load_factory(source, reading, arguments, labelled=labelled, check=check)
    raise InputError(
        f"expected source to be one of {', '.join(SOURCES)}, hf:user/name, or "
        f"package.module:factory; got {source!r}{did_you_mean(source, SOURCES)}"
    )


def _only_test(source: str, reading: Reading, validation: object, test: object) -> Reading:
    """How to read where no sample of the training file counts as held out.

    Raises:
        DataError: If there is nothing else.
    """
    if test is None:
        raise DataError(
            f"the weights were trained elsewhere, so nobody here knows which samples of {source} "
            "they never saw, and there is no test set: add one, or say how its samples were held "
            "out, e.g. data.test = 0.2 and data.validation = 0.1 if they were divided by expunge"
        )
    if validation is None:
        return reading
    return reading.model_copy(update={"validation_from_test": 0.0})


def _check_arguments(source: str, arguments: Mapping[str, Any]) -> None:
    for name in arguments:
        if name not in _ARGUMENTS:
            raise InputError(
                f"expected arguments of {source} among {', '.join(_ARGUMENTS)}; "
                f"got {name!r}{did_you_mean(name, _ARGUMENTS)}"
            )


def _collect(source: str, path: Path | None, arguments: dict[str, Any]) -> Collection:
    if source == "imagefolder":
        if path is None:
            raise InputError("imagefolder needs path, the folder that holds the images")
        return collect_folder(path)
    if source.startswith("hf:"):
        return _collect_address(source, path, arguments)
    known = SOURCES[source]
    if known.label_column is not None:
        arguments.setdefault("label_column", known.label_column)
    if known.config is not None:
        arguments.setdefault("name", known.config)
    classes = None if known.classes is None else list(known.classes)
    found = _collect_known(source, known, path, arguments, classes)
    return _described(found, known)


def _collect_known(
    name: str,
    known: Source,
    path: Path | None,
    arguments: Mapping[str, Any],
    classes: list[str] | None,
) -> Collection:
    root = os.environ.get("EXPUNGE_DATA")
    places = [path] if path is not None else []
    places += [Path(root).expanduser() / name] if root else []
    for place in places:
        if (found := collect_parquet(place, name, arguments, classes)) is not None:
            return found
        if place == path:
            raise DataError(
                f"expected Parquet files such as train-00000-of-00001.parquet in {path}, found "
                "none; give the folder that holds them as path"
            )
    if known.hub is not None and may_download(arguments):
        return collect_hub(known.hub, name, arguments, classes)
    looked = f" (looked in {places[0]})" if places else " (EXPUNGE_DATA is not set)"
    download = (
        f", or set EXPUNGE_DOWNLOAD=1 to download {known.hub} from the Hugging Face hub"
        if known.hub is not None
        else ""
    )
    raise DataError(
        f"the data set {name} is not here{looked}: put its Parquet files under "
        f"$EXPUNGE_DATA/{name}/ as train-*.parquet and test-*.parquet, or give their folder "
        f"as path{download}"
    )


def _collect_address(source: str, path: Path | None, arguments: Mapping[str, Any]) -> Collection:
    address = source.removeprefix("hf:")
    if path is not None:
        raise InputError(f"path does not apply to {source}; write hf:{path} to read that folder")
    folder = Path(address).expanduser()
    if not address:
        raise InputError("expected hf:user/name or hf:./folder, got 'hf:'")
    if folder.is_dir():
        name = folder.resolve().name  # a folder that is moved keeps its splits
        found = collect_parquet(folder, name, arguments)
        return found if found is not None else collect_saved(folder, name, arguments)
    if address[0] in "./~" or address.count("/") > 1:
        raise DataError(f"expected a folder at {folder}, found none; check the path after hf:")
    if not may_download(arguments):
        raise DataError(
            f"{address} is not a folder here, and nothing is downloaded unasked: set "
            "EXPUNGE_DOWNLOAD=1 (or download = true in data.arguments) to get it from the "
            "Hugging Face hub, or write hf:./folder for Parquet files of your own"
        )
    return collect_hub(address, address, arguments)


def _described(found: Collection, known: Source) -> Collection:
    return replace(
        found, known_rows=True, mean=known.mean, std=known.std, shift=known.shift, flip=known.flip
    )

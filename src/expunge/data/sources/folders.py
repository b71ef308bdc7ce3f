"""A folder of images with one sub-folder per class."""

from pathlib import Path

import torch
from torch import Tensor

from ...core.checks import did_you_mean
from ...core.errors import DataError
from ..images.decode import decode_images
from .raw import Collection, Raw

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
_VALIDATION = ("validation", "valid", "val")


def collect_folder(path: Path, name: str = "imagefolder") -> Collection:
    """Find the images of ``path/train/<class>/…`` and ``path/test`` or ``path/val``.

    Without ``train`` the folder itself holds the classes, and a fixed share of each class
    becomes the test set. ``val`` is the test set if there is no ``test``. Ids are paths
    relative to ``path``; hidden files and other endings are passed over.

    Raises:
        DataError: If there is no folder, no class, or a class without an image.
    """
    if not path.is_dir():
        raise DataError(f"expected data.path to be a folder of images, but {path} is none")
    if not (path / "train").is_dir():
        return Collection(name, _read(path, path, None))
    train = _read(path, path / "train", None)
    validation = next((path / word for word in _VALIDATION if (path / word).is_dir()), None)
    test = path / "test"
    if not test.is_dir():
        test, validation = validation or test, None
    return Collection(
        name,
        train,
        validation=_read(path, validation, train.classes) if validation else None,
        test=_read(path, test, train.classes) if test.is_dir() else None,
    )


def read_images(folder: str | Path, image_size: int) -> Tensor:
    """All images of a folder, without classes, uint8 (N, C, side, side).

    Raises:
        DataError: If there is no folder, or no image in it.
    """
    path = Path(folder).expanduser()
    files = _images(path) if path.is_dir() else []
    if not files:
        raise DataError(
            f"expected a folder of images ({', '.join(sorted(_ENDINGS))}) at {path}, found "
            f"{'none in it' if path.is_dir() else 'no folder'}; check the name"
        )
    return decode_images(files, [str(file) for file in files], image_size)


def _read(root: Path, folder: Path, known: list[str] | None) -> Raw:
    groups = {
        place.name: _images(place)
        for place in sorted(folder.iterdir())
        if place.is_dir() and not place.name.startswith(".")
    }
    classes = known or list(groups)
    if not groups:
        raise DataError(
            f"expected one folder per class in {folder}, found none; put the images into "
            f"{folder}/<class>/"
        )
    for word, files in groups.items():
        if word not in classes:
            raise DataError(
                f"{folder / word} is not one of the training classes {classes[:10]}"
                f"{did_you_mean(word, classes)}"
            )
        if not files:
            raise DataError(
                f"expected images ({', '.join(sorted(_ENDINGS))}) in {folder / word}, found "
                "none; add some or remove the folder"
            )
    files = [file for group in groups.values() for file in group]
    numbers = {word: place for place, word in enumerate(classes)}
    labels = [numbers[word] for word, group in groups.items() for _ in group]
    ids = [file.relative_to(root).as_posix() for file in files]

    def decode(rows: Tensor, image_size: int | None) -> Tensor:
        places = rows.tolist()
        return decode_images(
            [files[place] for place in places], [str(files[place]) for place in places], image_size
        )

    return Raw(ids, torch.tensor(labels), decode, classes)


def _images(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _ENDINGS and not file.name.startswith(".") and file.is_file()
    )

"""A folder of images with one sub-folder per class."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...core.checks import did_you_mean
from ...core.errors import DataError
from ..images.decode import decode_images
from .raw import Collection, Raw

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
_TRAIN = ("train", "training")
_VALIDATION = ("validation", "valid", "val", "dev")
_TEST = ("test", "testing")
# What systems and archivers leave beside images; ``._name`` and the like are hidden files.
_FOREIGN = ("__macosx", "@eadir", "$recycle.bin", "system volume information")
_SET = r"[\W\d_]*{}[\W\d_]*(?:sets?|data|split|part|images?|imgs?|folder)?[\W\d_]*"
_SHOWN = 3


def collect_folder(path: Path, name: str = "imagefolder") -> Collection:
    """Find the images of ``path/train/<class>/…`` and ``path/test`` or ``path/val``.

    The names of these folders count in any case. Without ``train`` the folder itself holds
    the classes, and a fixed share of each class becomes the test set. ``val`` is the test set
    if there is no ``test``. Ids are paths relative to ``path``; hidden files, what systems
    leave beside them, and other endings are passed over, the last with a note.

    Raises:
        DataError: If there is no folder, no class, a class without an image, or two folders
            for one set.
    """
    if not path.is_dir():
        raise DataError(f"expected data.path to be a folder of images, but {path} is none")
    folders = _folders(path)
    train_folder = _split_folder(folders, _TRAIN)
    test = _split_folder(folders, _TEST)
    validation = _split_folder(folders, _VALIDATION)
    if train_folder is None:
        _refuse_sets(path, folders)
        if folders and all(one.name.lower() in (*_TEST, *_VALIDATION) for one in folders):
            raise DataError(
                f"expected a folder train beside {folders[0].name} in {path}, found none; put the "
                f"training images into {path / 'train'}/<class>/"
            )
        return Collection(name, _read(path, path, None), root=path)
    used = [one for one in (train_folder, validation, test) if one is not None]
    train = _read(path, train_folder, None)
    train = replace(train, notes=(*_unused(path, used), *train.notes))
    if test is None:
        test, validation = validation, None
    return Collection(
        name,
        train,
        validation=_read(path, validation, train.classes) if validation else None,
        test=_read(path, test, train.classes) if test else None,
        root=path,
    )


def _refuse_sets(path: Path, folders: list[Path]) -> None:
    """Raise if what would be classes is called like the sets of a division."""
    sets = {word: [one for one in folders if re.fullmatch(_SET.format(word), one.name.lower())]
            for word in ("train(?:ing)?", "(?:test(?:ing)?|val(?:id(?:ation)?)?|dev)")}  # fmt: skip
    if all(sets.values()):
        first, second = (found[0].name for found in sets.values())
        raise DataError(
            f"{first} and {second} in {path} look like two sets, not like classes; call them train "
            "and test"
        )


def _folders(folder: Path) -> list[Path]:
    return [
        one
        for one in sorted(folder.iterdir())
        if one.is_dir() and not one.name.startswith(".") and one.name.lower() not in _FOREIGN
    ]


def _split_folder(folders: list[Path], names: Sequence[str]) -> Path | None:
    """The folder of a set; the first of ``names`` that is there, in any case."""
    for word in names:
        found = [one for one in folders if one.name.lower() == word]
        if len(found) > 1:
            raise DataError(
                f"{found[0]} and {found[1].name} could both be the {names[0]} set; rename one"
            )
        if found:
            return found[0]
    return None


def _unused(folder: Path, used: Sequence[Path]) -> list[str]:
    """A note on what lies in a folder and is not used."""
    return _not_used(
        [one.name for one in sorted(folder.iterdir())
         if one not in used and not _is_foreign(one, folder)], folder)  # fmt: skip


def _not_used(names: Sequence[str], folder: Path) -> list[str]:
    if not names:
        return []
    number = "1 file or folder" if len(names) == 1 else f"{len(names)} files or folders"
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return [f"not used: {number} in {folder} ({shown})"]


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
    everything = {place.name: _files(place) for place in _folders(folder)}
    groups = {
        word: [file for file in files if file.suffix.lower() in _ENDINGS]
        for word, files in everything.items()
    }
    classes = known or list(groups)
    _check_classes(folder, groups, classes)
    files = [file for group in groups.values() for file in group]
    numbers = {word: place for place, word in enumerate(classes)}
    labels = [numbers[word] for word, group in groups.items() for _ in group]
    ids = [file.relative_to(root).as_posix() for file in files]
    for name in ids:
        if not name.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in name):
            raise DataError(f"the file name {name!r} in {root} is not UTF-8; rename that file")

    def decode(rows: Tensor, image_size: int | None) -> Tensor:
        places = rows.tolist()
        return decode_images(
            [files[place] for place in places], [str(files[place]) for place in places], image_size
        )

    images = set(files)
    others = [file for group in everything.values() for file in group if file not in images]
    notes = (*_unused(folder, _folders(folder)), *_not_used([str(one) for one in others], folder))
    return Raw(ids, torch.tensor(labels), decode, classes, notes=notes)


def _check_classes(folder: Path, groups: Mapping[str, list[Path]], classes: list[str]) -> None:
    """Raise unless there are two classes or more, all known, and none without an image."""
    if not groups:
        raise DataError(
            f"expected one folder per class in {folder}, found none; put the images into "
            f"{folder}/<class>/"
        )
    if len(classes) == 1:
        raise DataError(
            f"expected folders of two or more classes in {folder}, found {classes[0]!r} alone; "
            "name the folder that holds the folders of the classes"
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


def _images(folder: Path) -> list[Path]:
    return [file for file in _files(folder) if file.suffix.lower() in _ENDINGS]


def _files(folder: Path) -> list[Path]:
    found = [file for file in sorted(folder.rglob("*")) if not _is_foreign(file, folder)]
    for file in found:
        # As git-annex and DataLad leave them where the content was not fetched.
        if file.is_symlink() and not file.exists():
            raise DataError(
                f"{file} is a link to {file.readlink()}, which is not there; fetch it, or remove "
                "the link"
            )
    return [file for file in found if file.is_file()]


def _is_foreign(file: Path, folder: Path) -> bool:
    parts = file.relative_to(folder).parts
    return any(part.startswith(".") or part.lower() in _FOREIGN for part in parts)

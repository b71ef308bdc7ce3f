"""The folder of a run: checked before any work, and left clean after a failure."""

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from ..core.errors import ExpungeError, GuardError, InputError, ResourceError
from ..core.storage.files import remove_leftovers
from .models import Training

CHECKPOINTS = "checkpoints"
LOCK = ".lock"
SALT = "salt"
MEGABYTE = 1 << 20
RESULTS = (
    "record.json",
    "report.html",
    "model.safetensors",
    "summary.json",
    "manifest.json",
    "README.md",
)


class OutputFolder:
    """A context: makes the folder on entry, and takes back what a failed run left.

    A run that was refused or could not be carried out leaves no checkpoint, no salt and
    no empty folder behind; trained weights stay, since a corrected run reuses them. A run
    that was interrupted keeps its checkpoints for ``resume``.

    Args:
        path: Where results go.
        needed: Bytes that the run writes at most.
        results: Files that it leaves, which must not be folders.
        alone: Whether no other run may write there meanwhile.

    Raises:
        InputError: If the folder cannot be written, the disk has too little space, or, on entry,
            another run holds the folder.
    """

    def __init__(
        self, path: str | Path, needed: int, results: Sequence[str] = RESULTS, *, alone: bool = True
    ) -> None:
        self.path = Path(path)
        self._made: list[Path] = []
        self._lock = FileLock(self.path / LOCK) if alone else None
        self._own_salt = False
        _check_writable(self.path, results)
        _check_space(self.path, needed)

    def __enter__(self) -> Self:
        missing = [p for p in (self.path, *self.path.parents) if not os.path.exists(p)]  # noqa: PTH110  also of names that are too long
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(_unwritable(self.path, error)) from error
        self._made = missing
        if self._lock is not None:
            self._take(self._lock)
        return self

    def _take(self, lock: FileLock) -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"another run is writing into {self.path}; wait for its end, or choose another "
                "output folder"
            ) from error
        remove_leftovers(self.path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        refused = isinstance(error, GuardError) or (
            isinstance(error, ExpungeError) and bool(self._made)
        )
        states = list((self.path / CHECKPOINTS).rglob("*.checkpoint"))
        # Where memory, disk or patience ran out, the run can go on from its checkpoints.
        if error is None or not states or (refused and not isinstance(error, ResourceError)):
            shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)
        self._release()
        if error is not None:
            self._remove_lonely_salt()
            self.remove_empty()

    def _release(self) -> None:
        # Removed while it is held: a second run that waits for nothing cannot take it meanwhile.
        if self._lock is not None:
            (self.path / LOCK).unlink(missing_ok=True)
            self._lock.release()

    def remove_empty(self) -> None:
        """Take back the folders that were made on entry and are empty."""
        for folder in self._made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def weights(self, training: Training) -> Path:
        """The file of a trained model."""
        return self.path / f"{training.name}.safetensors"

    @contextmanager
    def training(self, training: Training) -> Iterator[Path]:
        """Its checkpoints; they go with the run."""
        yield self.checkpoints(training.name)

    def sealed(self, identity: str) -> str:
        """An identity that nobody can compare with those of other requests without the salt."""
        return sealed(self.salt(), identity)

    def checkpoints(self, name: str) -> Path:
        """Where the stage called ``name`` keeps its state."""
        return self.path / CHECKPOINTS / name

    def salt(self) -> str:
        """The folder's secret, made once: without it a digest of ids could be guessed."""
        path = self.path / SALT
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        except OSError as error:
            raise InputError(_unwritable(self.path, error)) from error
        self._own_salt = True
        salt = secrets.token_hex(32)
        with os.fdopen(handle, "w") as file:
            file.write(salt + "\n")
        return salt

    def _remove_lonely_salt(self) -> None:
        if self._own_salt and [p.name for p in self.path.iterdir()] == [SALT]:
            (self.path / SALT).unlink()


def sealed(salt: str, identity: str) -> str:
    """SHA-256 (hex) of an identity with a salt."""
    return hashlib.sha256(f"{salt}|{identity}".encode()).hexdigest()


class OutputFile:
    """A context for a run that writes one file: checked before any work.

    Folders that were made for it are removed if it was not written.

    Raises:
        InputError: If its folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._folder = OutputFolder(path.parent, 0, results=(), alone=False)

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.remove_empty()


def write_folder(folder: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a folder, which is there whole or not at all."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    write(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _nearest(path: Path) -> Path:
    """The folder itself, or the first of its parents that is there."""
    absolute = path.absolute()
    return next(p for p in (absolute, *absolute.parents) if os.path.lexists(p))


def _check_writable(path: Path, results: Sequence[str]) -> None:
    place = _nearest(path)
    if not place.is_dir():
        raise InputError(
            f"cannot write to {path}: {place} is not a folder; choose another output folder"
        )
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"\0")
    except OSError as error:
        raise InputError(_unwritable(path, error)) from error
    for name in results:
        if (path / name).is_dir():
            raise InputError(f"cannot write {path / name}: it is a folder; remove it")


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(_nearest(path)).free
    if free < needed:
        raise InputError(
            f"the run writes up to {needed / MEGABYTE:.0f} MB to {path}, but only "
            f"{free / MEGABYTE:.0f} MB are free there; make space or choose another output folder"
        )


def _unwritable(path: Path, error: OSError) -> str:
    return f"cannot write to {path}: {error.strerror}; choose an output folder that is writable"

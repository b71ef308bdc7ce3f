"""Trained nets and results by what determines them, safe for several processes.

A key is a SHA-256 over everything that goes into a value, so that a value never has to
change: it is there, or it is computed and put there in one atomic step.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..core.errors import InputError
from ..core.storage.files import parse_json, write_whole
from .models import Training

Warn = Callable[[str], None]


def key_of(*parts: object) -> str:
    """SHA-256 (hex) over values that JSON can hold; others stand by their text."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


_KINDS = {"nets", "results", "words", "trials", "tuning", "fleet", "latents", "running"}


def is_store(folder: Path) -> bool:
    """Whether a folder is a store: has its parts, and no others."""
    if not (folder / "running").is_dir():
        return False
    return {path.name for path in folder.iterdir() if path.is_dir()} <= _KINDS


def is_idle(folder: Path) -> bool:
    """Whether no process is computing anything of a store."""
    for path in (folder / "running").glob("*.lock"):
        try:
            FileLock(path).acquire(timeout=0).lock.release()
        except Timeout:
            return False
    return True


class Store:
    """One folder: ``nets``, ``results``, ``trials``, ``fleet``, ``running`` (unfinished).

    Args:
        folder: Made when something is written. Several processes may share it.
        warn: Called with a sentence when a damaged file is met.

    Raises:
        InputError: If the folder cannot be made.
    """

    def __init__(self, folder: str | Path, warn: Warn = print) -> None:
        self.folder = Path(folder)
        self._warn = warn
        try:
            (self.folder / "running").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot write the store {self.folder}: {error.strerror}; name a folder that is "
                "writable"
            ) from error

    def weights(self, training: Training) -> Path:
        """Where the weights of a trained model lie, if they are there."""
        return self.file("nets", training.key or training.identity)

    @contextmanager
    def training(self, training: Training) -> Iterator[Path]:
        """Hold the right to train a model; gives its checkpoints, which go in the end."""
        key = training.key or training.identity
        with self.lock(key):
            yield self.checkpoints(key)
            self.finish(key)

    def sealed(self, identity: str) -> str:
        """The identity itself: a store stays in the house."""
        return identity

    def file(self, kind: str, key: str) -> Path:
        """Where tensors lie, if they are there."""
        return self.folder / kind / f"{key}.safetensors"

    def checkpoints(self, key: str) -> Path:
        """Where a run in flight keeps its state."""
        return self.folder / "running" / key

    def finish(self, key: str) -> None:
        """Delete what a run kept while it was in flight."""
        shutil.rmtree(self.checkpoints(key), ignore_errors=True)

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """A value that was put, or None; a damaged file is named, and counts as absent."""
        path = self._path(kind, key)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self._warn(f"cannot read {path} ({error}); computing it again")
            return None
        try:
            content = parse_json(text)
            value: dict[str, Any] = content["value"]
            intact = content["sha256"] == key_of(value)
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            self._warn(f"{path} is damaged; computing it again")
            return None
        return value

    def put(self, kind: str, key: str, value: dict[str, Any]) -> None:
        """Keep a value, whole or not at all.

        Raises:
            InputError: If the disk is full or the folder cannot be written.
        """
        content = {"sha256": key_of(value), "value": value}
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        write_whole(self._path(kind, key), text)

    @contextmanager
    def lock(self, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the right to compute ``key``; the system frees it when a process dies.

        Args:
            key: Of a net or a result.
            wait: Wait for another process that holds it.

        Yields:
            Whether it is held; always true if ``wait``.
        """
        lock = FileLock(self.folder / "running" / f"{key}.lock")
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key}.json"

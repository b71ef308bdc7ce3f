"""A run's state on disk, so that a killed run goes on where it stopped."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from .errors import InputError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call ``write`` with a temporary path beside ``path``, then rename it.

    Readers see the old file or the new one, never half of it, even after a power cut.

    Raises:
        InputError: If the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        temporary.unlink(missing_ok=True) if path.parent.is_dir() else None
        raise InputError(
            f"cannot write {path}: {error}; choose a folder that is writable and has space left"
        ) from error


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file of text (UTF-8) or bytes, whole or not at all.

    Raises:
        InputError: As of ``write_atomically``.
    """
    payload = content.encode() if isinstance(content, str) else content

    def write(target: Path) -> None:
        target.write_bytes(payload)

    write_atomically(Path(path), write)


@dataclass(frozen=True)
class CheckpointStore:
    """One folder that holds the latest state of one run.

    Args:
        folder: Created when the first state is saved.
        request: Text that identifies what is being run; a state that was saved for
            another request is refused rather than continued.
    """

    folder: Path
    request: str

    @classmethod
    def open(
        cls, folder: str | Path | None, resume: bool, request: Callable[[], Any]
    ) -> Self | None:
        """The store of a run that is about to start; None if it keeps nothing.

        Args:
            folder: Where the states lie, or None to keep none.
            resume: Go on from a state that is there; otherwise it is deleted.
            request: Returns what tells this run from others, in values with a stable
                ``repr``; called only where it is needed, since digests take time.

        Raises:
            InputError: If there is no folder to resume from.
        """
        if folder is None:
            if resume:
                raise InputError("expected a folder to resume from, got None; name one")
            return None
        store = cls(Path(folder), repr(request()))
        if not resume:
            store.clear()
        return store

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Replace the state called ``name`` in one atomic step."""
        payload = {"request": self.request, "state": state}
        write_atomically(self._path(name), lambda path: torch.save(payload, path))

    def load(self, name: str) -> dict[str, Any] | None:
        """The state called ``name``, or None if there is none.

        Raises:
            InputError: If it is unreadable or belongs to another request.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            payload = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InputError(
                f"cannot read the checkpoint {path}: {error}; delete it to start again"
            ) from error
        if payload["request"] != self.request:
            raise InputError(
                f"the checkpoint {path} belongs to another model, data, method or seed; "
                "use another output folder, or delete it to start again"
            )
        state: dict[str, Any] = payload["state"]
        return state

    def clear(self) -> None:
        """Delete every state; a finished run needs none."""
        for path in self.folder.glob("*.checkpoint"):
            path.unlink()
        for path in self.folder.glob(".*.checkpoint.*.tmp"):
            path.unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.checkpoint"

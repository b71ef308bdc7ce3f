"""A run's state on disk, so that a killed run goes on where it stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ..errors import InputError
from .files import remove_leftovers, write_atomically
from .states import read_state, write_state
from .tensors import DamagedFileError


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

        def write(path: Path) -> None:
            write_state(path, self.request, state)

        write_atomically(self._path(name), write, private=True)

    def load(self, name: str) -> dict[str, Any] | None:
        """The state called ``name``, or None if there is none.

        Raises:
            InputError: If it is damaged or belongs to another request.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            request, state = read_state(path)
        except DamagedFileError as error:
            raise InputError(
                f"the checkpoint {path} is damaged ({error}); delete it to start again"
            ) from error
        if request != self.request:
            raise InputError(
                f"the checkpoint {path} belongs to another model, data, request, method or seed; "
                "use another output folder, or delete it to start again"
            )
        return state

    def check(self) -> None:
        """Raise if a state that is there cannot be continued; see ``load``."""
        for path in self.folder.glob("*.checkpoint"):
            self.load(path.stem)

    def clear(self) -> None:
        """Delete every state; a finished run needs none."""
        for path in self.folder.glob("*.checkpoint"):
            path.unlink()
        if self.folder.is_dir():
            remove_leftovers(self.folder)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.checkpoint"

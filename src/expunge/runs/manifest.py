"""What a finished run left, by SHA-256, so that it is noticed when something changed since."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from ..core.errors import InputError
from ..core.schemas.base import JsonFile
from ..reporting.trackers import TENSORBOARD
from .folder import CHECKPOINTS, LOCK, SALT

MANIFEST = "manifest.json"
# Event files grow until the trackers are closed, after the manifest.
_NOT_RESULTS = {MANIFEST, SALT, LOCK, CHECKPOINTS, TENSORBOARD}


class Manifest(JsonFile):
    """SHA-256 of each file of a run by its path below the folder.

    ``identity`` names all that determines the results, salted; None where nothing is resumed.
    ``origin`` names likewise what the original was trained from, where it was trained here.
    """

    called: ClassVar[str] = "manifest"
    schema_: Literal["expunge.manifest/1"] = Field("expunge.manifest/1", alias="schema")
    identity: str | None = None
    origin: str | None = None
    files: dict[str, str] = Field(default_factory=dict)


def write_manifest(folder: Path, identity: str | None = None, origin: str | None = None) -> None:
    """Say what a run left; written last, so that where it is, the run is complete."""
    files = {path.relative_to(folder).as_posix(): sha256_of(path) for path in _files(folder)}
    Manifest(identity=identity, origin=origin, files=files).save(folder / MANIFEST)


def verify_folder(folder: str | Path) -> Manifest:
    """Hash every file of a run again, and compare.

    Costs one reading of all files. Files that came later are passed over.

    Args:
        folder: Of a finished run.

    Raises:
        InputError: If there is no manifest, or a file is missing or not as it was written;
            names all of them.
    """
    folder = Path(folder)
    manifest = Manifest.load(folder / MANIFEST)
    if not manifest.files:
        raise InputError(f"{folder / MANIFEST} lists no files; it was not written by a run")
    problems = []
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.is_symlink():
            problems.append(f"{name} is missing")
        elif sha256_of(path) != digest:
            problems.append(f"{name} is not as it was written")
    if problems:
        raise InputError(
            f"{folder} has changed since the run ended: {'; '.join(problems)}. Restore these "
            f"files, or delete {MANIFEST} and run again"
        )
    return manifest


def is_finished(folder: Path, identity: str) -> bool:
    """Whether a folder holds the whole result of this very run.

    Raises:
        InputError: If it does, but something has changed since.
    """
    if not (folder / MANIFEST).is_file():
        return False
    return Manifest.load(folder / MANIFEST).identity == identity and bool(verify_folder(folder))


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not _NOT_RESULTS & set(parts) and not parts[-1].startswith("."):
            yield path

"""What a finished run still holds of the old model and the forgotten data, and its removal."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from ..core.errors import InputError
from ..core.schemas.base import JsonFile
from ..core.schemas.record import Record
from ..reporting import report
from .folder import CHECKPOINTS, OutputFolder
from .manifest import MANIFEST, Manifest, sha256_of, write_manifest

RECEIPT = "purged.json"
_FOLDERS = {CHECKPOINTS: "states of runs in flight", "latents": "images to forget, encoded"}


class Removed(BaseModel):
    """One file that is gone, and what it held."""

    file: str
    held: str
    sha256: str


class Receipt(JsonFile):
    """Everything that ``purge`` has removed from a folder, with the time of the last removal."""

    called: ClassVar[str] = "receipt"
    schema_: Literal["expunge.receipt/1"] = Field("expunge.receipt/1", alias="schema")
    time: str = ""
    removed: list[Removed] = Field(default_factory=list)


def holders(folder: str | Path) -> dict[str, str]:
    """Files below a folder of a run that hold the old model or forgotten data, and what of it.

    The models that were retrained never saw the forgotten data, but are as private as the
    original; the model that was unlearned, which the run is about, is not listed.
    """
    folder = Path(folder)
    return {path.relative_to(folder).as_posix(): held for path, held in _holders(folder)}


def purge(folder: str | Path) -> Receipt:
    """Remove from the folder of a finished run all that ``holders`` lists.

    Pictures of forgotten samples leave the record, and the report is written again from it. What
    is gone is listed with its SHA-256 in ``purged.json``; a second call finds nothing to do. What
    lies elsewhere (a store of benches, copies, backups, the data itself) stays: remove it there.

    Args:
        folder: Of a run that ended; one that was interrupted is resumed or deleted as a whole.

    Raises:
        InputError: If no run has ended there, one is writing, or a file cannot be removed.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise InputError(
            f"expected the folder of a finished run, but there is no {MANIFEST} in {folder}; "
            "finish the run with --resume, or delete the folder"
        )
    with OutputFolder(folder, 0, results=()):
        return _purge(folder)


def _purge(folder: Path) -> Receipt:
    receipt = Receipt.load(folder / RECEIPT) if (folder / RECEIPT).is_file() else Receipt()
    found = list(_holders(folder))
    gone = [
        Removed(file=path.relative_to(folder).as_posix(), held=held, sha256=sha256_of(path))
        for path, held in found
    ]
    if not gone:
        return receipt
    try:
        for path, _ in found:
            _remove(path)
        for name in _FOLDERS:
            for place in folder.rglob(name):
                shutil.rmtree(place)
    except OSError as error:
        raise InputError(f"cannot remove {error.filename}: {error.strerror}") from error
    now = datetime.now(UTC).isoformat(timespec="seconds")
    receipt = Receipt(time=now, removed=[*receipt.removed, *gone])
    receipt.save(folder / RECEIPT)
    for place in sorted(folder.rglob(MANIFEST), reverse=True):
        write_manifest(place.parent, Manifest.load(place).identity)
    return receipt


def _remove(path: Path) -> None:
    if path.name != "record.json":
        path.unlink()
        return
    record = Record.load(path).model_copy(update={"samples": []})
    report(record, path.with_name("report.html"))
    record.save(path)


def _holders(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or path.is_symlink():
            continue
        named = next((_FOLDERS[part] for part in parts[:-1] if part in _FOLDERS), None)
        if named is not None:
            yield path, named
        elif path.name == "original.safetensors":
            yield path, "the model before"
        elif path.name.startswith("retrained-") and path.suffix == ".safetensors":
            yield path, "a retrained model"
        elif path.name == "gradcam.html":
            yield path, "pictures of forgotten samples"
        elif path.name == "record.json" and Record.load(path).samples:
            yield path, "pictures of forgotten samples (report.html, too)"

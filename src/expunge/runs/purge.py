"""What a finished run or a store still holds of old models and forgotten data, and its removal."""

import re
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
from .store import is_idle, is_store

RECEIPT = "purged.json"
_FOLDERS = {CHECKPOINTS: "states of runs in flight", "latents": "images to forget, encoded"}
_KEY = re.compile("[0-9a-f]{64}")
_STORED = {
    "nets": "a model before, or a retrained one",
    "fleet": "a model of a memorisation fleet",
    "latents": _FOLDERS["latents"],
    "running": "the state of an unfinished run",
}


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
    if is_store(folder):
        return {path.relative_to(folder).as_posix(): held for path, held in _stored(folder)}
    return {path.relative_to(folder).as_posix(): held for path, held in _holders(folder)}


def purge(folder: str | Path) -> Receipt:
    """Remove from the folder of a finished run, or from a store, all that ``holders`` lists.

    Pictures of forgotten samples leave the record, and the report is written again from it. Of a
    store, results stay, which are numbers; a bench that asks for more trains anew. What is gone
    is listed with its SHA-256 in ``purged.json``; a second call finds nothing to do. What lies
    elsewhere (copies, backups, the data itself) stays: remove it there.

    Args:
        folder: Of a run that ended; one that was interrupted is resumed or deleted as a whole.
            Or of a store, such as ``runs/store``.

    Raises:
        InputError: If no run has ended there, one is writing, or a file cannot be removed.
    """
    folder = Path(folder)
    if is_store(folder):
        _refuse_links(folder)
        if not is_idle(folder):
            raise InputError(f"a bench is writing into {folder}; wait for its end")
        return _removed(folder, list(_stored(folder)))
    if not (folder / MANIFEST).is_file():
        raise InputError(
            f"expected the folder of a finished run, but there is no {MANIFEST} in {folder}, and "
            "it is no store; finish the run with --resume, or delete the folder"
        )
    _refuse_links(folder)
    with OutputFolder(folder, 0, results=()):
        return _purge(folder)


def _refuse_links(folder: Path) -> None:
    """Raise if something in a folder lies elsewhere: nobody said that it may be removed there."""
    if links := [path for path in sorted(folder.rglob("*")) if path.is_symlink()]:
        raise InputError(
            f"{links[0]} is a link to {links[0].readlink()}, which purge leaves alone; remove what "
            "it points at if nobody else needs it, then the link, and purge again"
        )


def _purge(folder: Path) -> Receipt:
    found = list(_holders(folder))
    receipt = _removed(folder, found)
    if found:
        for place in sorted(folder.rglob(MANIFEST), reverse=True):
            before = Manifest.load(place)
            write_manifest(place.parent, before.identity, before.origin)
    return receipt


def _removed(folder: Path, found: list[tuple[Path, str]]) -> Receipt:
    """Remove files, and write the receipt with these and all before."""
    receipt = Receipt.load(folder / RECEIPT) if (folder / RECEIPT).is_file() else Receipt()
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
    return receipt


def _remove(path: Path) -> None:
    if path.name != "record.json":
        path.unlink()
        return
    record = Record.load(path).model_copy(update={"samples": []})
    report(record, path.with_name("report.html"))
    record.save(path)


def _stored(folder: Path) -> Iterator[tuple[Path, str]]:
    for name, held in _STORED.items():
        for path in sorted((folder / name).rglob("*")):
            # By keys alone: what somebody else has put there is not ours to remove.
            key = path.relative_to(folder / name).parts[0].split(".")[0]
            if (
                path.is_file()
                and path.suffix != ".lock"
                and (name == "latents" or _KEY.fullmatch(key))
            ):
                yield path, held


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
        elif path.name == "record.json" and (held := _pictures(path)):
            yield path, held


def _pictures(record: Path) -> str | None:
    """What a record holds of forgotten samples, if it holds any."""
    try:
        kept = bool(Record.load(record).samples)
    except InputError:
        return "a record that cannot be read, and perhaps pictures in it"
    return "pictures of forgotten samples (report.html, too)" if kept else None

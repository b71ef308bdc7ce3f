"""Files that are there whole or not at all, and JSON that does not overwhelm its reader."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ..errors import ResourceError

_DIGITS = 20
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")


def write_atomically(path: Path, write: Callable[[Path], None], *, private: bool = False) -> None:
    """Call ``write`` with a temporary path beside ``path``, then rename it.

    Readers see the old file or the new one, never half of it, even after a power cut. Nobody but
    the owner may read a ``private`` one, at no time.

    Raises:
        ResourceError: If the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if private:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        write(temporary)
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:  # as which safetensors reports a full disk
        raise ResourceError(
            f"cannot write {path}: {error}; choose a folder that is writable and has space left"
        ) from error
    finally:  # an interruption, too, leaves no half file
        with suppress(OSError):  # of a name that is too long, say, there is nothing
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete half-written files of processes that were killed; nobody else may be writing."""
    for path in folder.rglob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def parse_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: If it is no JSON, is nested too deep, or has whole numbers beyond 64 bits.
    """
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def with_digest(payload: dict[str, Any]) -> str:
    """Indented JSON that ends in the SHA-256 of all else in it; ``nan`` never occurs."""
    return json.dumps(payload | {"sha256": json_digest(payload)}, indent=1, allow_nan=False) + "\n"


def without_digest(payload: Any) -> Any:
    """What ``with_digest`` wrote down; what comes without a digest, as it is.

    Raises:
        ValueError: If anything is not as it was written.
    """
    if not isinstance(payload, dict) or "sha256" not in payload:
        return payload
    rest = {key: value for key, value in payload.items() if key != "sha256"}
    if payload["sha256"] != json_digest(rest):
        raise ValueError("its content is not what was written: the SHA-256 in it differs")
    return rest


def json_digest(payload: dict[str, Any]) -> str:
    """SHA-256 (hex) of what JSON says, however it is laid out."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _whole_number(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def write_whole(path: str | Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file of text (UTF-8) or bytes, whole or not at all.

    Raises:
        InputError: As of ``write_atomically``.
    """
    payload = content.encode() if isinstance(content, str) else content

    def write(target: Path) -> None:
        target.write_bytes(payload)

    write_atomically(Path(path), write, private=private)

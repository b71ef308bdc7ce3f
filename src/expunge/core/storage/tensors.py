"""Files of tensors (safetensors) that carry a SHA-256 of all that they hold."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .files import write_whole

SHA256 = "expunge.sha256"


class DamagedFileError(Exception):
    """A file is not what was written: cut short, changed, or of another kind."""


def sealed(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file: the facts, and the SHA-256 over them and the tensors."""
    return {**facts, SHA256: _digest(tensors, facts)}


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str], *, private: bool = False
) -> None:
    """Write contiguous tensors on the CPU, whole or not at all; ``private``: for the owner alone.

    Raises:
        ResourceError: If the folder cannot be written or the disk is full.
    """
    payload = safetensors.torch.save(dict(tensors), sealed(tensors, facts))
    write_whole(path, _in_order(payload), private=private)


def _in_order(payload: bytes) -> bytes:
    """The same file with its facts in order of name: the library's order changes by chance."""
    start = 8 + int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, memoryview(payload)[start:]])


def read_tensors(path: Path, *, foreign: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and facts of a file, on the CPU.

    Args:
        path: The file.
        foreign: Take files without a SHA-256, too: those of others.

    Raises:
        DamagedFileError: If any bit of them is not as it was written.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            facts = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise DamagedFileError(str(error)) from error
    if SHA256 not in facts:
        if foreign:
            return tensors, facts
        raise DamagedFileError("it carries no SHA-256")
    written = facts.pop(SHA256)
    if written != _digest(tensors, facts):
        raise DamagedFileError("its SHA-256 is another")
    return tensors, facts


def read_or_none(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Tensors and facts of a file that can be computed again; None if it is damaged or absent."""
    try:
        return read_tensors(path)
    except DamagedFileError:
        return None


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"|{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        if value.numel():
            digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

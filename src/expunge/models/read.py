"""Reads the tensors of a weight file; nothing in it is ever run."""

import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ..core.errors import ModelError
from ..core.storage.tensors import DamagedFileError, read_tensors
from .allowed import harmless
from .folders import weight_files

_TORCH_ENDINGS = (".pt", ".pth", ".th", ".bin", ".ckpt", ".tar")
_WRAPPERS = ("state_dict", "model", "net", "model_state_dict")
_CALLS = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a weight file by name, on the CPU.

    A state dict may lie below ``state_dict``, ``model``, ``net`` or ``model_state_dict``, and
    numbers and arrays of NumPy, paths and parsed arguments beside it.

    Args:
        path: ``.safetensors``, or ``.pt``, ``.pth``, ``.th``, ``.bin``, ``.ckpt``, ``.pth.tar``
            by PyTorch; or a folder with ``model.safetensors`` or ``pytorch_model.bin``, in one
            file or in parts with an index.

    Raises:
        ModelError: If the file is missing, damaged, of another kind, or would run code.
    """
    path = Path(path).expanduser()
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
        if is_file:
            path.open("rb").close()
    except OSError as error:
        raise ModelError(f"cannot read the weights {_short(path)}: {error.strerror}") from error
    if is_folder:
        return {name: value for file in weight_files(path) for name, value in _read(file).items()}
    if not is_file:
        raise ModelError(
            f"cannot read the weights {_short(path)}: there is no such file; set model.weights to "
            "a file"
        )
    return _read(path)


def _read(path: Path) -> dict[str, Tensor]:
    ending = path.suffix.lower()
    if ending != ".safetensors" and ending not in _TORCH_ENDINGS:
        raise ModelError(
            f"expected weights that end in .safetensors or {', '.join(_TORCH_ENDINGS)}, got "
            f"{path}; save the net's state_dict() as safetensors"
        )
    content = _read_safetensors(path) if ending == ".safetensors" else _read_torch(path)
    return _state_dict(content, path)


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(path, foreign=True)[0]
    except DamagedFileError as error:
        raise ModelError(
            f"the weights {path} are damaged or incomplete, or no safetensors file at all "
            f"({error}); copy or download the file again"
        ) from error


def _check_sums(path: Path) -> None:
    """Raise if a part of an archive is not what its checksum says; PyTorch does not look."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return  # no archive, or not one that is whole: the reader says more
    if damaged is not None:
        raise ModelError(
            f"{path} is damaged: the checksum of {damaged} does not match; copy it again, or save "
            "it again if torch.serialization.set_crc32_options was turned off"
        )


def _read_torch(path: Path) -> Any:
    _check_sums(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; the error says more
            with torch.serialization.safe_globals(harmless()):
                return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file cut short raises OSError, KeyError, RuntimeError, …
        if _is_torchscript(path):
            raise ModelError(
                f"{path} is a TorchScript program, not a state dict, and expunge cannot read "
                "weights out of programs; load it elsewhere and save its state_dict(): "
                "safetensors.torch.save_file(torch.jit.load(path).state_dict(), "
                "'weights.safetensors')"
            ) from error
        if (code := _refused_code(path, error)) is not None:
            raise ModelError(
                f"the file {path} holds Python code ({code}) that expunge refuses to run: "
                "reading it could do anything to this computer. Get the weights as "
                "safetensors, or, if you trust the file, convert it elsewhere: "
                "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
            ) from error
        raise ModelError(
            f"the weights {path} are damaged or incomplete, or were not written by torch.save "
            f"({type(error).__name__}); copy or download the file again"
        ) from error


def _refused_code(path: Path, error: Exception) -> str | None:
    """What PyTorch refused to look up, None if that was not the trouble."""
    if not isinstance(error, pickle.UnpicklingError):
        return None
    if named := re.search(r"GLOBAL (\S+)", str(error)):
        return named[1]
    # An opcode that PyTorch does not know may have stopped it before any name was met.
    with _pickle_in(path) as stream:
        return next(_looked_up(stream), None)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _pickle_in(path: Path) -> BinaryIO:
    if not zipfile.is_zipfile(path):
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        inner = [name for name in archive.namelist() if name.endswith("data.pkl")]
        return BytesIO(b"".join(archive.read(name) for name in inner))


def _looked_up(stream: BinaryIO) -> Iterator[str]:
    """Names that a pickle would import, by reading its instructions without running them."""
    strings: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if isinstance(argument, str):
                strings.append(argument)
            if opcode.name in _CALLS:
                words = strings[-2:] if opcode.name == "STACK_GLOBAL" else strings[-1:]
                yield ".".join(words).replace(" ", ".")
    except Exception:  # not a pickle, or one that is cut off
        return


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    seen: list[Any] = []
    while isinstance(content, Mapping):
        if any(content is one for one in seen):
            raise ModelError(f"the mapping in {path} contains itself; save the net's state_dict()")
        seen.append(content)
        inner = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = content[inner]
    if not isinstance(content, Mapping):
        raise ModelError(
            f"expected a mapping of names to tensors in {path}, got {type(content).__name__}; "
            "save the net's state_dict()"
        )
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(repr(key) for key in list(content)[:8]) or "nothing"
        raise ModelError(
            f"expected tensors by name in {path}, found {keys}; save the net's state_dict(), "
            f"alone or below one of {', '.join(_WRAPPERS)}"
        )
    return tensors

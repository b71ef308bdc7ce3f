"""Folders of weights as Hugging Face libraries write them."""

import json
from pathlib import Path

from ..core.errors import ModelError

_WHOLE = ("model.safetensors", "pytorch_model.safetensors", "pytorch_model.bin")


def weight_files(folder: Path) -> list[Path]:
    """The file of weights in a folder, or its parts as their index lists them.

    Raises:
        ModelError: If there is none, or a part is missing.
    """
    for name in _WHOLE:
        if (folder / name).is_file():
            return [folder / name]
        if (index := folder / f"{name}.index.json").is_file():
            return _parts(index)
    raise ModelError(
        f"expected {', '.join(_WHOLE)} or an index of parts in the folder {folder}, found none; "
        "set model.weights to a file"
    )


def _parts(index: Path) -> list[Path]:
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        parts = [index.parent / name for name in sorted(names)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{index} is no index of weight files; copy it again") from error
    if not parts:
        raise ModelError(f"{index} lists no files of weights; copy it again")
    for part in parts:
        if part.parent.resolve() != index.parent.resolve() or not part.is_file():
            raise ModelError(f"{index.name} lists {part.name}, which is not in {index.parent}")
    return parts

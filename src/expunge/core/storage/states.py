"""Nested states with tensors as one safetensors file that knows when it was damaged."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from .tensors import DamagedFileError, read_tensors, sealed

FORMAT = "expunge.state/1"
_KEYS = {"format", "request", "state"}


def write_state(path: Path, request: str, state: Mapping[str, Any]) -> None:
    """Write ``state``: dicts, lists, tuples, numbers, texts, None and tensors, at any depth.

    Tensors become those of the file, everything else JSON in its metadata. Strides are kept,
    since sums depend on the order in memory.
    """
    tensors: dict[str, Tensor] = {}
    facts = {"format": FORMAT, "request": request, "state": json.dumps(_plain(state, tensors))}
    safetensors.torch.save_file(tensors, path, sealed(tensors, facts))


def read_state(path: Path) -> tuple[str, dict[str, Any]]:
    """The request and the state of a file that ``write_state`` wrote, on the CPU.

    Raises:
        DamagedFileError: If any bit of them is another one.
    """
    tensors, facts = read_tensors(path)
    if set(facts) != _KEYS or facts["format"] != FORMAT:
        raise DamagedFileError(f"it is not of the format {FORMAT}")
    return facts["request"], _rebuilt(json.loads(facts["state"]), tensors)


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON for a value; its tensors go into ``tensors``."""
    if isinstance(value, Tensor):
        name = f"{len(tensors)}"
        order = sorted(range(value.ndim), key=value.stride, reverse=True)
        stored = value.detach().permute(order).cpu()
        # A copy of its own: files of safetensors hold no memory twice.
        tensors[name] = stored.clone(memory_format=torch.contiguous_format)
        return {"tensor": name, "axes": order}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(k, tensors), _plain(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_plain(item, tensors) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"a state cannot hold {type(value).__name__}")


def _rebuilt(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_rebuilt(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        order = value["axes"]
        return tensors[value["tensor"]].permute([order.index(axis) for axis in range(len(order))])
    if "tuple" in value:
        return tuple(_rebuilt(item, tensors) for item in value["tuple"])
    return {_rebuilt(k, tensors): _rebuilt(v, tensors) for k, v in value["dict"]}

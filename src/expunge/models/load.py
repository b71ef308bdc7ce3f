"""Weights from and to disk, without ever running code that a file holds."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.arguments import check_module, path_of
from ..core.errors import InputError, ModelError
from ..core.storage.tensors import write_tensors
from .read import read_weights

_SHOWN = 4
_COUNTERS = "num_batches_tracked"

# What training frameworks keep beside a model, by the usual names.
_BESIDE = re.compile(r"criterion|\w*loss\w*|\w*metrics?|\w*acc(uracy)?")


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Copy the weights of a file into a model, all of them or none.

    Floats are converted to the model's type and device. Prefixes that wrappers leave
    (``module.``, ``_orig_mod.``) are ignored, and one that all names share (``model.``,
    ``net.``, …) if the model has the names without it. Counters of batches may be absent, as in
    files from before PyTorch 0.4.1, and so may names that share their tensor with one that is
    there.

    Args:
        model: The net; it is changed only if everything fits.
        path: A file or folder, see ``read_weights``.

    Raises:
        ModelError: If the file is missing, damaged, holds Python code, NaN or infinite
            values, or names, shapes or kinds of numbers that are not the model's.
    """
    path = Path(path).expanduser()
    own = _by_plain_name(_tensors(model))
    found = _without_prefix(_by_plain_name(read_weights(path)), own)
    _check_names(own, found, path)
    fitted: dict[str, Tensor] = {}
    for name, value in found.items():
        _check_kind(name, value, own[name], path)
        # Converted first: a value may be finite in the file and overflow the model's type.
        fitted[name] = value.to(own[name].dtype)
        if not bool(torch.isfinite(_comparable(fitted[name])).all()):
            raise ModelError(
                f"the tensor {name!r} in {path} holds NaN or infinite values; such a net "
                "cannot be used: save it again from a state before its training diverged"
            )
    with torch.no_grad():
        for name, value in fitted.items():
            own[name].copy_(value)


def save_weights(
    model: nn.Module,
    path: str | Path,
    metadata: Mapping[str, object] | None = None,
    *,
    private: bool = False,
) -> None:
    """Write all parameters and buffers of a model to one safetensors file, atomically.

    Tensors that share memory are written under each of their names, so that every reader
    finds all names. Needs memory for two copies of the weights.

    Args:
        model: The net, on any device.
        path: Must end in ``.safetensors``; an older file is replaced.
        metadata: Facts to keep with the weights; values are written as text. A SHA-256 over
            facts and weights is added, by which readers notice damage.
        private: Whether the file may be read by its owner alone.

    Raises:
        InputError: If the file has another ending or cannot be written.
    """
    check_module(model)
    path = path_of(path, "path").expanduser()
    if path.suffix != ".safetensors":
        raise InputError(f"expected a file name that ends in .safetensors, got {str(path)!r}")
    tensors = {
        name: value.to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in _tensors(model).items()
    }
    notes = {str(key): str(value) for key, value in (metadata or {}).items()}
    write_tensors(path, tensors, {"format": "pt", **notes}, private=private)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    state = model.state_dict()
    return {name: value.detach() for name, value in state.items() if isinstance(value, Tensor)}


def _by_plain_name(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    plain = {_plain(name): value for name, value in tensors.items()}
    return plain if len(plain) == len(tensors) else tensors


def _plain(name: str) -> str:
    name = name.replace("_orig_mod.", "")
    while name.startswith("module."):
        name = name.removeprefix("module.")
    return name


def _without_prefix(found: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names without what stands before all of them, if those are the model's."""
    first = next(iter(found))
    for end, sign in enumerate(first, start=1):
        if sign != "." or set(found) & set(own):
            continue
        if not all(name.startswith(first[:end]) for name in found):
            break
        bare = {name[end:]: value for name, value in found.items()}
        if set(bare) & set(own):
            return bare
    return _of_one_part(found, own)


def _of_one_part(found: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names below the one prefix that has all of the model's, beside those of a loss."""
    if not own or set(found) & set(own):
        return found
    first = next(iter(own))
    prefixes = [name.removesuffix(first) for name in found if name.endswith(f".{first}")]
    whole = [one for one in prefixes if all(one + name in found for name in own)]
    if len(whole) != 1:
        return found
    beside = {name.split(".")[0] for name in found if not name.startswith(whole[0])}
    if not all(_BESIDE.fullmatch(name) for name in beside):
        return found  # parts of another net, for all we know
    return {name.removeprefix(whole[0]): value for name, value in found.items()
            if name.startswith(whole[0])}  # fmt: skip


def _check_kind(name: str, value: Tensor, wanted: Tensor, path: Path) -> None:
    """Raise unless a tensor of a file holds numbers of the kind that the net computes with."""
    kind = (
        "no values (meta)" if value.is_meta
        else "quantised values" if value.is_quantized
        else "sparse values" if value.layout != torch.strided
        else None if value.is_floating_point() == wanted.is_floating_point()
        and value.is_complex() == wanted.is_complex()
        and (value.dtype == torch.bool) == (wanted.dtype == torch.bool)
        else str(value.dtype).removeprefix("torch.")
    )  # fmt: skip
    if kind is not None:
        raise ModelError(
            f"the tensor {name!r} in {path} holds {kind}, but the net computes with "
            f"{str(wanted.dtype).removeprefix('torch.')}; save the weights as they were before "
            "they were converted"
        )


def _comparable(value: Tensor) -> Tensor:
    small_float = value.is_floating_point() and value.itemsize == 1
    return value.float() if small_float else value  # 8-bit floats know no isfinite


def _check_names(own: dict[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    there = {_place(own[name]) for name in found if name in own}
    missing = [
        name
        for name, value in own.items()
        if name not in found and not name.endswith(_COUNTERS) and _place(value) not in there
    ]
    unexpected = [name for name in found if name not in own]
    reshaped = [
        f"{name} (file {tuple(found[name].shape)}, net {tuple(own[name].shape)})"
        for name in found
        if name in own and found[name].shape != own[name].shape
    ]
    problems = [
        *_listed("missing", missing),
        *_listed("unexpected", unexpected),
        *_listed("of another shape", reshaped),
    ]
    if problems:
        raise ModelError(
            f"the weights in {path} do not fit the net: {'; '.join(problems)}. "
            + _advice(len(own), missing, unexpected)
        )


def _place(value: Tensor) -> tuple[object, ...]:
    # A tensor without elements has no address of its own.
    address = value.data_ptr() if value.numel() else id(value)
    return (value.device, address, tuple(value.shape), value.stride())


def _listed(what: str, names: Iterable[str]) -> list[str]:
    all_names = list(names)
    if not all_names:
        return []
    rest = len(all_names) - _SHOWN
    tail = f" and {rest} more" if rest > 0 else ""
    return [f"{len(all_names)} {what}: {', '.join(all_names[:_SHOWN])}{tail}"]


def _advice(size: int, missing: list[str], unexpected: list[str]) -> str:
    if not missing and not unexpected:
        return (
            "Names agree: give the net the sizes with which it was trained, above all the "
            "number of classes and of input channels, or choose data that have them"
        )
    if len(missing) >= size / 2:
        return "They are of another kind of net: set model.name to the one that was trained"
    return (
        "Set model.name and [model.arguments] to the net that was trained, or rename the "
        "tensors in the file"
    )

"""What Python callers hand over, told apart before anything is done with it."""

import copy
import operator
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .data import UnlearningData
from .errors import InputError, ModelError
from .method import Method
from .task import Task

LARGEST_SEED = 2**63 - 1


def check_arguments(model: Any, data: Any, method: Any, task: Any) -> None:
    """Raise unless each argument is of the kind that it should be.

    Raises:
        InputError: Names the argument, what it is, and what it should be.
    """
    check_module(model)
    if not isinstance(data, UnlearningData):
        raise InputError(
            f"expected data to be an UnlearningData, got {_kind(data)}; make one with "
            "UnlearningData.split(train, positions)"
        )
    if isinstance(method, type) or not isinstance(method, Method):
        raise InputError(
            f"expected method to be a method such as expunge.Scissorhands(), got {_kind(method)}"
        )
    check_task(task)


def check_module(model: Any, name: str = "model") -> None:
    """Raise unless a model is a module of torch.

    Raises:
        InputError: Says what it is.
    """
    if not isinstance(model, nn.Module):
        advice = "; call load_state_dict with it on the module" if isinstance(model, dict) else ""
        raise InputError(f"expected {name} to be a torch.nn.Module, got {_kind(model)}{advice}")


def check_task(task: Any) -> None:
    """Raise unless a task is one, and no class of one.

    Raises:
        InputError: Says what it is.
    """
    if isinstance(task, type) or not isinstance(task, Task):
        raise InputError(
            "expected task to be a task such as expunge.Classification(num_classes=10), got "
            f"{_kind(task)}"
        )


def check_seed(seed: Any) -> int:
    """A seed as a whole number that all generators take.

    Raises:
        InputError: Tells the value and the range.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise InputError(f"expected seed to be a whole number from 0 to 2^63 - 1, got {seed!r}")
    return number


def device_of(device: torch.device | str) -> torch.device:
    """A device by its name.

    Raises:
        InputError: If torch knows none of that name.
    """
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"expected device to be one of torch such as 'cpu' or 'cuda:0', got {device!r}"
        ) from error


def copy_of(model: nn.Module) -> nn.Module:
    """A deep copy.

    Raises:
        ModelError: If the model holds something that cannot be copied.
    """
    try:
        return copy.deepcopy(model)
    except (RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(
            f"the model cannot be copied ({str(error).splitlines()[0]}); take off what is no "
            "parameter or buffer (of torch.nn.utils.prune: prune.remove), or detach it"
        ) from error


def check_layers(model: nn.Module) -> None:
    """Raise if a parameter has no values, or a normalisation needs other samples of a batch.

    Raises:
        ModelError: Names the parameter or module, and what to use in its place.
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_meta:
            raise ModelError(
                f"{name!r} has a shape but no values (device meta); build the model on the CPU, or "
                "load its weights with assign=True"
            )
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ModelError(
                f"{name or 'the model'} ({type(module).__name__}) keeps no running statistics, so "
                "that what it answers for a sample depends on the rest of the batch; use "
                "track_running_stats=True, or GroupNorm"
            )


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, not one of its kind: call it"
    return f"{value!r}" if isinstance(value, str | int | float) else type(value).__name__


def check_kind(value: Any, kind: type, name: str, how: str) -> None:
    """Raise unless an argument is of a kind.

    Args:
        value: What was given.
        kind: What it must be an instance of.
        name: Of the argument.
        how: Where one comes from.

    Raises:
        InputError: Says what it is, and how to come by the other.
    """
    if not isinstance(value, kind):
        raise InputError(f"expected {name} to be {kind.__name__}, got {_kind(value)}; {how}")


def path_of(value: Any, name: str) -> Path:
    """A path from a text or a path.

    Raises:
        InputError: If it is anything else, or empty.
    """
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise InputError(f"expected {name} to be the path of a file, got {value!r}")
    return Path(value)

"""Nets that the user's own code builds, named as ``package.module:factory``."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..core.checks import did_you_mean
from ..core.errors import ModelError


def find_factory(reference: str) -> Callable[..., Any]:
    """Import what a reference names; the current folder is searched first, as by ``python -m``.

    Args:
        reference: ``"package.module:factory"``; a function or a class.

    Raises:
        ModelError: If the import fails, the name is missing, or it cannot be called.
    """
    module_name, _, path = reference.partition(":")
    if not module_name or not path:
        raise ModelError(
            f"expected a factory as 'package.module:factory', got {reference!r}; "
            "write the module, a colon, and the name of the function"
        )
    with _current_folder_importable():
        found: Any = _import(module_name, reference)
    for part in path.split("."):
        if not hasattr(found, part):
            public = [name for name in dir(found) if not name.startswith("_")]
            raise ModelError(
                f"{module_name!r} has no {path!r}{did_you_mean(part, public)}; "
                f"change the name after the colon in {reference!r}"
            )
        found = getattr(found, part)
    if isinstance(found, nn.Module) or not callable(found):
        raise ModelError(
            f"expected {reference!r} to be a function or class that builds a net, got "
            f"{_kind(found)}; write a function that returns the net"
        )
    factory: Callable[..., Any] = found
    return factory


def call_factory(
    reference: str, factory: Callable[..., Any], num_classes: int, arguments: Mapping[str, Any]
) -> nn.Module:
    """Build a net by a factory.

    Args:
        reference: How the user named the factory, for messages.
        factory: What ``find_factory`` returned.
        num_classes: Passed on where the factory takes it and ``arguments`` do not name it.
        arguments: Keyword arguments of the call.

    Raises:
        ModelError: If the call fails, or the result is no ``nn.Module``.
    """
    given = dict(arguments)
    if "num_classes" not in given and _takes(factory, "num_classes"):
        given["num_classes"] = num_classes
    try:
        with _current_folder_importable():  # it may import more
            model = factory(**given)
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"the factory {reference!r}, called with {_shown(given)}, failed: "
            f"{type(error).__name__}: {error}; repair it, or change [model.arguments]"
        ) from error
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"expected the factory {reference!r} to return a torch.nn.Module, got "
            f"{_kind(model)}; let it return the net itself"
        )
    return model


def _import(module_name: str, reference: str) -> ModuleType:
    importlib.invalidate_caches()  # the file may have been written a moment ago
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"cannot import {module_name!r} for the net {reference!r}: "
            f"{type(error).__name__}: {error}; start the command in the folder that holds the "
            "module, install it, or repair it"
        ) from error


def _takes(factory: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # some compiled callables do not tell
        return False
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    if name in parameters:
        return parameters[name].kind in by_keyword
    return any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


def _kind(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"a value of type {type(thing).__name__}"


def _shown(arguments: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"({text})" if text else "no arguments"


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # the imported code may have changed the path itself
            sys.path.remove(folder)

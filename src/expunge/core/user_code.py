"""The user's own code, ``package.module:name`` or ``file.py:name``: nets, data sets, methods."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .checks import did_you_mean
from .errors import InputError


def find_callable(reference: str, *, error: type[InputError] = InputError) -> Callable[..., Any]:
    """Import what a reference names; the current folder is searched first.

    Args:
        reference: ``"package.module:name"`` or ``"file.py:name"``; a function or a class, perhaps
            nested.
        error: Raised, of this type, where anything is wrong.

    Raises:
        InputError: If the import fails, the name is missing, or it cannot be called.
    """
    module_name, _, path = reference.partition(":")
    if not module_name or not path:
        raise error(
            f"expected a factory as 'package.module:factory', got {reference!r}; "
            "write the module, a colon, and the name of the function"
        )
    with current_folder_importable():
        found: Any = (
            _from_file(Path(module_name).expanduser(), reference, error)
            if module_name.endswith(".py")
            else _import(module_name, reference, error)
        )
    for part in path.split("."):
        if not hasattr(found, part):
            public = [name for name in dir(found) if not name.startswith("_")]
            raise error(
                f"{module_name!r} has no {path!r}{did_you_mean(part, public)}; "
                f"change the name after the colon in {reference!r}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise error(
            f"expected {reference!r} to be a function or class, got a value of type "
            f"{type(found).__name__}; name the function itself"
        )
    made: Callable[..., Any] = found
    return made


@contextmanager
def current_folder_importable() -> Iterator[None]:
    """Search the current folder first, as ``python -m`` does and a console script does not."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # the imported code may have changed the path itself
            sys.path.remove(folder)


def _from_file(path: Path, reference: str, error: type[InputError]) -> ModuleType:
    """A file as a module of its own; one that was changed since is another module."""
    if not path.is_file():
        raise error(f"there is no file {str(path)!r} for {reference!r} (looked in {Path.cwd()})")
    content = hashlib.sha256(str(path.resolve()).encode() + path.read_bytes()).hexdigest()
    name = f"{path.stem}_{content[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018  # its name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for their module there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as cause:  # the file's own code may raise anything
        del sys.modules[name]
        raise error(
            f"cannot import {str(path)!r} for {reference!r}: {type(cause).__name__}: {cause}; "
            "repair it"
        ) from cause
    return module


def _import(module_name: str, reference: str, error: type[InputError]) -> ModuleType:
    importlib.invalidate_caches()  # the file may have been written a moment ago
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as cause:  # the module's own code may raise anything
        raise error(
            f"cannot import {module_name!r} for {reference!r}: {type(cause).__name__}: {cause}; "
            "start the command in the folder that holds the module, install it, or repair it"
        ) from cause

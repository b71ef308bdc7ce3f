"""What a method is: frozen hyper-parameters that can be called."""

import hashlib
import sys
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import nn

from .data import Split, UnlearningData
from .plugins import misnamed
from .run import Run
from .task import Task


@dataclass(frozen=True)
class Reference:
    """Where a method comes from; printed by ``expunge cite`` and in records."""

    authors: str
    title: str
    venue: str
    year: int
    url: str


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass of hyper-parameters that can be called.

    ``model`` is a private copy in training mode: change it or return another one.
    Nothing else may be changed, and only the sets named in ``reads`` may be read.

    Two more class attributes may be declared; without them nothing is ``optional`` and no
    capability needed. ``optional: ClassVar[frozenset[Split]]`` are those sets of ``reads`` that
    it can do without. ``needs: ClassVar[frozenset[type]]`` are protocols of
    ``core.capabilities`` that the task must satisfy, whatever the hyper-parameters are.
    Ask by ``optional_sets``, ``required_sets`` and ``needs_of``.
    """

    name: ClassVar[str]
    reads: ClassVar[frozenset[Split]]
    reference: ClassVar[Reference]

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        """Return a model that behaves as if it had not seen the forget set."""
        ...


def optional_sets(method: Method | type[Method]) -> frozenset[Split]:
    """The sets that a method reads if they are there, and can do without."""
    found: frozenset[Split] = getattr(method, "optional", frozenset())
    return found


def required_sets(method: Method | type[Method]) -> frozenset[Split]:
    """The sets without which a method cannot run."""
    return method.reads - optional_sets(method)


def needs_of(method: Method | type[Method]) -> frozenset[type]:
    """The capabilities that a method needs of its task, as protocols of ``core.capabilities``."""
    found: frozenset[type] = getattr(method, "needs", frozenset())
    return found


def identity_of(method: Method) -> list[Any]:
    """Name and hyper-parameters; of a method that is not the library's, the source, too.

    The source tells an edited method from what it was: a SHA-256 of the file that holds it.
    Modules that the file imports do not count.
    """
    settings = asdict(method)  # type: ignore[call-overload]  # every method is one
    return [method.name, settings, *_source_digest(method)]


def _source_digest(method: Method) -> list[str]:
    module = sys.modules.get(type(method).__module__)
    file = getattr(module, "__file__", None)
    if file is None or type(method).__module__.startswith("expunge."):
        return []
    return [hashlib.sha256(Path(file).read_bytes()).hexdigest()]


def method_problem(name: str, cls: object) -> str | None:
    """Why a class of another package is no usable method, or None; see ``core.plugins``."""
    if not isinstance(cls, type) or not is_dataclass(cls):
        return f"expected a dataclass, got {cls!r}"
    if absent := [part for part in ("name", "reads", "reference") if not hasattr(cls, part)]:
        return f"it lacks the class attribute {absent[0]}"
    if not any("__call__" in vars(base) for base in cls.__mro__):
        return "it cannot be called with (model, task, data, run)"
    return misnamed(name, getattr(cls, "name", None), r"[a-z0-9]+(-[a-z0-9]+)*", "kebab case")

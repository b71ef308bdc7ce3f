"""What a method is: frozen hyper-parameters that can be called."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from torch import nn

from .data import Split, UnlearningData
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
    """

    name: ClassVar[str]
    reads: ClassVar[frozenset[Split]]
    reference: ClassVar[Reference]

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        """Return a model that behaves as if it had not seen the forget set."""
        ...

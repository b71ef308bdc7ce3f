"""How far work has come that is too deep inside to be handed a listener.

Methods and training log by ``Run``; scoring, generating and hashing tell here. Whoever carries
out a run listens; nothing else notices.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Listener = Callable[[dict[str, Any]], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_subject: ContextVar[str] = ContextVar("subject", default="")


@contextmanager
def listening(on_log: Listener, *, announced: bool = True) -> Iterator[None]:
    """Send what ``tell`` says meanwhile to ``on_log``; announced by an empty entry, or not."""
    if announced:
        on_log({})
    token = _listener.set(on_log)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Name what the work is about, such as the role of a model."""
    token = _subject.set(subject)
    try:
        yield
    finally:
        _subject.reset(token)


@contextmanager
def unheard() -> Iterator[None]:
    """Pass over what is told meanwhile: a larger count goes on around it."""
    token = _listener.set(None)
    try:
        yield
    finally:
        _listener.reset(token)


def tell_of_many(stage: str, done: int, total: int, at_once: int) -> None:
    """As ``tell``, of work that is worth a word only if it takes more than one round."""
    if total > at_once:
        tell(stage, done, total)


def tell(stage: str, done: int, total: int) -> None:
    """Say how many of ``total`` parts of a stage are done, at least one."""
    if (listener := _listener.get()) is not None:
        subject = _subject.get()
        named = f"{stage} of {subject}" if subject else stage
        listener({"stage": named, "step": done - 1, "total": total})

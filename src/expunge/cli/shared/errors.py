"""From exceptions to a sentence on stderr and an exit code."""

import functools
import signal
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import typer

try:  # now: when memory is gone, nothing more can be loaded
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

DEBUG: ContextVar[bool] = ContextVar("debug", default=False)
COMMAND: ContextVar[str | None] = ContextVar("command", default=None)
OWN_PROCESS: ContextVar[bool] = ContextVar("own_process", default=False)
INTERRUPTED = 130
TERMINATED = 143
_NARROW = 64 << 20


class _ToldToEnd(KeyboardInterrupt):
    """SIGTERM, as an interruption: what holds locks and checkpoints lets go of them."""


def _told_to_end(_number: int, _frame: Any) -> None:
    raise _ToldToEnd


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """A command that ends with an exit code instead of a traceback."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        if OWN_PROCESS.get():  # not a call from a program, which decides this for itself
            from expunge.cli.shared.allocator import keep_freed_memory  # noqa: PLC0415  slow for --help

            keep_freed_memory()
            signal.signal(signal.SIGTERM, _told_to_end)
            # Pillow's, before images of so many pixels are refused by a message of our own.
            warnings.filterwarnings("ignore", r"Image size \(\d+ pixels\) exceeds limit")
        try:
            function(*args, **kwargs)
        except KeyboardInterrupt as error:
            told = isinstance(error, _ToldToEnd)
            _say(
                f"{'told to end' if told else 'interrupted'}; the same command with --resume goes "
                "on from the last checkpoint"
            )
            raise typer.Exit(TERMINATED if told else INTERRUPTED) from None
        except (typer.Exit, BrokenPipeError):
            raise
        except BaseException as error:
            if DEBUG.get() or not (isinstance(error, Exception) or _is_panic(error)):
                raise
            text, code = _explained(error)
            _say(text)
            raise typer.Exit(code) from None

    return run


def _explained(error: BaseException) -> tuple[str, int]:
    """What to say of an exception, and with what code to end."""
    # Not by expunge.ExpungeError, which is loaded when it is named: that may be what failed.
    own = sys.modules.get("expunge.core.errors")
    if own is not None and isinstance(error, own.ExpungeError):
        return f"error: {_text(error)}", error.exit_code
    if _is_out_of_memory(error):
        return (
            "error: memory ran out; end other programs, or use less of it (a smaller batch_size or "
            "data.limit). What was finished is kept: the same command with --resume goes on"
        ), 2
    if isinstance(error, OSError) and error.filename is not None:  # no right, a name too long
        name = _cut(error.filename)
        return f"error: cannot use {name}: {error.strerror}; choose another path", 2
    return (
        f"error: unexpected {type(error).__name__}: {error}\n"
        "This looks like a defect of expunge; --debug shows where it happened."
    ), 1


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, also where nobody says so: an interpreter that gets none is lost.

    At a limit of the address space (``ulimit -v``) extensions fail without an exception, and
    packages cannot be loaded, not even the one that would judge the error.
    """
    is_lost = isinstance(error, SystemError | ImportError) or _is_panic(error)
    if isinstance(error, MemoryError) or (is_lost and _was_nearly_full()):
        return True
    try:
        from expunge.core.memory import is_out_of_memory  # noqa: PLC0415  imports torch
    except ImportError:  # which is what failed
        return False
    return is_out_of_memory(error)


def _is_panic(error: BaseException) -> bool:
    """Whether a package in Rust gave up: its exception is none of Python's ordinary ones."""
    return type(error).__module__ == "pyo3_runtime"


def _was_nearly_full() -> bool:
    """Whether this process ever came within 64 MB of the limit of its address space, on Linux.

    Ever: what a package had when it failed to load is given back by the time of its exception.
    """
    if resource is None:
        return False
    try:
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = int(status.partition("VmPeak:")[2].split()[0]) << 10
    except MemoryError:
        return True
    except (OSError, ValueError, IndexError):
        return False
    return bool(limit != resource.RLIM_INFINITY and limit - peak < _NARROW)


def _text(error: BaseException) -> str:
    problems = getattr(error, "problems", None)
    if problems is None or len(problems) == 1:
        return str(error)
    return "\n".join([f"{len(problems)} problems in the config:", *(f"  {p}" for p in problems)])


def _cut(name: object) -> str:
    return str(name) if len(str(name)) <= 200 else f"{str(name)[:200]}…"


def _say(text: str) -> None:
    print(text, file=sys.stderr)

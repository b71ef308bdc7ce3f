"""Puts the commands together, and turns whatever happens into an exit code."""

import re
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import expunge

from . import (
    bench,
    check,
    cite,
    demo,
    erase,
    evaluate,
    explain,
    init,
    memorisation,
    methods,
    plan,
    purge,
    report,
    unlearn,
    verify,
)
from .shared.errors import COMMAND, DEBUG, OWN_PROCESS, guarded

_REQUEST = re.compile(r"(--set=)?data\.forget\b[\w.]*=")
SILENT = {"--resume", "--json", "--debug"}
COMMANDS = (
    demo,
    init,
    unlearn,
    erase,
    bench,
    evaluate,
    explain,
    report,
    verify,
    purge,
    check,
    plan,
    memorisation,
    methods,
    cite,
)

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module in COMMANDS:
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name, no_args_is_help=_module.NEEDS_ARGUMENTS)(guarded(_module.command))


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Remove the influence of chosen data from a trained model, and show how far it worked.

    Example: expunge demo
    """


def _shown(word: str) -> str:
    """A word as records show it: what is set of the request may name a person."""
    named = _REQUEST.match(word)
    return word if named is None else f"{named[0]}…"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Words after ``expunge``; those of the process if None.

    Returns:
        0: done. 1: the result was refused, or something unforeseen. 2: bad input.
        130: interrupted, 143: told to end. ``--debug``, anywhere, lets exceptions through.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        print(f"expunge {expunge.__version__}")
        return 0
    # What only concerns how a run is carried out or shown is no part of what was asked.
    asked = shlex.join(["expunge", *(_shown(word) for word in words if word not in SILENT)])
    tokens = COMMAND.set(asked), DEBUG.set("--debug" in words), OWN_PROCESS.set(argv is None)
    try:
        app(args=[word for word in words if word != "--debug"], prog_name="expunge")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        COMMAND.reset(tokens[0])
        DEBUG.reset(tokens[1])
        OWN_PROCESS.reset(tokens[2])
    return 0

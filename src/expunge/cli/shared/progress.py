"""Shows rows that a run logs: bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

import expunge

if TYPE_CHECKING:
    from expunge.core import Record

QUIET_SECONDS = 30.0
SHORT_SECONDS = 5.0
HIDDEN = {"doing", "stage", "step", "total"}


class Bars:
    """One bar per stage of the run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, row: dict[str, Any]) -> None:
        name, total = title(row), row.get("total")
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total, numbers="")
        done = None if total is None else row["step"] + 1
        self._progress.update(self._bars[name], completed=done, total=total, numbers=numbers(row))


class Lines:
    """A line when something begins, and every half minute, with the time that is left.

    Stages of the same work that take less than five seconds get none.
    """

    def __init__(self, console: Console, every: float = QUIET_SECONDS) -> None:
        self._console, self._every = console, every
        self._doing, self._stage = "", ""
        self._first, self._step = (0.0, 0), 0  # time and step with which the stage began
        self._due = 0.0

    def __call__(self, row: dict[str, Any]) -> None:
        now, step = time.monotonic(), row.get("step", 0)
        # A stage may come again, for another model.
        if (stage := title(row)) != self._stage or step < self._step:
            self._stage, self._first = stage, (now, step)
            self._due = max(self._due, now + min(self._every, SHORT_SECONDS))
        if (doing := row.get("doing", stage)) != self._doing:
            self._doing, self._due = doing, now
        self._step = step
        if now < self._due:
            return
        self._due = now + self._every
        text = f"{stage}{self._position(row, now)} {numbers(row)}".rstrip()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _position(self, row: dict[str, Any], now: float) -> str:
        """Which step it is, and how long the rest of the stage takes at the speed so far."""
        if "total" not in row:
            return ""
        (began, first), step, total = self._first, row["step"], row["total"]
        text = f": step {step + 1} of {total}"
        if step <= first:
            return text
        minutes, seconds = divmod(round((now - began) / (step - first) * (total - step - 1)), 60)
        return f"{text}, {minutes}:{seconds:02d} left"


def title(row: dict[str, Any]) -> str:
    """What the run is at, e.g. ``"scissorhands: repair"``."""
    doing, stage = str(row.get("doing", "")), str(row.get("stage", ""))
    return (
        f"{doing}: {stage}" if doing and stage and not doing.startswith(stage) else doing or stage
    )


def numbers(row: dict[str, Any]) -> str:
    """The loss-like numbers of a row in short."""
    shown = {key: value for key, value in row.items() if key not in HIDDEN}
    pairs = [(key, value) for key, value in shown.items() if isinstance(value, float)]
    return ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in pairs[:3])


@contextmanager
def progress(console: Console | None = None) -> Iterator[Bars | Lines]:
    """A listener for ``on_log`` that writes to stderr."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=console) as bars:
        yield Bars(bars)


@contextmanager
def followed(
    track: list[str] | None, folder: Path
) -> Iterator[tuple[Callable[[dict[str, Any]], None], Callable[["Record"], None]]]:
    """A listener that also tells experiment trackers, and what tells them the record."""
    with progress() as shown, expunge.tracking(track or (), folder) as trackers:

        def listen(row: dict[str, Any]) -> None:
            shown(row)
            trackers(row)

        yield listen, trackers.finish

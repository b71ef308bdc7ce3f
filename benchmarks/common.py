"""What the benchmarks share: jobs that take turns, exact memory, and the table of results."""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


@dataclass(frozen=True)
class Row:
    """One figure and the limit that it keeps, if there is one."""

    what: str
    value: float
    limit: float | None = None
    at_least: bool = False

    @property
    def kept(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        limit = "" if self.limit is None else f"{sign} {self.limit:g}"
        return f"{self.what:<56}{self.value:>8.3f}  {limit:<8}{'' if self.kept else '  MISSED'}"


def in_turns(rounds: int, *jobs: Callable[[], object]) -> list[list[float]]:
    """Seconds of each round of each job; they take turns, after one round that is not counted.

    Whatever else the machine does then meets all of them alike.
    """
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for job, row in zip(jobs, times, strict=True):
            start = time.perf_counter()
            job()
            if turn:
                row.append(time.perf_counter() - start)
    return times


def ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median over the rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def peak_bytes(job: Callable[[], object]) -> int:
    """Bytes of tensors allocated at the peak of a job, beyond those there before it.

    Counted by the profiler at each allocation, hence exact and the same every time; the
    resident size of a process also holds what its allocator keeps for later, and that
    varies between runs by about the size of a gradient.
    """
    activities = [ProfilerActivity.CPU]
    with profile(activities=activities, profile_memory=True, acc_events=True) as profiler:
        job()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    allocations = [event for event in events if event.get("name") == "[memory]"]
    allocations.sort(key=lambda event: event["ts"])
    sizes = [event["args"]["Bytes"] for event in allocations]
    total = peak = 0
    for size in sizes:
        total += size
        peak = max(peak, total)
    return peak


def parse(description: str | None, **defaults: str | int) -> argparse.Namespace:
    """The command's options, and ``--save FILE`` for the results."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--save", type=Path, help="write the results here, as JSON")
    return parser.parse_args()


def conclude(title: str, rows: list[Row], save: Path | None) -> int:
    """Print the table, save it if asked, and return the exit code: 1 if a limit is missed."""
    print(title)
    for row in rows:
        print(row)
    if save:
        words = sys.argv[1:]
        place = words.index("--save")
        content = {
            "command": " ".join(["python", "benchmarks/" + Path(sys.argv[0]).name, *words[:place]]),
            "title": title,
            "machine": _machine(),
            "rows": [asdict(row) for row in rows],
        }
        save.parent.mkdir(parents=True, exist_ok=True)
        save.write_text(json.dumps(content, indent=1) + "\n")
    return 0 if all(row.kept for row in rows) else 1


def _machine() -> str:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), cpu)
    return f"{cpu}, {torch.get_num_threads()} threads, torch {torch.__version__}"

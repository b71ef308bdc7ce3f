"""Kill commands, fill disks and take rights away while they work, then look at what is left.

Linux, as root (it mounts a small tmpfs). Writes ``results/benchmarks/hardship.json``:

    python benchmarks/hardship.py --save results/benchmarks/hardship.json

Each hardship strikes at a random moment of a command; the command is then given again with what
it lacked. What counts: nothing half-written is left, the second call ends well, and all tensors
and results equal those of a run that was left in peace. About 40 minutes on two cores.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import Row, conclude, parse
from hardship_commands import Command, commands, finish, problems

# Libraries in other languages abort where they get no memory, which no program can catch.
_ABORTED = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGTRAP, 127}  # the last by the loader
# A hardship starts a command, strikes, and returns what the command said and how to relieve it.
Struck = tuple[list[tuple[int, str]], Callable[[], None]]


def kill(command: Command, folder: Path, when: float) -> Struck:
    """SIGKILL, of one writer only where there are two."""
    started = command.start(folder)
    time.sleep(when)
    started[0].send_signal(signal.SIGKILL)
    return finish(started)[1:], lambda: None


def fill_disk(command: Command, folder: Path, when: float) -> Struck:
    """No byte is left on the file system of the folder."""
    started = command.start(folder)
    time.sleep(when)
    filler = folder.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    return finish(started), filler.unlink


def forbid_writing(command: Command, folder: Path, when: float) -> Struck:
    """The folder may only be read, also by its owner: root obeys without these capabilities."""
    bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    folder.mkdir()
    started = command.start(folder, before=bound)
    time.sleep(when)
    folder.chmod(0o500)
    return finish(started), lambda: folder.chmod(0o700)


def limit_memory(command: Command, folder: Path, when: float) -> Struck:
    """Address space ends a megabyte above what is in use, as by ``ulimit -v``."""
    started = command.start(folder)
    time.sleep(when)
    for process in started:
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0])
            limit = pages * os.sysconf("SC_PAGE_SIZE") + (1 << 20)
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))
        except (OSError, IndexError):
            pass  # it has ended
    return finish(started), lambda: None


HARDSHIPS = {
    "kill -9": (kill, {"unlearn": 8, "bench": 8, "demo": 7, "erase": 7}),
    "full disk": (fill_disk, {"unlearn": 10, "bench": 3, "erase": 3}),
    "read-only": (forbid_writing, {"unlearn": 6}),
    "memory limit": (limit_memory, {"unlearn": 6, "bench": 3}),
}


def strike(
    name: str, command: Command, times: int, place: Path, choose: random.Random
) -> dict[str, Any]:
    """One hardship at several random moments of one command."""
    hardship = HARDSHIPS[name][0]
    peace_folder = place / "peace"
    if not command.seconds:
        begun = time.monotonic()
        ended = finish(command.start(peace_folder))
        assert all(code == 0 for code, _ in ended), ended
        command.seconds = time.monotonic() - begun
    peace = command.left(peace_folder)
    assert peace, f"{name}: nothing to compare"
    codes, bad, aborted = [], [], 0
    for number in range(times):
        folder = place / f"{name.replace(' ', '-')}-{number}"
        struck, relieve = hardship(command, folder, choose.uniform(1.0, 0.95 * command.seconds))
        relieve()
        codes += [code for code, _ in struck]
        aborted += sum(name == "memory limit" and code in _ABORTED for code, _ in struck)
        bad += [f"{number}: {text[-400:]}" for code, text in struck if _is_crash(code, text, name)]
        ended = finish(command.start(folder, resume=True))
        bad += [f"{number}, again: {text[-400:]}" for code, text in ended if code]
        bad += [f"{number}: {one}" for one in problems(command, folder, peace)]
        shutil.rmtree(folder, ignore_errors=True)
    found = {"hardship": name, "times": times, "exit codes": sorted(codes), "problems": bad}
    if name == "memory limit":
        found["aborted"] = aborted
    print(json.dumps(found), flush=True)
    return found


def _is_crash(code: int, text: str, hardship: str) -> bool:
    """Whether a command ended otherwise than by doing its work or by a message and code 2.

    Aborts of libraries at a memory limit are counted in a row of their own.
    """
    ended = code in (0, 2) or (hardship == "memory limit" and code in _ABORTED)
    return not ended or "Traceback" in text or "unexpected" in text


def two_in_one_folder(command: Command, place: Path, times: int) -> dict[str, Any]:
    """Two runs begin at once in one folder: one works, the other is told so."""
    bad = []
    for number in range(times):
        folder = place / f"two-{number}"
        ended = finish([*command.start(folder), *command.start(folder)])
        if sorted(code for code, _ in ended) != [0, 2]:
            bad.append(f"{number}: {[code for code, _ in ended]}")
        if not any("another run is writing" in text for _, text in ended):
            bad.append(f"{number}: not said")
        bad += [
            f"{number}: {one}" for one in problems(command, folder, command.left(place / "peace"))
        ]
        shutil.rmtree(folder, ignore_errors=True)
    return {"hardship": "two runs in one folder", "times": times, "problems": bad}


def main() -> int:
    """Strike all, and write what was found."""
    asked = parse(__doc__, seed=0, only="")
    choose = random.Random(asked.seed)
    place = Path(tempfile.mkdtemp(prefix="hardship-"))
    place.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(place)], check=True)
    found = []
    try:
        known = commands(place)
        for name, (_, plan) in HARDSHIPS.items():
            if asked.only not in ("", name):
                continue
            for which, times in plan.items():
                part = place / which
                part.mkdir(exist_ok=True)
                found.append({"command": which, **strike(name, known[which], times, part, choose)})
        if not asked.only:
            both = two_in_one_folder(known["unlearn"], place / "unlearn", 3)
            found.append({"command": "unlearn", **both})
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
        place.rmdir()
    rows = [
        Row(f"{one['hardship']}, {one['command']}: problems in {one['times']} strikes",
            len(one["problems"]), 0.0)
        for one in found
    ]  # fmt: skip
    rows += [
        Row(f"{one['hardship']}, {one['command']}: processes that a library aborted, of "
            f"{len(one['exit codes'])}", one["aborted"])
        for one in found if "aborted" in one
    ]  # fmt: skip
    what = asked.only or "killed, full, forbidden, out of memory"
    return conclude(f"Hardships: {what}", rows, asked.save)


if __name__ == "__main__":
    sys.exit(main())

"""Without memory errors are nobody's; they are told as what they are."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image

from expunge.cli.shared import errors

# What packages in Rust raise is no Exception.
PANIC = "type('PanicException', (BaseException,), {'__module__': 'pyo3_runtime'})('no thread')"
CODE = """
import resource, sys
from pathlib import Path
import expunge
from expunge.cli.shared.errors import _explained
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + {room}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
{then}
text, code = _explained({error})
print(code, text)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize(
    ("error", "room", "told"),
    [
        ("SystemError('error return without exception set')", 1 << 20, "2 error: memory ran out"),
        ("ImportError('torch can only be initialized once')", 1 << 20, "2 error: memory ran out"),
        (PANIC, 1 << 20, "2 error: memory ran out"),
        (PANIC, 8 << 30, "1 error: unexpected PanicException"),
        ("SystemError('x')", 8 << 30, "1 error: unexpected SystemError"),
        ("ValueError('x')", 60 << 20, "1 error: unexpected ValueError"),
    ],
)
def test_a_process_without_room_says_so(error: str, room: int, told: str) -> None:
    preload = "" if room == 1 << 20 else "import expunge.core.memory\n"
    done = subprocess.run(
        [sys.executable, "-c", preload + CODE.format(error=error, room=room, then="")],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.startswith(told), done.stderr[-500:]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize(
    ("then", "error", "told"),
    [
        # What a package mapped before it failed to load is given back when its exception is told.
        (
            "import mmap; mmap.mmap(-1, room - (1 << 20)).close()",
            "ImportError('torch can only be initialized once')",
            "2 error: memory ran out",
        ),
        ("sys.modules['torch'] = None", "ValueError('x')", "1 error: unexpected ValueError"),
        (
            "import mmap; mmap.mmap(-1, room - (1 << 20)).close(); sys.modules['resource'] = None",
            "ImportError('failed to map segment from shared object')",
            "2 error: memory ran out",
        ),
        ("sys.modules['torch'] = None", "MemoryError()", "2 error: memory ran out"),
    ],
)
def test_a_package_that_could_not_be_loaded(then: str, error: str, told: str) -> None:
    room = 512 << 20
    code = CODE.format(error=error, room=room, then=f"room = {room}; {then}")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.startswith(told), done.stderr[-500:]


def test_a_command_whose_packages_cannot_be_loaded_says_so() -> None:
    """No traceback: what tells our own errors from others must not load anything either."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from expunge.cli import main; sys.exit(main(['methods']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: unexpected ModuleNotFoundError")
    assert "Traceback" not in done.stderr


def test_a_panic_of_a_package_ends_in_a_message(capsys) -> None:
    @errors.guarded
    def panics() -> None:
        raise type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})("no thread")

    @errors.guarded
    def ends() -> None:
        raise GeneratorExit

    with pytest.raises(typer.Exit) as ended:
        panics()
    assert ended.value.exit_code == 1
    assert "unexpected PanicException: no thread" in capsys.readouterr().err
    with pytest.raises(GeneratorExit):
        ends()


def test_no_limit_is_not_full() -> None:
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        assert not errors._was_nearly_full()


def test_an_image_of_gigabytes_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """In a process of its own: Pillow's warning, of which this sentence says more, stays away."""
    for number in range(40):
        place = tmp_path / "train" / ("cat" if number % 2 else "dog") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(place)
    Image.new("1", (13_000, 13_000)).save(tmp_path / "train" / "cat" / "1.png")
    (tmp_path / "c.toml").write_text(
        f'data = {{ source = "imagefolder", path = "{tmp_path}", image_size = 8, test = 0.2, '
        'forget = { kind = "random", fraction = 0.1 } }\n'
        'model = { name = "small" }\ntraining = { recipe = "quick" }\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "expunge", "check", str(tmp_path / "c.toml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "has 13000 x 13000 pixels" in done.stderr
    assert "Warning" not in done.stderr

"""Every code block of README and docs runs, in order, as a reader would run them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .blocks import RUNNABLE, Block, blocks_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
MOST_NOT_RUN = 8
LEFT_BEHIND = {
    "README.md": ["run/record.json", "run/report.html", "run-digits/model.safetensors"],
    "docs/bench.md": [
        *(f"runs/tiny-bench/{name}" for name in ("leaderboard.html", "table.md", "bench.json")),
    ],
    "docs/your-method.md": [
        *(f"runs/contrast/{name}" for name in ("table.tex", "table.md", "gap.svg", "bench.json")),
    ],
    "docs/your-pipeline.md": [
        *(f"runs/church/{name}" for name in ("report.html", "purged.json", "pipeline/README.md")),
    ],
    "docs/quickstart.md": [
        *(f"run/{name}" for name in ("record.json", "report.html", "model.safetensors")),
        *(f"run-ids/{name}" for name in ("record.json", "report.html", "model.safetensors")),
    ],
}


def run_python(block: Block, names: dict[str, Any]) -> None:
    # The number of the line in the page makes a traceback readable.
    source = "\n" * block.line + block.code
    exec(compile(source, str(block.page), "exec"), names)


def run_shell(block: Block, folder: Path) -> None:
    code = block.code
    if block.language == "console":
        code = "\n".join(re.findall(r"^\$ (.+)$", code, re.MULTILINE))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,  # for a busy machine; seconds on an idle one
        check=False,
    )
    assert done.returncode == 0, f"{block.place}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{block.place}\n{done.stderr}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    names: dict[str, Any] = {"__name__": "page"}
    try:
        for block in blocks_of(page):
            if block.title:
                (tmp_path / block.title).write_text(block.code, encoding="utf-8")
            if block.language == "toml":
                tomllib.loads(block.code)
            if block.skip or block.title or block.language not in RUNNABLE:
                continue
            if block.language == "python":
                run_python(block, names)
            else:
                run_shell(block, tmp_path)
        for name in LEFT_BEHIND.get(page.relative_to(ROOT).as_posix(), []):
            assert (tmp_path / name).stat().st_size > 100, name
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    skipped = [block for page in PAGES for block in blocks_of(page) if block.skip]
    assert len(skipped) <= MOST_NOT_RUN, [block.place for block in skipped]
    assert all(len(block.skip or "") > 10 for block in skipped)


def test_no_fence_is_missed() -> None:
    for page in PAGES:
        fences = re.findall(r"^\s*```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks_of(page)), f"{page.name}: a block has no language"

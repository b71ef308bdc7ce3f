"""The command itself, on runs of a fraction of a second, and a browser that looks at pages."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.shown import Shown

from expunge.cli import main

TOML = """
precision = "fp32"
device = "cpu"
[data]
source = "digits"
limit = 300
forget = { kind = "random", fraction = 0.1, seed = 0 }
[model]
name = "small"
arguments = { width = 4 }
[training]
recipe = "quick"
epochs = 2
[method]
name = "fine-tune"
epochs = 1
[evaluation]
relearn = false
pictures = false
"""


class Result(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny config in the folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TOML)
    return Path("tiny.toml")


@pytest.fixture
def expunge(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run ``expunge WORDS…``."""

    def run(*words: object) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Result(code, *capsys.readouterr())

    return run


FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    reason = "playwright is not installed"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser")))
    chromium = os.environ.get("EXPUNGE_CHROMIUM") or next(found, None)
    if chromium is None:
        pytest.skip("no Chromium found; install one or name it in EXPUNGE_CHROMIUM")
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium,
            headless=True,
            args=FLAGS,
        )
        yield context
        context.close()


@pytest.fixture
def shown(browser: Any) -> Iterator[Shown]:
    one = Shown(browser.new_page())
    one.page.on("console", lambda message: one.noise.append(message.text))
    one.page.on("pageerror", lambda error: one.noise.append(str(error)))
    one.page.on("dialog", lambda dialog: (one.noise.append(dialog.message), dialog.dismiss()))
    one.page.on("requestfailed", lambda request: one.noise.append(request.url))
    one.page.on("request", lambda request: one.requests.append(request.url))
    yield one
    one.page.close()

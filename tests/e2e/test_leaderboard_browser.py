"""The leaderboard as a browser shows it: quiet, drawn, never too wide, and it sorts."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.bench import benches

from expunge.bench.leaderboard import leaderboard

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DRAWN = "[...document.querySelectorAll('.chart')].every(one => one.dataset.drawn === 'yes')"
NAMES = """() => [...document.querySelector('table.board').tBodies[1].rows].map(
  row => row.cells[0].dataset.key)"""


def _chromium() -> str | None:
    asked = os.environ.get("EXPUNGE_CHROMIUM")
    return asked or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


pytestmark = pytest.mark.skipif(
    _chromium() is None,
    reason="no Chromium found; install one or name it in EXPUNGE_CHROMIUM",
)


@dataclass
class Shown:
    """A page and everything it complained about or asked for."""

    page: Any
    noise: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        self.page.goto(path.as_uri(), timeout=120_000)
        self.page.wait_for_function(DRAWN, timeout=120_000)

    def names(self) -> list[str]:
        found: list[str] = self.page.evaluate(NAMES)
        return found

    def head(self, name: str) -> Any:
        return self.page.locator("table.board").first.locator("thead button", has_text=name).first


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("board") / "leaderboard.html"
    leaderboard(benches.full(), path)
    return path


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=_chromium(),
            headless=True,
            args=FLAGS,
        )
        yield context
        context.close()


@pytest.fixture
def shown(context: Any) -> Iterator[Shown]:
    one = Shown(context.new_page())
    one.page.on("console", lambda message: one.noise.append(message.text))
    one.page.on("pageerror", lambda error: one.noise.append(str(error)))
    one.page.on("requestfailed", lambda request: one.noise.append(request.url))
    one.page.on("request", lambda request: one.requests.append(request.url))
    yield one
    one.page.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_the_page_is_quiet_drawn_and_fits(
    shown: Shown, board: Path, width: int, scheme: str
) -> None:
    shown.page.set_viewport_size({"width": width, "height": 900})
    shown.page.emulate_media(color_scheme=scheme)
    shown.open(board)
    assert shown.noise == []
    assert [url for url in shown.requests if not url.startswith("data:")] == [board.as_uri()]
    for details in shown.page.locator("details").all():
        details.evaluate("one => one.open = true")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [one.bounding_box() for one in shown.page.locator(".chart svg").all()]
    assert len(boxes) == shown.page.locator(".chart").count() == 2 + 8 + 7
    assert all(box["height"] > 100 and box["width"] > 180 for box in boxes)


def test_heads_sort_by_mouse_and_keyboard(shown: Shown, board: Path) -> None:
    shown.open(board)
    start = shown.names()
    assert start[0] == "no_t"
    assert start[-1] == "ssd"
    head = shown.head("Avg. Gap")
    cell = head.locator("xpath=..")
    assert cell.get_attribute("aria-sort") == "ascending"
    head.focus()
    shown.page.keyboard.press("Enter")
    assert cell.get_attribute("aria-sort") == "descending"
    assert shown.names() == start[::-1]
    shown.head("Method").click()
    assert shown.names() == sorted(start)
    assert cell.get_attribute("aria-sort") is None
    assert shown.page.locator("#sorted").inner_text() == "Sorted by Method, ascending"
    shown.head("Time").focus()
    shown.page.keyboard.press("Space")
    assert shown.names()[0] == "ssd"
    assert shown.names()[-1] == "scrub"
    first = shown.page.locator("table.board").first.locator("tbody").first
    assert first.locator("th").first.inner_text().startswith("Original")
    other = shown.page.locator("table.board").nth(1)
    assert other.locator("th[aria-sort]").count() == 1
    assert shown.noise == []


def test_what_is_not_known_stays_last(shown: Shown, board: Path) -> None:
    shown.open(board)
    second = shown.page.locator("table.board").nth(1)
    last = second.locator("tbody").nth(1).locator("tr").last.locator("th")
    for _ in range(2):
        second.locator("thead button", has_text="RTE").click()
        assert "gradient-ascent" in last.inner_text()

"""The leaderboard as a browser shows it: quiet, drawn, never too wide, and it sorts."""

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.shown import Shown
from tests.unit.bench import benches

from expunge.reporting.bench.leaderboard import leaderboard

NAMES = """() => [...document.querySelector('table.board').tBodies[1].rows].map(
  row => row.cells[0].dataset.key)"""


def names(shown: Shown) -> list[str]:
    found: list[str] = shown.page.evaluate(NAMES)
    return found


def head_of(shown: Shown, name: str) -> Any:
    return shown.page.locator("table.board").first.locator("thead button", has_text=name).first


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("board") / "leaderboard.html"
    leaderboard(benches.full(), path)
    return path


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
    start = names(shown)
    assert start[0] == "no_t"
    assert start[-1] == "ssd"
    head = head_of(shown, "Avg. Gap")
    cell = head.locator("xpath=..")
    assert cell.get_attribute("aria-sort") == "ascending"
    head.focus()
    shown.page.keyboard.press("Enter")
    assert cell.get_attribute("aria-sort") == "descending"
    assert names(shown) == start[::-1]
    head_of(shown, "Method").click()
    assert names(shown) == sorted(start)
    assert cell.get_attribute("aria-sort") is None
    assert shown.page.locator("#sorted").inner_text() == "Sorted by Method, ascending"
    head_of(shown, "Time").focus()
    shown.page.keyboard.press("Space")
    assert names(shown)[0] == "ssd"
    assert names(shown)[-1] == "scrub"
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

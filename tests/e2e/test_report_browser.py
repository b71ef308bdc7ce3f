"""The report as a browser shows it: quiet, offline, drawn, and never wider than the screen."""

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.shown import Shown
from tests.unit.report import records

from expunge.reporting import report

PAGES = {
    "full": records.full,
    "minimal": records.minimal,
    "failed": records.failed,
    "one-class": records.one_class,
    "hostile": records.hostile,
}
# What sticks out, unless it scrolls or is cut off inside a box of its own.
WIDER = """() => [...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  if (box.width === 0 || box.right <= innerWidth + 1) return false;
  for (let up = one; up; up = up.parentElement) {
    if (getComputedStyle(up).overflowX !== 'visible') return false;
  }
  return true;
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, make in PAGES.items():
        report(make(), folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in PAGES}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_quiet_drawn_and_fits(
    shown: Shown, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    shown.page.set_viewport_size({"width": width, "height": 900})
    shown.page.emulate_media(color_scheme=scheme)
    shown.open(pages[name])
    assert shown.noise == []
    assert [url for url in shown.requests if not url.startswith("data:")] == [pages[name].as_uri()]
    for details in shown.page.locator("details").all():
        details.evaluate("one => one.open = true")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.page.evaluate(WIDER) == []
    charts = shown.page.locator(".chart").count()
    assert charts == shown.page.locator(".chart svg").count()
    assert (charts > 0) == (name != "minimal")
    for box in (one.bounding_box() for one in shown.page.locator(".chart svg").all()):
        assert box["height"] > 40
        assert box["width"] > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_curves_stand_out(shown: Shown, pages: dict[str, Path], scheme: str) -> None:
    shown.page.emulate_media(color_scheme=scheme)
    shown.open(pages["full"])
    colours = shown.page.evaluate(
        """() => {
          const probe = document.createElement('span');
          document.body.append(probe);
          const read = name => {
            probe.style.color = `var(--${name})`;
            return getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number);
          };
          return Object.fromEntries(['card', 'paper', 'band', 'ink', 'muted', 'original',
            'unlearned', 'retrained', 'forget', 'retain', 'held-out'
          ].map(name => [name, read(name)]));
        }"""
    )
    for ground in ("card", "paper", "band"):
        for name in ("ink", "muted", "original", "unlearned", "retrained"):
            assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in ("forget", "retain", "held-out"):
            assert _contrast(colours[name], colours[ground]) >= 3, (name, ground)


def _contrast(one: list[float], other: list[float]) -> float:
    """WCAG 2 contrast ratio of two sRGB colours."""

    def luminance(colour: list[float]) -> float:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_charts_follow_the_colour_scheme_and_the_width(
    shown: Shown, pages: dict[str, Path]
) -> None:
    line = ".chart svg .mark-line path[stroke='var(--unlearned)']"
    shown.page.set_viewport_size({"width": 1440, "height": 900})
    shown.page.emulate_media(color_scheme="light")
    shown.open(pages["full"])
    colour = "one => getComputedStyle(one).stroke"
    light = shown.page.locator(line).first.evaluate(colour)
    wide = shown.page.locator(".chart svg").first.bounding_box()["width"]
    shown.page.emulate_media(color_scheme="dark")
    assert shown.page.locator(line).first.evaluate(colour) != light
    shown.page.set_viewport_size({"width": 360, "height": 900})
    shown.page.wait_for_function(
        "wide => document.querySelector('.chart svg').getBoundingClientRect().width < wide / 2",
        arg=wide,
    )
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert shown.noise == []


def test_it_prints_light_with_its_explanations(
    shown: Shown, pages: dict[str, Path], tmp_path: Path
) -> None:
    shown.page.set_viewport_size({"width": 1440, "height": 900})
    shown.page.emulate_media(color_scheme="dark")
    shown.open(pages["full"])
    pdf = tmp_path / "report.pdf"
    shown.page.pdf(path=pdf, format="A4")
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF")
    assert 3 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") <= 16
    shown.page.emulate_media(media="print", color_scheme="dark")
    ink = shown.page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(22, 25, 29)"
    assert not shown.page.locator("nav").is_visible()
    assert not shown.page.locator(".numbers").first.is_visible()
    shown.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.page.locator(".explain dl").first.is_visible()
    shown.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.page.locator("details[open]").count() == 0
    assert shown.noise == []


def test_without_javascript_the_numbers_remain(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.new_page()
    session = browser.new_cdp_session(page)
    session.send("Emulation.setScriptExecutionDisabled", {"value": True})
    page.goto(pages["full"].as_uri())
    assert "The charts need JavaScript" in page.locator("main").inner_text()
    page.locator("details.numbers summary").first.click()
    assert page.locator("details.numbers table").first.is_visible()
    page.close()


def test_pointing_at_a_mark_tells_its_value(shown: Shown, pages: dict[str, Path]) -> None:
    shown.open(pages["full"])
    shown.page.locator(".chart svg .mark-symbol path").nth(1).hover(force=True)
    shown.page.wait_for_selector(".tip:not([hidden])")
    assert "points" in shown.page.locator(".tip").inner_text()

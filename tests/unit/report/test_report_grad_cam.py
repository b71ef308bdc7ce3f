"""The page of Grad-CAM maps: whole, offline, escaped, small; its pictures show the maps."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from tests.unit.report.test_report_html import Page

from expunge.reporting.run.grad_cam_page import Attribution, Shown, render
from expunge.reporting.run.overlay import SIDE, VIRIDIS, colours, enlarged, overlay, png

MODELS = ("original", "unlearned", "retrained")
LIMIT = 2_000_000


def shown(group: str, side: int = 8, models: tuple[str, ...] = MODELS, label: str = "cat") -> Shown:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    heat = np.zeros((side, side), np.float32)
    heat[0, 0] = 1
    look = {
        "original": Attribution(heat, label, 0.987, 0.987),
        "unlearned": Attribution(heat, "dog", 0.61, 0.042),
        "retrained": Attribution(0 * heat, "dog", 0.5, 0.0),
    }
    return Shown(group, label, Image.fromarray(pixels), {key: look[key] for key in models})


def made(*rows: Shown, **changes) -> str:
    given = {"layer": "blocks.2", "data": "pets", "asked": "all of class cat", **changes}
    return render(rows, **given)


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_every_picture_is_there_with_its_words() -> None:
    page = Page(made(*[shown("forget")] * 2, *[shown("retain")] * 3, notes=["Take care."]))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 5 * 4
    assert all(one["src"].startswith("data:image/png;base64,") for one in images)
    assert all(decoded(one["src"].partition(",")[2]).size == (SIDE, SIDE) for one in images)
    assert images[0]["alt"] == "Forgotten image of class cat"
    assert images[-4]["alt"] == "Kept image of class cat"
    assert images[2]["alt"] == (
        "Unlearned model: the map shows its evidence for cat; it predicts dog, 61\u00a0%"
    )
    assert "shows no evidence for cat" in images[3]["alt"]
    order = ["all of class cat", "Take care.", "Forgotten images", "cat 99 %", "dog 61 %"]
    order += ["cat 4 %", "dog 50 %", "no evidence", "Kept images", "not a proof"]
    rest = page.text.replace("\u00a0", " ")
    for text in order:
        assert text in rest, text
        rest = rest.partition(text)[2]


def test_nothing_comes_from_outside_and_all_text_is_escaped() -> None:
    bad = '<script src="https://x.example/a.js">'
    text = made(shown("forget", label=bad), data=bad, asked=bad, layer=bad, notes=[bad])
    page = Page(text)
    assert not {"script", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert re.match(r"data:|#", attributes.get(name) or "#")
    assert not re.search(r"url\(|@import", text)
    policy = next(a for tag, a in page.tags if tag == "meta" and "http-equiv" in a)["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert len(page.ids) == len(set(page.ids))


def test_models_that_are_missing_have_no_column() -> None:
    page = Page(made(shown("retain", models=("unlearned",))))
    heads = [attributes["class"] for tag, attributes in page.tags if tag == "th"]
    assert heads == ["image", "unlearned"]
    assert "Forgotten images" not in page.text


def test_the_largest_page_stays_small() -> None:
    noise = [shown(group, side=SIDE) for group in ("forget", "retain") for _ in range(10)]
    assert len(made(*noise)) < LIMIT


def test_the_colours_are_those_of_viridis() -> None:
    assert [c.tolist() for c in colours(np.array([0.0, 0.5, 1.0], np.float32))] == [
        [0x44, 0x01, 0x54],
        [0x21, 0x91, 0x8C],
        [0xFD, 0xE7, 0x25],
    ]
    between = colours(np.float32(1 / 16))
    assert between.tolist() == pytest.approx([69.5, 23, 103.5], abs=0.01)
    assert len(VIRIDIS) == 9


def test_an_overlay_is_grey_image_and_colour_in_the_right_place() -> None:
    image = Image.fromarray(np.full((2, 2, 3), 100, np.uint8))
    heat = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    pixels = np.asarray(overlay(image, heat, side=64))
    assert pixels.shape == (64, 64, 3)
    assert pixels[0, 0].tolist() == [round(40 + 0.6 * c) for c in (0xFD, 0xE7, 0x25)]
    assert pixels[63, 63].tolist() == [round(40 + 0.6 * c) for c in (0x44, 0x01, 0x54)]


def test_images_grow_by_whole_pixels_and_large_ones_shrink() -> None:
    small = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10)
    large = enlarged(small, 20)
    assert large.size == (18, 12)
    assert np.array_equal(np.asarray(large)[::3, ::3, 0], np.asarray(small))
    assert enlarged(Image.new("L", (400, 100)), 100).size == (100, 25)
    assert decoded(png(large)).convert("RGB").tobytes() == large.tobytes()

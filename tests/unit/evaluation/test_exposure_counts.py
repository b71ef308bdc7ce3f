"""Counts over a list of prompts: each drawn from its own seed, by its own guidance."""

from typing import Any

import pytest
import torch

pytest.importorskip("diffusers")

from tests.unit.report import records

from expunge.core import InputError
from expunge.data import ListedPrompt
from expunge.evaluation import count_exposed, generate
from expunge.models.diffusion.tiny_digits import make_pipeline
from expunge.reporting import render
from expunge.reporting.run.generated import exposure_table

PROMPTS = [
    ListedPrompt("the number three", 7, guidance=3.0),
    ListedPrompt("seven", 9),
    ListedPrompt("", 4, guidance=3.0),
]


class Bright:
    """Counts bright images, and keeps what it was shown."""

    name, least_score = "brightness 1.0", 0.6

    def __init__(self) -> None:
        self.shown: list[torch.Tensor] = []

    def count(self, images: torch.Tensor) -> dict[str, int]:
        self.shown += list(images)
        bright = int((images.float().mean((1, 2, 3)) > 100).sum())
        return {"BRIGHT_EXPOSED": bright, "ALL_EXPOSED": len(images)}


def test_prompts_are_drawn_by_their_own_seed_and_guidance() -> None:
    pipelines: dict[str, Any] = {"original": make_pipeline(0), "unlearned": make_pipeline(1)}
    detector = Bright()
    found = count_exposed(
        records.minimal(), pipelines, PROMPTS, detector, steps=2, guidance=1.5
    ).exposure
    assert found is not None
    assert (found.detector, found.least_score, found.prompts) == ("brightness 1.0", 0.6, 3)
    assert list(found.counts) == ["original", "unlearned"]
    assert found.counts["original"]["ALL_EXPOSED"] == 3
    for place, (text, seed, scale) in enumerate(
        [("seven", 9, 1.5), ("the number three", 7, 3.0), ("", 4, 3.0)]
    ):
        alone = generate(pipelines["original"], [text], [seed], steps=2, guidance=scale)[0]
        assert (alone.int() - detector.shown[place].int()).abs().max() <= 1
    bright = sum(int(one.float().mean() > 100) for one in detector.shown[:3])
    assert found.counts["original"]["BRIGHT_EXPOSED"] == bright


def test_without_prompts_there_is_nothing_to_count() -> None:
    with pytest.raises(InputError, match="at least one prompt"):
        count_exposed(records.minimal(), {}, [], Bright())


def test_the_page_lists_parts_and_their_sum() -> None:
    counts = {"original": {"FEET_EXPOSED": 3, "BELLY_EXPOSED": 5}, "unlearned": {"FEET_EXPOSED": 1}}
    record = records.generated(
        exposure={"detector": "D 1", "least_score": 0.6, "prompts": 9, "counts": counts}
    )
    table = exposure_table(record)
    assert table is not None
    assert table.rows == [
        ["BELLY_EXPOSED", "5", "0"],
        ["FEET_EXPOSED", "3", "1"],
        ["All", "8", "1"],
    ]
    assert "Exposed parts of bodies" in render(record)
    assert exposure_table(records.generated()) is None

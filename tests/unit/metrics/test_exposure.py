"""NudeNet: what counts, how images reach it, and what is said where it is not there."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from expunge.core import InputError
from expunge.metrics import ExposureDetector


class Told:
    """Stands in for the detector: what it finds in each image is told."""

    def __init__(self, found: list[list[tuple[str, float]]]) -> None:
        self.found, self.seen = found, []

    def detect(self, image: Any) -> list[dict[str, Any]]:
        self.seen.append(image)
        return [{"class": name, "score": score} for name, score in self.found[len(self.seen) - 1]]


def test_exposed_parts_of_enough_confidence_count(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nudenet")
    detector = ExposureDetector()
    told = Told([
        [("BELLY_EXPOSED", 0.6), ("FEET_EXPOSED", 0.59), ("BELLY_COVERED", 0.9)],
        [("FEET_EXPOSED", 0.7), ("BELLY_EXPOSED", 0.9), ("BELLY_EXPOSED", 0.8)],
    ])  # fmt: skip
    monkeypatch.setattr(detector, "_detector", told)
    images = torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    images[:, 0] = 200  # red
    assert detector.parts(images)[0] == ["BELLY_EXPOSED"]
    told.seen.clear()
    assert detector.count(images) == {"BELLY_EXPOSED": 3, "FEET_EXPOSED": 1}
    assert told.seen[0].shape == (4, 5, 3)
    assert told.seen[0][0, 0].tolist() == [0, 0, 200]  # the detector reads blue first
    assert detector.name.startswith("NudeNet 3.")
    assert detector.name.endswith("320n.onnx")


@pytest.mark.real
def test_the_real_detector_finds_faces_and_nothing_exposed() -> None:
    pytest.importorskip("nudenet")
    root = os.environ.get("EXPUNGE_DATA")
    if not root:
        pytest.skip("EXPUNGE_DATA is not set")
    import numpy as np
    import pyarrow.parquet as pq
    from PIL import Image

    column = pq.read_table(Path(root) / "faces" / "test-00000-of-00001.parquet")["image"]
    pixels = [
        np.asarray(Image.open(io.BytesIO(row["bytes"])).convert("RGB")).copy()
        for row in column[:8].to_pylist()
    ]
    images = torch.stack([torch.from_numpy(one).permute(2, 0, 1) for one in pixels])
    detector = ExposureDetector()
    assert sum(detector.count(images).values()) == 0
    faces = [
        any(
            found["class"].startswith("FACE")
            for found in detector._detector.detect(one[:, :, ::-1])
        )
        for one in pixels
    ]
    assert sum(faces) >= 6


def test_absent_weights_are_named(tmp_path: Path) -> None:
    pytest.importorskip("nudenet")
    with pytest.raises(InputError, match=r"no weights of the detector at .*absent.onnx; put"):
        ExposureDetector(tmp_path / "absent.onnx")


def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nudenet", None)
    with pytest.raises(InputError, match=r'nudenet.*pip install "expunge\[nudity\]"'):
        ExposureDetector()


@pytest.mark.parametrize("score", [0, 1, -0.1])
def test_a_score_out_of_range_is_refused(score: float) -> None:
    with pytest.raises(InputError, match="expected least_score between 0 and 1"):
        ExposureDetector(least_score=score)

"""How many exposed parts of bodies a detector finds in images."""

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..core.checks import require
from ..core.errors import InputError

_EXPOSED = "_EXPOSED"
LEAST_SCORE = 0.6  # as in the literature on I2P


class ExposureDetector:
    """NudeNet's detector, whose weights come with the package ``nudenet``.

    Args:
        weights: An ONNX file of NudeNet; None takes the one of the package.
        least_score: Detections below this do not count; 0.6 is customary.

    Raises:
        InputError: If the package is not installed, or there is no such file.
    """

    def __init__(self, weights: str | Path | None = None, least_score: float = LEAST_SCORE) -> None:
        if not 0 < least_score < 1:
            raise InputError(f"expected least_score between 0 and 1, got {least_score!r}")
        self.least_score = least_score
        self._detector = _detector(weights)
        self.name = f"NudeNet {version('nudenet')}, {_file_name(weights)}"

    def count(self, images: Tensor) -> dict[str, int]:
        """Exposed parts over all images, by the detector's name for them; zeros left out.

        Images go in one at a time: detections of a batch have been lost in some versions.

        Args:
            images: uint8 (N, 3, H, W), RGB.
        """
        return dict(sum((Counter(one) for one in self.parts(images)), Counter()))

    def parts(self, images: Tensor) -> list[list[str]]:
        """The exposed parts found in each image."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f"expected RGB images (N, 3, H, W), got {tuple(images.shape)}")
        return [self._look(np.ascontiguousarray(one.permute(1, 2, 0).numpy())) for one in images]

    def _look(self, image: "np.ndarray[Any, Any]") -> list[str]:
        found: Sequence[dict[str, Any]] = self._detector.detect(image[:, :, ::-1].copy())  # BGR
        return [
            one["class"]
            for one in found
            if one["class"].endswith(_EXPOSED) and one["score"] >= self.least_score
        ]


def _detector(weights: str | Path | None) -> Any:
    package = require("nudenet", "nudity", "counting exposed parts")
    if weights is None:
        return package.NudeDetector()
    if not (path := Path(weights).expanduser()).is_file():
        raise InputError(
            f"there are no weights of the detector at {path}; put an ONNX file of NudeNet "
            "there, or leave weights out for the one that nudenet ships"
        )
    return package.NudeDetector(model_path=str(path))


def _file_name(weights: str | Path | None) -> str:
    return "320n.onnx" if weights is None else Path(weights).name

"""What drawing costs: seconds of an image, told from images with few denoising steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_FEW, _MORE = 2, 4  # steps of the trials
_SLOW = 5.0  # seconds of a trial beside which warming up is nothing


@dataclass(frozen=True)
class DrawingTime:
    """Seconds of an image: of each denoising step, and of what is done once, such as decoding."""

    step: float
    once: float

    def of(self, steps: int) -> float:
        """Seconds of an image with so many steps."""
        return self.once + self.step * steps


def time_drawing(draw: Callable[[int], Any], images: int) -> DrawingTime:
    """Try short drawings of two lengths.

    Args:
        draw: Generates a batch with so many steps. It is called three times, or twice where
            that is slow.
        images: In a batch.
    """
    few = _seconds(draw, _FEW)
    if few < _SLOW:
        few = _seconds(draw, _FEW)
    step = max(0.0, _seconds(draw, _MORE) - few) / (_MORE - _FEW)
    return DrawingTime(step / images, max(0.0, few - step * _FEW) / images)


def _seconds(draw: Callable[[int], Any], steps: int) -> float:
    began = time.perf_counter()
    draw(steps)
    return time.perf_counter() - began

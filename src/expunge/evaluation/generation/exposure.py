"""Exposed parts of bodies in images generated for a list of prompts with seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor

from ...core.errors import InputError
from ...core.progress import about, tell, unheard
from ...core.schemas.record import Exposure, Record
from ...data import ListedPrompt
from .sampling import generate

_AT_ONCE = 64  # images in memory: lists have thousands of prompts


class Detector(Protocol):
    """What counts, such as ``metrics.ExposureDetector``; ``name`` holds its version."""

    name: str
    least_score: float

    def count(self, images: Tensor) -> dict[str, int]:
        """Exposed parts over images uint8 (N, 3, H, W), by name."""
        ...


def count_exposed(
    record: Record,
    pipelines: Mapping[str, Any],
    prompts: Sequence[ListedPrompt],
    detector: Detector,
    *,
    steps: int = 50,
    guidance: float = 7.5,
    batch_size: int = 8,
    side: int | None = None,
) -> Record:
    """A record with how many exposed parts a detector finds in generated images, by model.

    Args:
        record: Of ``evaluate``.
        pipelines: By model, as of ``evaluate_generator``; they must generate in colour.
        prompts: Of ``load_prompts``, such as I2P; one image of each, from its own seed.
        detector: What counts.
        steps: Denoising steps.
        guidance: Where a prompt does not tell its own.
        batch_size: Images that are generated at once.
        side: Height and width in pixels; None is what the pipeline was made for.

    Returns:
        The record with ``exposure``. Costs ``steps`` passes of the denoiser per prompt and
        model, twice with guidance, and one of the detector per image.

    Raises:
        InputError: If there is no prompt.
    """
    if not prompts:
        raise InputError("expected at least one prompt to look for exposed parts, got none")
    how = {"steps": steps, "batch_size": batch_size, "side": side}
    counts = {}
    for name, one in pipelines.items():
        with about(name):
            counts[name] = _count(one, prompts, detector, guidance, how)
    exposure = Exposure(
        detector=detector.name,
        least_score=detector.least_score,
        prompts=len(prompts),
        counts=counts,
    )
    return record.model_copy(update={"exposure": exposure})


def _count(
    pipeline: Any,
    prompts: Sequence[ListedPrompt],
    detector: Detector,
    guidance: float,
    how: Mapping[str, Any],
) -> dict[str, int]:
    total: Counter[str] = Counter()
    done = 0
    scales = [guidance if one.guidance is None else one.guidance for one in prompts]
    for scale in sorted(set(scales)):
        alike = [one for one, own in zip(prompts, scales, strict=True) if own == scale]
        for start in range(0, len(alike), _AT_ONCE):
            here = alike[start : start + _AT_ONCE]
            texts, seeds = [one.text for one in here], [one.seed for one in here]
            with unheard():
                images = generate(pipeline, texts, seeds, guidance=scale, **how)
            total.update(detector.count(images))
            done += len(here)
            tell("prompts", done, len(prompts))
    return dict(sorted(total.items()))

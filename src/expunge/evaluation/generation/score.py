"""What a judge makes of the drawings of one model."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...core.schemas.record import PromptScore
from .compare import (
    KEPT,
    check_labels,
    distance_of_kept,
    mean_recognised,
    recognised,
)
from .judge import ImageJudge, Seen
from .sampling import DrawingPlan, draw_all

MODEL = "model"  # the name of the one that is looked at


@dataclass(frozen=True)
class Look:
    """Shares of drawings in percent that are recognised; None where there is no such prompt.

    Args:
        target: Of what was to be forgotten.
        synonyms: Of other words for it.
        others: Mean over everything that was to be kept.
        fid: Fréchet distance of the kept from real images, in the features of the judge.
        prompts: The shares of single prompts, under ``"model"``.
    """

    target: float | None
    synonyms: float | None
    others: float | None
    fid: float | None
    prompts: list[PromptScore]


def look_at_drawings(
    pipeline: Any, plan: DrawingPlan, judge: ImageJudge, real: Tensor | Seen
) -> Look:
    """Draw a plan by one pipeline, and let a judge look.

    Args:
        pipeline: Of diffusers.
        plan: What is drawn.
        judge: Looks at the drawings.
        real: Real images of what is kept, uint8 (N, C, H, W), or what the judge saw in them,
            which saves another look where many models are compared.

    Returns:
        What was recognised. Costs ``images * steps`` passes of the denoiser per prompt; two
        with guidance.

    Raises:
        InputError: If a prompt names a class that the judge does not have.
    """
    check_labels(plan, judge)
    seen = judge.look(draw_all(pipeline, plan))
    prompts = recognised(plan, judge, {MODEL: seen})
    aim = real if isinstance(real, Seen) else judge.look(real)
    return Look(
        mean_recognised(prompts, MODEL, ("target",)),
        mean_recognised(prompts, MODEL, ("synonym",)),
        mean_recognised(prompts, MODEL, KEPT),
        distance_of_kept(plan, seen, aim.features),
        prompts,
    )

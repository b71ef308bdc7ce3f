"""Scores of the images of one text-to-image model."""

from typing import Any

from torch import Tensor

from ...core.schemas.record import PromptScore, Scores
from .compare import check_labels, judged, recognised
from .judge import ImageJudge, Predictions
from .sampling import GenerationPlan, generate_all


def score_generator(
    pipeline: Any,
    plan: GenerationPlan,
    judge: ImageJudge,
    real: Tensor | Predictions,
    role: str = "unlearned",
) -> tuple[Scores, list[PromptScore]]:
    """Generate the images of a plan by one pipeline, and let a judge score them.

    Args:
        pipeline: Of diffusers.
        plan: What is generated.
        judge: Judges the images.
        real: Real images of what is kept, uint8 (N, C, H, W), or what the judge predicts for
            them, which saves its passes where many models are compared.
        role: What the model is called in the shares of single prompts.

    Returns:
        ``forget_accuracy``, ``retain_accuracy``, perhaps ``synonym_accuracy``, and ``fid``; and
        the shares of single prompts. Costs ``images * steps`` passes of the denoiser per
        prompt; two with guidance.

    Raises:
        InputError: If a prompt names a class that the judge does not have.
    """
    check_labels(plan, judge)
    predictions = judge.predict(generate_all(pipeline, plan))
    prompts = recognised(plan, judge, {role: predictions})
    aim = real if isinstance(real, Predictions) else judge.predict(real)
    return judged(role, plan, prompts, predictions, aim.features), prompts

"""Models that draw, compared by what they draw from equal prompts and equal seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ...core.errors import InputError
from ...core.schemas.record import Drawing, PromptScore, Record, Scores
from ...metrics import frechet_distance
from ..details import as_png
from .judge import ImageJudge, Seen
from .sampling import DrawingPlan, draw_all
from .verdict import judge_drawings

KEPT = ("other", "neighbour")
_PIXELS = 128  # longer side of a picture in the record


def evaluate_drawings(
    record: Record,
    pipelines: Mapping[str, Any],
    plan: DrawingPlan,
    *,
    judge: ImageJudge | None = None,
    real: Tensor | None = None,
) -> Record:
    """A record with drawings of all models, their scores by a judge, and the verdict on them.

    Args:
        record: Of ``evaluate`` on the same models.
        pipelines: ``original``, ``unlearned`` and perhaps ``retrained`` and
            ``retrained_again``, which differ in their denoiser alone.
        plan: What is drawn.
        judge: Looks at the drawings. Without one the record has pictures, and no verdict.
        real: Real images of what is kept, uint8 (N, C, H, W), for the Fréchet distance.

    Returns:
        The record with accuracies, ``fid``, ``prompts`` and ``drawings``. Costs
        ``images * steps`` passes of the denoiser per prompt and model; two with guidance.

    Raises:
        InputError: If a prompt names a class that the judge does not have.
    """
    check_labels(plan, judge)
    drawn = {name: draw_all(one, plan) for name, one in pipelines.items()}
    seen = {} if judge is None else {name: judge.look(images) for name, images in drawn.items()}
    prompts = [] if judge is None else recognised(plan, judge, seen)
    aim = judge.look(real).features if judge is not None and real is not None else None
    scores = {
        name: _scored(one, name, plan, prompts, seen.get(name), aim)
        for name, one in record.scores.items()
    }
    return record.model_copy(
        update={
            "scores": scores,
            "prompts": prompts,
            "drawings": _shown(plan, drawn, seen, judge),
            "drawing_protocol": _protocol(plan, judge, real),
            "verdict": judge_drawings(scores, record.warnings),
        }
    )


def check_labels(plan: DrawingPlan, judge: ImageJudge | None) -> None:
    """Raise if a prompt names a class that the judge does not have."""
    known = [] if judge is None else judge.classes
    wrong = [p.label for p in plan.prompts if judge and p.label and p.label not in known]
    if wrong:
        raise InputError(
            f"expected labels of prompts among the classes of the judge, {', '.join(known)}; "
            f"got {wrong[0]!r}"
        )


def recognised(plan: DrawingPlan, judge: ImageJudge, seen: Mapping[str, Seen]) -> list[PromptScore]:
    """How often each prompt's drawings are taken for what they should show."""
    found = []
    for place, prompt in enumerate(plan.prompts):
        if prompt.label is None:
            continue
        here = slice(place * plan.images, (place + 1) * plan.images)
        label = judge.classes.index(prompt.label)
        shares = {
            name: 100 * float((one.probabilities[here].argmax(1) == label).double().mean())
            for name, one in seen.items()
        }
        found.append(
            PromptScore(
                group=prompt.group, prompt=prompt.text, label=prompt.label, recognised=shares
            )
        )
    return found


def _scored(
    scores: Scores,
    name: str,
    plan: DrawingPlan,
    prompts: Sequence[PromptScore],
    seen: Seen | None,
    aim: Tensor | None,
) -> Scores:
    """The scores of one model with what the judge says about it."""
    if seen is None:
        return scores
    return scores.model_copy(
        update={
            "forget_accuracy": mean_recognised(prompts, name, ("target",)),
            "retain_accuracy": mean_recognised(prompts, name, KEPT),
            "fid": None if aim is None else distance_of_kept(plan, seen, aim),
        }
    )


def distance_of_kept(plan: DrawingPlan, seen: Seen, aim: Tensor) -> float | None:
    """Fréchet distance of drawings of what is kept from features of real images (N, D)."""
    kept = torch.tensor([prompt.group in KEPT for prompt in plan.prompts])
    features = seen.features[kept.repeat_interleave(plan.images)]
    return frechet_distance(features, aim) if len(features) > 1 else None


def mean_recognised(
    prompts: Sequence[PromptScore], name: str, groups: Sequence[str]
) -> float | None:
    """Mean over the prompts of some groups, in percent; None if there is none."""
    values = [one.recognised[name] for one in prompts if one.group in groups]
    return sum(values) / len(values) if values else None


def _shown(
    plan: DrawingPlan,
    drawn: Mapping[str, Tensor],
    seen: Mapping[str, Seen],
    judge: ImageJudge | None,
) -> list[Drawing]:
    """The first images of each prompt, as PNGs."""
    found = []
    for place, prompt in enumerate(plan.prompts):
        for number, seed in enumerate(plan.seeds[: plan.shown]):
            at = place * plan.images + number
            found.append(
                Drawing(
                    group=prompt.group,
                    prompt=prompt.text,
                    seed=seed,
                    png={name: _png(images[at]) for name, images in drawn.items()},
                    seen={
                        name: judge.classes[int(one.probabilities[at].argmax())]
                        for name, one in seen.items()
                        if judge is not None
                    },
                )
            )
    return found


def _png(image: Tensor) -> str:
    """A uint8 image (C, H, W) as base64 PNG, grey or RGB, at most 128 pixels a side."""
    pixels = image.permute(1, 2, 0).numpy()
    return as_png(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), _PIXELS)


def _protocol(plan: DrawingPlan, judge: ImageJudge | None, real: Tensor | None) -> dict[str, Any]:
    """How the drawings were made and judged, for the record."""
    found: dict[str, Any] = {
        "images per prompt": plan.images,
        "first seed": plan.first_seed,
        "steps": plan.steps,
        "guidance": plan.guidance,
    }
    if judge is not None:
        found["judge"] = judge.name
        found["accuracy of the judge in %"] = judge.accuracy
    if real is not None:
        found["real images for the Fréchet distance"] = len(real)
    return found

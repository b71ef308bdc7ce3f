"""Text-to-image models, compared by images from equal prompts and equal seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ...core.codes import Code
from ...core.errors import InputError
from ...core.progress import about
from ...core.schemas.record import GeneratedImage, PromptScore, Record, Scores
from ...metrics import frechet_distance
from ..details import as_png
from .judge import ImageJudge, Predictions
from .sampling import GenerationPlan, generate_all
from .verdict import judge_generated

KEPT = ("other", "neighbour")
_PIXELS = 128  # longer side of an image in the record


def evaluate_generator(
    record: Record,
    pipelines: Mapping[str, Any],
    plan: GenerationPlan,
    *,
    judge: ImageJudge | None = None,
    real: Tensor | None = None,
) -> Record:
    """A record with images of all models, their scores by a judge, and the verdict on them.

    Args:
        record: Of ``evaluate`` on the same models.
        pipelines: ``original``, ``unlearned`` and perhaps ``retrained`` and
            ``retrained_again``, which differ in their denoiser alone.
        plan: What is generated.
        judge: Judges the images. Without one the record has images, and no verdict.
        real: Real images of what is kept, uint8 (N, C, H, W), for the Fréchet distance.

    Returns:
        The record with accuracies, ``fid``, ``prompts`` and ``generated``. Costs
        ``images * steps`` passes of the denoiser per prompt and model; two with guidance.

    Raises:
        InputError: If a prompt names a class that the judge does not have.
    """
    check_labels(plan, judge)
    # Asked for one by one: a mapping may load each when it is asked, and let go of it after.
    images = {}
    for role in pipelines:
        with about(role):
            images[role] = generate_all(pipelines[role], plan)
    found = {} if judge is None else {role: judge.predict(one) for role, one in images.items()}
    prompts = [] if judge is None else recognised(plan, judge, found)
    aim = judge.predict(real).features if judge is not None and real is not None else None
    scores = {
        role: one | (judged(role, plan, prompts, found[role], aim) if role in found else {})
        for role, one in record.scores.items()
    }
    changed = all(one.code != Code.UNCHANGED for one in record.warnings)
    return record.model_copy(
        update={
            "scores": scores,
            "prompts": prompts,
            "generated": _shown(plan, images, found, judge),
            "generation_protocol": _protocol(plan, judge, real),
            "verdict": judge_generated(scores, changed=changed),
        }
    )


def check_labels(plan: GenerationPlan, judge: ImageJudge | None) -> None:
    """Raise if a prompt names a class that the judge does not have."""
    known = [] if judge is None else judge.classes
    wrong = [p.label for p in plan.prompts if judge and p.label and p.label not in known]
    if wrong:
        raise InputError(
            f"expected labels of prompts among the classes of the judge, {', '.join(known)}; "
            f"got {wrong[0]!r}"
        )


def recognised(
    plan: GenerationPlan, judge: ImageJudge, predictions: Mapping[str, Predictions]
) -> list[PromptScore]:
    """How often the images of each prompt are recognised as what they should show."""
    found = []
    for index, prompt in enumerate(plan.prompts):
        if prompt.label is None:
            continue
        here = slice(index * plan.images, (index + 1) * plan.images)
        label = judge.classes.index(prompt.label)
        shares = {
            name: 100 * float((one.probabilities[here].argmax(1) == label).double().mean())
            for name, one in predictions.items()
        }
        found.append(
            PromptScore(
                group=prompt.group, prompt=prompt.text, label=prompt.label, recognised=shares
            )
        )
    return found


def judged(
    role: str,
    plan: GenerationPlan,
    prompts: Sequence[PromptScore],
    predictions: Predictions,
    aim: Tensor | None,
) -> Scores:
    """What a judge says about one model; ``aim`` are features of real images (N, D)."""
    synonyms = mean_recognised(prompts, role, ("synonym",))
    return {
        "forget_accuracy": mean_recognised(prompts, role, ("target",)),
        "retain_accuracy": mean_recognised(prompts, role, KEPT),
        **({} if synonyms is None else {"synonym_accuracy": synonyms}),
        "fid": None if aim is None else distance_of_kept(plan, predictions, aim),
    }


def distance_of_kept(plan: GenerationPlan, predictions: Predictions, aim: Tensor) -> float | None:
    """Fréchet distance of images of what is kept from features of real images (N, D)."""
    kept = torch.tensor([prompt.group in KEPT for prompt in plan.prompts])
    features = predictions.features[kept.repeat_interleave(plan.images)]
    return frechet_distance(features, aim) if len(features) > 1 else None


def mean_recognised(
    prompts: Sequence[PromptScore], name: str, groups: Sequence[str]
) -> float | None:
    """Mean over the prompts of some groups, in percent; None if there is none."""
    values = [one.recognised[name] for one in prompts if one.group in groups]
    return sum(values) / len(values) if values else None


def _shown(
    plan: GenerationPlan,
    images: Mapping[str, Tensor],
    predictions: Mapping[str, Predictions],
    judge: ImageJudge | None,
) -> list[GeneratedImage]:
    """The first images of each prompt, as PNGs."""
    found = []
    for index, prompt in enumerate(plan.prompts):
        for number, seed in enumerate(plan.seeds[: plan.shown]):
            at = index * plan.images + number
            found.append(
                GeneratedImage(
                    group=prompt.group,
                    prompt=prompt.text,
                    seed=seed,
                    png={role: _png(one[at]) for role, one in images.items()},
                    predicted={
                        role: judge.classes[int(one.probabilities[at].argmax())]
                        for role, one in predictions.items()
                        if judge is not None
                    },
                )
            )
    return found


def _png(image: Tensor) -> str:
    """A uint8 image (C, H, W) as base64 PNG, grey or RGB, at most 128 pixels a side."""
    pixels = image.permute(1, 2, 0).numpy()
    return as_png(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), _PIXELS)


def _protocol(
    plan: GenerationPlan, judge: ImageJudge | None, real: Tensor | None
) -> dict[str, Any]:
    """How the images were generated and judged, for the record."""
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

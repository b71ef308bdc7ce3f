"""Models that draw, compared by what they draw from equal prompts and equal seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from ..core.checks import check_positive
from ..core.errors import InputError, ModelError
from ..core.memory import memory_advice
from ..core.record import Drawing, PromptGroup, PromptScore, Record, Scores
from ..metrics import frechet_distance
from .details import as_png
from .image_judge import ImageJudge, Seen
from .verdict_on_drawings import judge_drawings

KEPT = ("other", "neighbour")
_PIXELS = 128  # longer side of a picture in the record


@dataclass(frozen=True)
class Prompt:
    """What is asked for, and the class of the judge that it should show.

    Args:
        text: The prompt.
        group: ``"target"``: to be forgotten; ``"synonym"``: other words for it;
            ``"neighbour"``: close to it, but to be kept; ``"other"``: to be kept.
        label: A class of the judge; None if it has none for it.
    """

    text: str
    group: PromptGroup
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class DrawingPlan:
    """Which images are drawn: all prompts with the same seeds, for every model.

    Args:
        prompts: At least one of the group ``"target"``.
        images: Images per prompt, at least 1.
        first_seed: Seeds are this number and those that follow.
        steps: Denoising steps, at least 1.
        guidance: Guidance scale, > 0.
        shown: Images per prompt that the record keeps.
        batch_size: Images that are drawn at once; memory grows with it.
        side: Height and width in pixels; None is what the pipeline was made for.

    Raises:
        InputError: If a number is out of range, or no prompt is a target.
    """

    prompts: Sequence[Prompt]
    images: int = 40
    first_seed: int = 0
    steps: int = 25
    guidance: float = 7.5
    shown: int = 4
    batch_size: int = 50
    side: int | None = None

    def __post_init__(self) -> None:
        check_positive(images=self.images, steps=self.steps, guidance=self.guidance)
        check_positive(batch_size=self.batch_size, side=self.side)
        if not any(prompt.group == "target" for prompt in self.prompts):
            raise InputError(
                'expected at least one prompt of the group "target", what is to be forgotten; '
                f"got {[asdict(prompt) for prompt in self.prompts]}"
            )

    @property
    def seeds(self) -> list[int]:
        """Of the images of each prompt."""
        return list(range(self.first_seed, self.first_seed + self.images))


def draw(
    pipeline: Any,
    texts: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int = 25,
    guidance: float = 7.5,
    batch_size: int = 50,
    side: int | None = None,
) -> Tensor:
    """Images of a text-to-image pipeline of diffusers, one per text and seed.

    Noise is drawn on the CPU by a generator per image: it depends on the seed alone, not
    on the device or the batch. ``side`` is as of ``DrawingPlan``.

    Returns:
        uint8 (N, C, H, W), on the CPU.

    Raises:
        InputError: If there are not as many seeds as texts.
        ModelError: If pixels are not finite.
    """
    if len(texts) != len(seeds):
        raise InputError(f"expected a seed for each text, got {len(seeds)} for {len(texts)}")
    pipeline.set_progress_bar_config(disable=True)
    size = {} if side is None else {"height": side, "width": side}
    parts = []
    for start in range(0, len(texts), batch_size):
        here = slice(start, start + batch_size)
        with memory_advice("drawing images", f"lower batch_size, which is {batch_size}"):
            found = pipeline(
                prompt=list(texts[here]),
                generator=[Generator().manual_seed(seed) for seed in seeds[here]],
                num_inference_steps=steps,
                guidance_scale=guidance,
                output_type="np",
                **size,
            ).images
        images = torch.from_numpy(np.asarray(found, dtype=np.float32)).permute(0, 3, 1, 2)
        if not bool(torch.isfinite(images).all()):
            raise ModelError(
                f"{type(pipeline).__name__} drew NaN or infinite pixels; load it in float32 "
                "(torch_dtype=torch.float32), or unlearn with a lower lr"
            )
        parts.append((images * 255).round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)


def draw_all(pipeline: Any, plan: DrawingPlan) -> Tensor:
    """All images of a plan, prompt after prompt, uint8 (N, C, H, W)."""
    rows = [(prompt.text, seed) for prompt in plan.prompts for seed in plan.seeds]
    return draw(
        pipeline,
        [text for text, _ in rows],
        [seed for _, seed in rows],
        steps=plan.steps,
        guidance=plan.guidance,
        batch_size=plan.batch_size,
        side=plan.side,
    )


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

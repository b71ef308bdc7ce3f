"""Which images are generated: prompts, seeds and steps, equal for all models."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from ...core.checks import check_positive
from ...core.errors import InputError, ModelError
from ...core.memory import memory_advice
from ...core.progress import tell
from ...core.schemas.record import PromptGroup


@dataclass(frozen=True)
class Prompt:
    """A prompt, and the class of the judge that its images should show.

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
class GenerationPlan:
    """Which images are generated: all prompts with the same seeds, for every model.

    Args:
        prompts: At least one of the group ``"target"``.
        images: Images per prompt, at least 1.
        first_seed: Seeds are this number and those that follow.
        steps: Denoising steps, at least 1.
        guidance: Guidance scale, > 0.
        shown: Images per prompt that the record keeps.
        batch_size: Images that are generated at once; memory grows with it.
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


def generate(
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

    Noise is sampled on the CPU by a generator per image: it depends on the seed alone, not
    on the device or the batch. ``side`` is as of ``GenerationPlan``.

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
        with memory_advice("generating images", f"lower batch_size, which is {batch_size}"):
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
                f"{type(pipeline).__name__} generated NaN or infinite pixels; load it in float32 "
                "(torch_dtype=torch.float32), or unlearn with a lower lr"
            )
        parts.append((images * 255).round().clamp(0, 255).to(torch.uint8))
        tell("images", min(here.stop, len(texts)), len(texts))
    return torch.cat(parts)


def generate_all(pipeline: Any, plan: GenerationPlan) -> Tensor:
    """All images of a plan, prompt after prompt, uint8 (N, C, H, W)."""
    rows = [(prompt.text, seed) for prompt in plan.prompts for seed in plan.seeds]
    return generate(
        pipeline,
        [text for text, _ in rows],
        [seed for _, seed in rows],
        steps=plan.steps,
        guidance=plan.guidance,
        batch_size=plan.batch_size,
        side=plan.side,
    )

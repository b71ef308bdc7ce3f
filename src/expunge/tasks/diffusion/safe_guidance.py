"""Safe Latent Diffusion: steer away from a concept while drawing; no weight changes.

A control for methods that change weights (Schramowski et al., CVPR 2023,
https://arxiv.org/abs/2211.05105): whoever holds the weights can leave it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.checks import check_choice
from ...core.errors import InputError
from ...core.hyperparameters import BelowOne, CountFromZero, NotNegative, Positive, validated
from .assisted import Wrapped
from .text_to_image import denoiser_of, embed, with_denoiser


@dataclass(frozen=True, kw_only=True)
@validated
class SafeGuidance:
    """How strongly, as the authors call them.

    Args:
        scale: s_S, of the difference between the prompt and the concept, > 0.
        warmup: First steps without it (δ).
        threshold: Entries where the prompt exceeds the concept by this are left alone (λ).
        momentum: Share of earlier guidance that is added (s_m), at least 0.
        decay: How slowly that is forgotten (β), in [0, 1).
    """

    scale: Positive = 1000.0
    warmup: CountFromZero = 10
    threshold: float = 0.01
    momentum: NotNegative = 0.3
    decay: BelowOne = 0.4


LEVELS = {
    "weak": SafeGuidance(scale=200, warmup=15, threshold=0, momentum=0, decay=0),
    "medium": SafeGuidance(),
    "strong": SafeGuidance(scale=2000, warmup=7, threshold=0.025, momentum=0.5, decay=0.7),
    "max": SafeGuidance(scale=5000, warmup=0, threshold=1.0, momentum=0.5, decay=0.7),
}


def with_safe_guidance(
    pipeline: Any, concepts: str | Sequence[str], level: str | SafeGuidance = "medium"
) -> Any:
    """Another pipeline with the same weights that steers away from concepts as it draws.

    Args:
        pipeline: Of Stable Diffusion 1 or 2, SDXL, or a ``PixelPipeline``; to be called with
            a guidance scale above 1, as usual.
        concepts: What to steer away from; several are joined with commas, as the authors do.
        level: ``"weak"``, ``"medium"``, ``"strong"``, ``"max"``, or numbers of your own.

    Returns:
        A pipeline for drawing; it cannot be saved. Each step costs three passes of the
        denoiser instead of two.

    Raises:
        InputError: If there is no such level, or the pipeline has no U-Net.
    """
    if isinstance(level, str):
        check_choice(LEVELS, level=level)
        level = LEVELS[level]
    name, model = denoiser_of(pipeline)
    if name != "unet":
        raise InputError(
            f"safe guidance is made for pipelines with a U-Net, got {type(pipeline).__name__}"
        )
    text = concepts if isinstance(concepts, str) else ", ".join(concepts)
    with torch.no_grad():
        unsafe = embed(pipeline, [text])["encoder_hidden_states"]
    return with_denoiser(pipeline, SafeDenoiser(model, unsafe, level))


class SafeDenoiser(Wrapped):
    """A U-Net whose answer to a guided batch is steered away from a concept.

    Guidance extrapolates from the unguided half of a batch to the other half. What is taken
    off the second half here is what the authors take off their difference.
    """

    def __init__(self, model: nn.Module, unsafe: Tensor, settings: SafeGuidance) -> None:
        super().__init__(model)
        self._unsafe, self._settings = unsafe, settings
        self._step, self._last = 0, float("-inf")
        self._memory: Tensor | None = None

    def forward(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **more: Any
    ) -> Any:
        """(2 B, ...) to predictions of that shape, in a tuple."""
        if len(sample) % 2:
            raise InputError(
                "safe guidance needs a guidance scale above 1: got a batch of "
                f"{len(sample)}, which has no unguided half"
            )
        half = len(sample) // 2
        self._begin(float(timestep.flatten()[0] if timestep.ndim else timestep), sample[:half])
        words = torch.cat([encoder_hidden_states, self._unsafe.to(sample).expand(half, -1, -1)])
        if added := more.get("added_cond_kwargs"):  # of SDXL
            more["added_cond_kwargs"] = {k: torch.cat([v, v[half:]]) for k, v in added.items()}
        more["return_dict"] = False
        found = self.model(
            torch.cat([sample, sample[:half]]), timestep, encoder_hidden_states=words, **more
        )[0]
        empty, prompted, unsafe = found.chunk(3)
        return (torch.cat([empty, prompted - self._away(empty, prompted, unsafe)]),)

    def _begin(self, time: float, like: Tensor) -> None:
        """Forget what an earlier drawing left: times fall while one is drawn."""
        if time >= self._last or self._memory is None or self._memory.shape != like.shape:
            self._step, self._memory = 0, torch.zeros_like(like)
        self._last = time

    def _away(self, empty: Tensor, prompted: Tensor, unsafe: Tensor) -> Tensor:
        """What is taken off in this step: nothing while it warms up."""
        settings = self._settings
        assert self._memory is not None  # set when the step began
        # Clamped at 1 as the authors' code does; the paper prints the larger of the two.
        strength = (settings.scale * (prompted - unsafe).abs()).clamp(max=1)
        strength = strength.masked_fill(prompted - unsafe >= settings.threshold, 0)
        away = (unsafe - empty) * strength + settings.momentum * self._memory
        self._memory = settings.decay * self._memory + (1 - settings.decay) * away
        self._step += 1
        return away if self._step > settings.warmup else torch.zeros_like(away)

"""What it will cost to make a text-to-image pipeline forget, from trials of some seconds."""

from typing import Any

import torch

from ...config import EraseConfig
from ...core.data import UnlearningData
from ...core.memory import PeakMemory
from ...core.unlearn import unlearn
from ...data import LatentSet
from ...data.sources.hub import may_download
from ...evaluation import generate
from ...models import load_pipeline
from ...models.diffusion.packages import quiet
from ...tasks import denoiser_of, text_to_image
from ...tasks.diffusion.lora import add_lora
from ..erasure import encoded, plan_of
from ..settings.loaded import find_device
from .drawing import DrawingTime, time_drawing
from .probe import FORECAST_SCHEMA, Probe


def forecast_erase(config: EraseConfig, *, seconds: float = 10.0) -> dict[str, Any]:
    """Say what it will cost to erase concepts, without writing anything.

    Images are generated with few steps, and the method is tried on one for ``seconds``; the rest
    is extrapolated. Counting exposed parts is not seen, and latents that are there are not either.

    Returns:
        As of ``forecast``, with ``images`` that will be generated; retraining, which nobody can
        pay, has no price.

    Raises:
        InputError: If the pipeline cannot be loaded, or a wording is none that it understands.
    """
    with quiet():
        pipeline = load_pipeline(config.model, base=config.base, download=may_download({}))
        pipeline.to(find_device(config.device))
    concepts = {**config.forget, **config.keep}
    task = text_to_image(
        pipeline, concepts, weighting=config.weighting, loss_ceiling=config.ceiling
    )
    _, start = denoiser_of(pipeline)
    with PeakMemory(find_device(config.device)) as memory:
        drawing, latent = _trial_image(config, pipeline)
        data = _stand_in(config, latent)

        def run() -> None:
            unlearn(
                start if config.lora is None else add_lora(start, config.lora), data,
                config.build_method(), task=task, seed=config.seed,
                device=find_device(config.device), precision=config.precision, on_log=probe,
            )  # fmt: skip

        probe = Probe(seconds)
        method = probe.seconds(run)
    learnt = sum(0 if name in config.images.folders else config.images.per_concept
                 for name in concepts)  # fmt: skip
    plan = plan_of(config)
    shown = 2 * plan.images * len(plan.prompts)
    parts = {
        "images to learn from": learnt * drawing.of(config.images.steps),
        "method": method,
        "images to show": shown * drawing.of(config.drawing.steps),
    }
    known = [value for value in parts.values() if value is not None]
    return {
        "schema": FORECAST_SCHEMA,
        "seconds": {**parts, "in all": sum(known) if len(known) == len(parts) else None},
        "images": {"to learn from": learnt, "to show": shown},
        "passes": None,
        "retrain": None,
        "peak_megabytes": None if memory.peak is None else round(memory.peak / 2**20),
        "advice": "Images that are in latents/ already, of an earlier run, cost nothing.",
    }


def _trial_image(config: EraseConfig, pipeline: Any) -> tuple[DrawingTime, torch.Tensor]:
    """How long drawing takes, in batches as asked for; and the latent of an image."""
    batch, text = config.images.batch_size, next(iter(config.forget.values()))[0]
    images = torch.empty(0)

    def draw(steps: int) -> None:
        nonlocal images
        images = generate(
            pipeline, [text] * batch, list(range(batch)), steps=steps,
            guidance=config.images.guidance, batch_size=batch, side=config.side,
        )  # fmt: skip

    return time_drawing(draw, batch), encoded(pipeline, images[:1])


def _stand_in(config: EraseConfig, latent: torch.Tensor) -> UnlearningData:
    """As many latents of as many concepts as the run will have, all alike."""
    names = [*config.forget, *config.keep]
    labels = torch.arange(len(names)).repeat_interleave(config.images.per_concept)
    shape = (len(labels), *latent.shape[1:])
    latents = LatentSet(latent.expand(shape), labels)
    return UnlearningData.split(latents, torch.where(labels < len(config.forget))[0])

"""Samples that a model draws of a condition until it stops half-way."""

import torch
from torch import Tensor, nn

from ...core.capabilities import Denoises


@torch.no_grad()
def half_way(
    model: nn.Module,
    task: Denoises,
    labels: Tensor,
    named: dict[str, Tensor],
    shape: torch.Size,
    *,
    guidance: float,
    steps: int,
) -> tuple[Tensor, Tensor]:
    """x_t on the way from noise to a drawing, at one level t for all.

    The level is drawn evenly from all; noise and level come from the global generator, which a
    run seeds for every step. Costs two forward passes for each step of sampling that
    is above the level, half of ``steps`` on average.

    Args:
        model: The denoiser.
        task: Names its levels and conditions.
        labels: Of the conditions to draw, int64 (B,).
        named: These conditions, in the wordings to draw.
        shape: Of a batch of samples, (B, ...).
        guidance: Scale of classifier-free guidance on the way.
        steps: Of DDIM from pure noise to a drawing.

    Returns:
        Samples of ``shape``, float32, and their levels, int64 (B,).
    """
    noising, device = task.noising, labels.device
    order = torch.argsort(noising.noise, descending=True)  # flows count the other way round
    until, sample = int(torch.randint(len(order), ())), torch.randn(shape).to(device)
    path = [*order[: until : -(-len(order) // steps)].tolist(), int(order[until])]
    empty = task.condition(torch.full_like(labels, task.empty))
    levels = torch.full_like(labels, path[0])
    for lower in path[1:]:
        told = task.predict(model, sample, levels, named).float()
        untold = task.predict(model, sample, levels, empty).float()
        clean, noise = noising.parts(sample, untold + guidance * (told - untold), levels)
        levels = torch.full_like(labels, lower)
        sample = noising.mix(clean, noise, levels)
    return sample, levels

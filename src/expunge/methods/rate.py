"""A learning rate for a model whose training is unknown, by a few trial steps."""

import copy
import math
from typing import Any

import torch
from torch import nn

from ..core.data import UnlearningData
from ..core.run import Run
from ..core.task import Task
from ..kernels import frozen_statistics

_STEPS = 10
_LOWEST = 1e-5
_SLIGHT = 0.005  # of the loss ceiling: 0.1 nats; nets that fit D_r perfectly need a floor


def choose_rate(
    model: nn.Module, task: Task, data: UnlearningData, run: Run, *, start: float, batch: int
) -> tuple[float, str]:
    """The largest of ``start``, a third of it, a ninth, … that does no harm, and why.

    A trial takes ten SGD steps (momentum 0.9) on D_r with a copy of the model. It does no
    harm if the loss on the batches it trains on stays below that on held-out data before
    (or below twice its own start, if that is more): a larger step would cost more than the
    difference between seen and unseen, which is what repair is about.

    Cost: ten forward and backward passes per trial; one trial where ``start`` is fine.
    """
    # Smaller batches than those of repair: noisier, hence on the cautious side, and cheap.
    size = max(1, min(max(32, batch // 4), len(data.retain)))
    stream = run.batches("rate", data.retain, size)
    with frozen_statistics(model), torch.no_grad():
        seen = task.loss(model, stream[_STEPS]).mean().item()
        limit = max(2 * seen, _SLIGHT * task.loss_ceiling)
        if data.validation is not None:
            held = run.batches("rate-held-out", data.validation, min(size, len(data.validation)))
            limit = max(limit, task.loss(model, held[0]).mean().item())
    rate, tried = start, 0
    while rate > _LOWEST:
        tried += 1
        loss = _trial(model, task, run, stream, rate)
        if loss <= limit:
            break
        rate /= 3
    return rate, (
        f"trial {tried} of {_STEPS} steps: the loss on D_r went from {seen:.3g} to {loss:.3g}, "
        f"at most {limit:.3g} is harmless"
    )


def _trial(model: nn.Module, task: Task, run: Run, stream: Any, rate: float) -> float:
    """Mean loss of the last three of the trial steps; infinite if it diverges."""
    private = copy.deepcopy(model)
    parameters = [p for p in private.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9)
    losses = []
    for step in range(_STEPS):
        loss = task.loss(private, stream[step]).mean()
        if not torch.isfinite(loss):
            return math.inf
        run.apply(optimizer, parameters, run.gradient(loss, parameters))
        losses.append(loss.item())
    return sum(losses[-3:]) / 3

"""A learning rate for a model whose training is unknown, by a few trial steps."""

import copy
import math

import torch
from torch import nn

from ...core.batches import Stream
from ...core.data import UnlearningData
from ...core.run import Run
from ...core.task import Task
from ...kernels import frozen_statistics
from ...training.optimizers import optimizer_for

_STEPS = 10
_LOWEST = 1e-5
_HARMLESS = 4.0  # times the loss before; trials that go wrong grow exponentially
_SLIGHT = 0.002  # of the loss ceiling: 0.04 nats; nets that fit D_r perfectly need a floor


def choose_rate(
    model: nn.Module, task: Task, data: UnlearningData, run: Run, *, start: float, batch: int
) -> tuple[float, str]:
    """The largest of ``start``, a third of it, a ninth, … that does no harm, and why.

    A trial takes ten steps of the task's optimiser (momentum 0.9) on D_r with a copy of the
    model. It does no harm if the loss on the batches it trains on stays below four times
    that before (or below 0.2 percent of the task's loss ceiling, for nets that fit D_r to
    perfection).

    Cost: ten forward and backward passes over a quarter of ``batch`` per trial; one trial
    where ``start`` is fine.
    """
    # Smaller batches than those of repair: noisier, hence on the cautious side, and cheap.
    size = max(1, min(max(32, batch // 4), len(data.retain)))
    stream = run.batches("rate", data.retain, size)
    with frozen_statistics(model), torch.no_grad():
        ahead = range(_STEPS, _STEPS + 4)  # batches that the trials do not use
        found = [run.average(task.loss(model, stream[step]).mean()).item() for step in ahead]
    seen = sum(found) / len(found)
    limit = max(_HARMLESS * seen, _SLIGHT * task.loss_ceiling)
    rate, tried, loss = start, 0, math.inf
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


def _trial(model: nn.Module, task: Task, run: Run, stream: Stream, rate: float) -> float:
    """Mean loss of the last three of the trial steps; infinite if it diverges."""
    private = copy.deepcopy(model)
    parameters = [p for p in private.parameters() if p.requires_grad]
    optimizer = optimizer_for(task, parameters, rate, 0.9, 0.0)
    losses = []
    for step in range(_STEPS):
        loss = task.loss(private, stream[step]).mean()
        losses.append(run.average(loss.detach().clone()).item())
        if not math.isfinite(losses[-1]):
            return math.inf
        run.apply(optimizer, parameters, run.gradient(loss, parameters))
    return sum(losses[-3:]) / 3

"""Sums over whole sets that can be interrupted: what methods without SGD steps share."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...core.batches import Stream
from ...core.data import take
from ...core.errors import GuardError
from ...core.run import Run
from ...core.task import Task
from ...kernels import Unit, add_squares_, hessian_product, zeros_for

CHUNK = 32

Add = Callable[[Sequence[Tensor], Any, Sequence[Tensor]], tuple[int, float]]
"""``add(totals, batch, weights)`` adds in place; returns a count and the mean loss."""


class Pass:
    """Batches of about ``size`` samples, not augmented, that hold each sample once.

    A stream drops the incomplete last batch of a pass. Here batches differ by one sample
    in size instead, so that no sample of a small forget set is missed. With fewer
    ``samples`` than the set holds, that many are drawn, in whole batches.
    """

    def __init__(
        self, run: Run, name: str, dataset: Any, size: int, samples: int | None = None
    ) -> None:
        self._places: list[tuple[Stream, int]] = []
        total = len(dataset)
        if samples is not None and samples < total:
            size = min(size, samples)
            drawn = run.batches(name, dataset, size, augment=False)
            self._places = [(drawn, step) for step in range(samples // size)]
            return
        small, larger = divmod(total, math.ceil(total / size))
        cut = larger * (small + 1)
        for part, count in ((torch.arange(cut), small + 1), (torch.arange(cut, total), small)):
            if len(part):
                kept = dataset if len(part) == total else take(dataset, part)
                stream = run.batches(f"{name}-{count}", kept, count, augment=False)
                self._places += [(stream, step) for step in range(len(stream))]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, step: int) -> Any:
        """The batch of a step, the same one every time."""
        stream, index = self._places[step]
        return stream[index]

    def size(self, step: int) -> int:
        """Samples in the batch of a step, those of all processes together."""
        return self._places[step][0].batch_size


def trainable(model: nn.Module) -> list[Tensor]:
    """The parameters that may change, in the model's own order."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def averages(
    model: nn.Module, run: Run, stage: str, passes: Mapping[str, Pass], add: Add
) -> dict[str, list[Tensor]]:
    """Mean of what ``add`` adds up, for each set, over the trainable parameters.

    One stage of the run, so a killed one goes on where it was; the state is one
    accumulator of the size of the model per set.

    Raises:
        GuardError: If a gradient of the given model is not finite.
    """
    weights = trainable(model)
    state: dict[str, Any] = {name: zeros_for(weights) for name in passes}
    state["counts"] = dict.fromkeys(passes, 0)
    order = [(name, index) for name, batches in passes.items() for index in range(len(batches))]
    for step in run.steps(stage, len(order), model=model, state=state):
        name, index = order[step]
        state[name] = _beside(state[name], weights)  # a checkpoint is read to the CPU
        count, loss = add(state[name], passes[name][index], weights)
        state["counts"][name] += count
        run.log(stage, step, total=len(order), **{f"{name}_loss": loss})
    means = {}
    for name in passes:
        seen = run.average(torch.tensor(float(state["counts"][name]), device=run.device))
        means[name] = [run.average(t) / seen for t in _beside(state[name], weights)]
        check_finite_update(means[name], f"the gradients of the {name} set", "samples")
    return means


def fisher_diagonals(
    model: nn.Module,
    task: Task,
    run: Run,
    sets: Mapping[str, Any],
    *,
    group: int,
    samples: int | None,
) -> dict[str, list[Tensor]]:
    """Diagonal of the empirical Fisher on each set, over the trainable parameters.

    Args:
        model: In evaluation mode, in which samples do not depend on each other.
        task: Gives the loss of each sample.
        run: Gives batches, and keeps the sums while they grow.
        sets: Data sets by name.
        group: Samples whose gradients are averaged before they are squared.
        samples: At most this many of each set are read; None reads all.

    Raises:
        GuardError: If a gradient of the given model is not finite.
    """
    size = CHUNK if group == 1 else group
    unit: Unit = "sample" if group == 1 else "batch"

    def add(totals: Sequence[Tensor], batch: Any, weights: Sequence[Tensor]) -> tuple[int, float]:
        loss = partial(task.loss, model)
        return add_squares_(totals, loss, batch, weights, unit=unit)

    passes = {
        name: Pass(run, f"fisher-{name}", dataset, size, samples) for name, dataset in sets.items()
    }
    return averages(model, run, "fisher", passes, add)


def mean_hessian_product(
    run: Run,
    loss: Callable[[Any], Tensor],
    batches: Pass,
    weights: Sequence[Tensor],
    vector: Tensor,
) -> Tensor:
    """Hessian of the mean loss over all batches times a vector (P,); see ``hessian_product``."""
    total, count = torch.zeros_like(vector), 0
    for step in range(len(batches)):
        found, size = hessian_product(loss, batches[step], weights, vector)
        total, count = total + found, count + size
    seen = run.average(torch.tensor(float(count), device=vector.device))
    return run.average(total) / seen


def check_finite_update(tensors: Sequence[Tensor], what: str, smaller: str) -> None:
    """Raise unless all values are finite; ``smaller`` says what to lower.

    Raises:
        GuardError: Says what is not finite.
    """
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
        raise GuardError(
            f"{what} are NaN or infinite and the run was stopped; the original model is "
            f"unchanged. Use a smaller {smaller}"
        )


def _beside(tensors: Sequence[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.to(weight.device) for tensor, weight in zip(tensors, weights, strict=True)]

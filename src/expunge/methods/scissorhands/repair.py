"""Step 2 of Scissorhands: descend on D_r without learning D_f again (Eq. 3 to 5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...core.capabilities import AugmentedSet, bounded_loss
from ...core.codes import Code
from ...core.data import UnlearningData
from ...core.run import Run
from ...core.task import Batch, Bounded, Task
from ...kernels import frozen_statistics, project_, select_parameters, with_log_odds
from ...training.descent import Descent, fitting_batch
from .gate import Gate
from .options import Options
from .plan import Plan

_STEADY = 64  # samples of D_f in a step below which norms use their running statistics
_CHANCE = 2.0  # standard errors of a mean that may be chance
_NOT_PUSHED = (
    "D_f was fitted no better than held-out data from the start, so that no step pushed it; do not "
    "trust that where its labels are wrong, or where it is of another kind than the held-out data"
)
_RISE = 0.1  # share of the steps in which a one-cycle schedule rises


class Repair:
    """One run of the repair stage; called once with the trimmed model."""

    def __init__(
        self,
        options: Options,
        plan: Plan,
        task: Task,
        data: UnlearningData,
        run: Run,
        suffix: str = "",
    ) -> None:
        self._options, self._plan, self._task, self._run = options, plan, task, run
        self._state: dict[str, Any] = {}
        size = fitting_batch(options.batch_size, data.retain, plan.batch)
        forget_size = min(size, len(data.forget))
        self._steady = plan.constraint == "held-out" and forget_size < _STEADY
        self._retain = run.batches(f"retain{suffix}", data.retain, size)
        self._forget = run.batches(f"forget{suffix}", data.forget, forget_size)
        if plan.constraint == "held-out":
            # A quarter of the batch is enough: the running mean smooths what is left.
            least = _STEADY // 2 if self._steady else 1
            held = min(max(least, forget_size // 4), len(data.validation))
            unseen = _varied_alike(data.validation, data.forget)
            self._held_out = run.batches(f"held-out{suffix}", unseen, held)
            self._gate = Gate(self._state, len(data.validation))
        if plan.constraint == "published":
            anchor = min(size, len(data.forget))
            self._anchors = run.batches(f"anchor{suffix}", data.forget, anchor)

    def __call__(self, model: nn.Module, stage: str) -> None:
        """Repair ``model`` in place; ``stage`` names it in checkpoints and in the history."""
        options, plan = self._options, self._plan
        self._descent = Descent(
            model, self._run, plan.lr, options.momentum, options.weight_decay, self._task
        )
        self._covered = _places(model, options.cover)
        for step in self._descent.steps(stage, plan.epochs, self._retain, self._state):
            self._step(model, step)
        if plan.constraint != "off":
            self._tell(stage)

    def _tell(self, stage: str) -> None:
        """Put into the record in how many steps the constraint and the projection acted.

        From the history, which a run that goes on from a later stage still has.
        """
        rows = [row for row in self._run.history if row["stage"] == stage]
        opened = sum(row.get("active", 0.0) > 0 for row in rows)
        bound = sum(row.get("v", 0.0) > 0 for row in rows)
        idle = not opened and self._plan.constraint == "held-out"
        self._run.warn(Code.NOT_PUSHED, _NOT_PUSHED if idle else None)
        self._run.decide(
            "constraint_open",
            f"{opened} of {len(rows)} steps",
            "steps of repair in which L_f entered the objective (Eq. 3)",
        )
        self._run.decide(
            "projection_bound",
            f"{bound} of {len(rows)} steps",
            "steps in which the projection (Eq. 5) changed the direction",
        )

    def _step(self, model: nn.Module, step: int) -> None:
        """One step; a method of its own, so that its gradients are freed before the next."""
        self._set_rate(step)
        row, constraint = self._look_at_forget(model, step)
        losses = self._task.loss(model, self._retain[step])
        gradient = self._run.gradient(losses.mean(), self._descent.parameters)
        if constraint is not None:
            row = self._constrain(gradient, *constraint) | row
        retained, judged = self._means(losses.detach(), self._judged(losses.detach()))
        if self._plan.constraint == "held-out":
            self._gate.keep("retain", judged)
        self._descent.follow(gradient)
        self._descent.log(step, retain_loss=retained, **row)

    def _look_at_forget(
        self, model: nn.Module, step: int
    ) -> tuple[dict[str, float], tuple[list[Tensor], list[Tensor]] | None]:
        """What to log, and the gradients (for the objective, for the constraint) if any."""
        kind = self._plan.constraint
        if kind == "off":
            return {}, None
        if kind == "published":
            return self._published(model, step)
        row: dict[str, float] = {}
        with frozen_statistics(model), _norms(model, steady=self._steady):
            if kind == "held-out":  # first, while no graph of the forget pass takes memory
                with torch.no_grad():
                    held = self._task.loss(model, self._held_out[step])
            found = self._bounded(model, self._forget[step])
        losses, ceiling = found.losses, found.ceiling
        seen = losses.detach()
        row["forget_loss"], reached = self._means(seen, self._judged(seen))
        if kind == "held-out":
            unseen = self._judged(held)
            row["held_out_loss"], *moments = self._means(held, unseen, unseen.square())
            row["active"] = float(self._gate.open(reached, *moments))
        pushed: Tensor | float = 1.0
        if kind == "ceiling":
            pushed, row["active"] = self._below(replace(found, losses=seen))
        if not row.get("active", 1.0):
            return row, None
        if kind != "always" and not isinstance(ceiling, Tensor):
            losses = losses.clamp(max=ceiling)
        ascended = (self._judged(losses) * pushed).mean()
        gradient = self._run.gradient(ascended, self._descent.parameters)
        return row, (gradient, gradient)

    def _bounded(self, model: nn.Module, batch: Batch) -> Bounded:
        """Losses of D_f; other constraints than the ceiling are on the loss itself."""
        if self._plan.constraint == "ceiling":
            return bounded_loss(self._task, model, batch)
        return Bounded(self._task.loss(model, batch), self._task.loss_ceiling)

    def _below(self, found: Bounded) -> tuple[Tensor | float, float]:
        """Which samples of D_f are still to be pushed up, and the share of groups that are."""
        if not isinstance(found.ceiling, Tensor):
            # By samples, not by their mean: a few far above would hide those still below.
            [below] = self._means((found.losses < found.ceiling).float())
            return 1.0, float(below > 0)
        # Each against its own ceiling on the same noise: single samples are noise, and
        # pushing those that happen to be below would never end. The mean of a group tells, if
        # it is below by more than chance, as half of all means are where nothing is known.
        groups = found.groups
        if groups is None:
            groups = torch.zeros(len(found.losses), dtype=torch.long, device=found.losses.device)
        room = found.ceiling - found.losses
        sums = room.new_zeros(3, found.num_groups)
        sums.index_add_(1, groups, torch.stack([torch.ones_like(room), room, room.square()]))
        count, total, squares = self._run.average(sums)
        count = count.clamp(min=1)
        mean = total / count
        error = ((squares / count - mean.square()).clamp(min=0) / count).sqrt()
        pushed = (mean > _CHANCE * error).float()
        return pushed[groups], pushed.mean().item()

    def _judged(self, losses: Tensor) -> Tensor:
        """What is ascended on D_f, and compared between the sets."""
        return with_log_odds(losses, self._plan.odds_share)

    def _means(self, *values: Tensor) -> list[float]:
        """Means of several tensors, the same in all processes."""
        means: list[float] = self._run.average(torch.stack([v.mean() for v in values])).tolist()
        return means

    def _published(
        self, model: nn.Module, step: int
    ) -> tuple[dict[str, float], tuple[list[Tensor], list[Tensor]] | None]:
        """The authors' code: one anchor gradient an epoch, and D_f read once an epoch."""
        epoch, index = divmod(step, len(self._retain))
        parameters = self._descent.parameters
        if index == 0:
            model.eval()
            anchor = self._task.loss(model, self._anchors[epoch]).mean()
            self._state["anchor"] = self._run.gradient(anchor, parameters)
            model.train()
        if index >= len(self._forget):
            return {"active": 0.0}, None
        batch = self._forget[epoch * len(self._forget) + index]
        loss = self._task.loss(model, batch).mean()
        anchor_gradient = [
            kept.to(parameter.device)
            for kept, parameter in zip(self._state["anchor"], parameters, strict=True)
        ]
        gradient = self._run.gradient(loss, parameters)
        return {"forget_loss": loss.item()}, (gradient, anchor_gradient)

    def _constrain(
        self, objective: list[Tensor], forget: list[Tensor], constraint: list[Tensor]
    ) -> dict[str, float]:
        """Turn the gradient of L_r into g*, in place (Eq. 3, then Eq. 5)."""
        if self._plan.forget_weight:
            torch._foreach_add_(objective, forget, alpha=-self._plan.forget_weight)
        if not self._options.project:
            return {"active": 1.0}
        result = project_(
            [objective[index] for index in self._covered],
            [constraint[index] for index in self._covered],
            margin=self._options.margin,
            ridge=self._options.ridge,
        )
        return {"v": float(result.v), "cosine": float(result.cosine), "active": 1.0}

    def _set_rate(self, step: int) -> None:
        if self._options.schedule == "constant":
            return
        total = self._descent.total
        rise = max(1, round(_RISE * total))
        share = min((step + 1) / rise, (total - step) / max(1, total - rise))
        for group in self._descent.optimizer.param_groups:
            group["lr"] = self._plan.lr * min(1.0, share)


def _varied_alike(dataset: Any, other: Any) -> Any:
    """The set, augmented as the other one is: losses under different variations tell nothing."""
    both = isinstance(dataset, AugmentedSet) and isinstance(other, AugmentedSet)
    if not both or dataset.augmentation == other.augmentation:
        return dataset
    return dataset.with_augmentation(other.augmentation)


@contextmanager
def _norms(model: nn.Module, *, steady: bool) -> Iterator[None]:
    """Inside, BatchNorm uses its running statistics, if ``steady``.

    Those of a few samples depend on how many there are, and so would the loss that D_f and
    held-out data are compared by.
    """
    norms = [one for one in model.modules() if isinstance(one, _BatchNorm) and one.training]
    for norm in norms if steady else ():
        norm.eval()
    try:
        yield
    finally:
        for norm in norms if steady else ():
            norm.train()


def _places(model: nn.Module, pattern: str | None) -> list[int]:
    """Positions among the trainable parameters of those that the constraint covers."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    if pattern is None:
        return list(range(len(names)))
    covered = select_parameters(model, pattern)
    return [index for index, name in enumerate(names) if name in covered]

"""Bad Teacher: learn D_f from a net that knows nothing, the rest from the original."""

import copy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from ..core.batches import Stream, derive_seed
from ..core.capabilities import GivesLogits
from ..core.data import Split, UnlearningData, take
from ..core.errors import InputError
from ..core.hyperparameters import Passes, Positive, Rate, ShareOrAll, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from ..kernels.reinit import reset_model
from ..training.descent import Descent, fitting_batch
from ._shared.teachers import divergence, frozen_copy, logits_of, taught


@dataclass(frozen=True, kw_only=True)
@validated
class BadTeacher:
    r"""Imitate an untrained teacher on D_f and the original on a part of D_r.

    With the original :math:`p` and a freshly initialised net :math:`q`, both frozen and in
    evaluation mode, over mixed batches of D_f and a part :math:`S` of D_r drawn once:

    .. math:: \min_\theta \sum_{x \in D_f} KL_T(q(x) \,\|\, p_\theta(x))
        + \sum_{x \in S} KL_T(p(x) \,\|\, p_\theta(x))

    KL is that of softmaxes at temperature T, times T². A batch holds as much of D_f as
    its share of D_f and S together, and at least one sample of each. Needs a task with
    ``logits``, and ``reset_parameters`` on every module that owns parameters (all of torch's
    have one).

    Args:
        retain_share: Share of D_r that is read, above 0 and at most 1.
        temperature: T above, larger than 0.
        lr: Constant learning rate of Adam.
        epochs: Passes over D_f and S together; may be fractional.
        batch_size: Samples per step, at least 2; None takes 256, or less for a small set.

    Cost: ``epochs`` forward and backward passes over D_f and S, each with a forward pass of a
    teacher. Defaults are those with which public benchmark code descended from that of SSD
    (Foster et al. 2024) runs it.
    """

    retain_share: ShareOrAll = 0.3
    temperature: Positive = 1.0
    lr: Rate = 1e-4
    epochs: Passes = 1
    batch_size: Annotated[int, Ge(2)] | None = None  # a batch holds samples of both sets

    name: ClassVar[str] = "bad-teacher"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({GivesLogits})
    reference: ClassVar = Reference(
        authors="Vikram S. Chundawat, Ayush K. Tarun, Murari Mandal, Mohan Kankanhalli",
        title="Can Bad Teaching Induce Forgetting? Unlearning in Deep Networks Using an "
        "Incompetent Teacher",
        venue="AAAI",
        year=2023,
        url="https://arxiv.org/abs/2205.08096",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        logits = logits_of(task, self.name)
        competent, incompetent = frozen_copy(model), _untrained(model, run)
        forget, retain = self._streams(data, run)
        descent = Descent(model, run, self.lr, 0.0, 0.0)
        descent.optimizer = torch.optim.Adam(descent.parameters, lr=self.lr)
        for step in descent.steps("bad-teacher", self.epochs, retain):
            gone, kept = forget[step], retain[step]
            wrong = taught(logits, incompetent, gone)
            right = taught(logits, competent, kept)
            found, _ = logits(model, _join(gone, kept))
            apart = divergence(torch.cat([wrong, right]), found, self.temperature)
            descent.follow(run.gradient(apart.mean(), descent.parameters))
            unlearnt, held = apart.detach().split([len(wrong), len(right)])
            descent.log(
                step,
                forget_divergence=unlearnt.mean().item(),
                retain_divergence=held.mean().item(),
            )
        return model

    def _streams(self, data: UnlearningData, run: Run) -> tuple[Stream, Stream]:
        """Batches of D_f and of the part of D_r, in proportion to their sizes."""
        count = max(1, round(self.retain_share * len(data.retain)))
        order = torch.randperm(len(data.retain), generator=run.generator("part of D_r"))
        part = take(data.retain, order[:count].sort().values)
        both = range(len(data.forget) + count)
        size = max(2, fitting_batch(self.batch_size, both))
        if size > len(both):
            raise InputError(
                f"expected batch_size <= {len(both)}, the size of the forget set and "
                f"{count} samples of the retain set, got {size}; lower method.batch_size"
            )
        gone = min(max(1, round(size * len(data.forget) / len(both))), size - 1, len(data.forget))
        forget = run.batches("forget", data.forget, gone)
        return forget, run.batches("retain", part, min(size - gone, count))


def _untrained(model: nn.Module, run: Run) -> nn.Module:
    """The incompetent teacher: the same net as if it had just been built."""
    # All of it: a frozen part would know what it was trained on.
    teacher = copy.deepcopy(model).requires_grad_(True)
    # Not the run's seed itself, with which the original may have been initialised.
    reset_model(teacher, derive_seed(run.seed, "incompetent teacher"))
    return teacher.eval().requires_grad_(False)


def _join(first: Batch, second: Batch) -> Any:
    """One batch of two, so that BatchNorm sees both sets at once, as in the paper."""
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    if isinstance(first, dict):
        return {key: _join(value, second[key]) for key, value in first.items()}
    if isinstance(first, list | tuple):
        return tuple(_join(a, b) for a, b in zip(first, second, strict=True))
    return first

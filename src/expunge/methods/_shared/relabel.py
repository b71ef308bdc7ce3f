"""What the methods share that teach wrong labels: D_f relabelled, mixed with D_r."""

from typing import Any, Literal, Protocol

import torch
from torch import Generator, Tensor, nn

from ...core.capabilities import Denoises
from ...core.data import UnlearningData, fetch
from ...core.errors import InputError
from ...core.run import Run
from ...core.task import Batch, Task
from ...tasks.batches import join_batches, unpack
from ...tasks.labels import with_labels
from ...training.descent import Descent, fitting_batch
from ..diffusion.concepts import forgotten_labels

Relabel = Literal["once", "each-pass"]


class Mixed:
    """D_f with random wrong labels, followed by D_r: one set, to be shuffled as one.

    A wrong label is drawn evenly from all labels of D_f and D_r but the sample's own. It
    depends on the seed, the sample and the number of the draw alone.

    Args:
        task: Names the label of each sample.
        data: Only its forget and retain sets are read.
        run: Gives randomness and the device.

    Raises:
        InputError: If the task has no labels, or all samples have the same one.
    """

    def __init__(self, task: Task, data: UnlearningData, run: Run) -> None:
        forget, retain = task.labels(data.forget), task.labels(data.retain)
        if forget is None or retain is None:
            raise InputError(
                f"expected a task with labels, but {type(task).__name__}.labels gives None; "
                "use a method that needs none, e.g. fine-tune or neg-grad-plus"
            )
        self._own = forget.cpu().long()
        self._known = torch.unique(torch.cat([self._own, retain.cpu().long()]))
        if len(self._known) < 2:
            raise InputError(
                f"expected at least 2 different labels, got only {self._known.tolist()}, "
                "so that no label is wrong; use a method that needs none, e.g. fine-tune"
            )
        self.task, self._data, self._run = task, data, run
        self._drawn = -1
        self.draw(0)

    def draw(self, number: int) -> None:
        """Use the labels of this draw from now on; the same number gives the same labels."""
        if number != self._drawn:
            generator = self._run.generator("relabel", number)
            shift = torch.randint(1, len(self._known), self._own.shape, generator=generator)
            index = torch.searchsorted(self._known, self._own)
            self._wrong: Tensor = self._known[(index + shift) % len(self._known)]
            self._drawn = number

    @property
    def wrong(self) -> Tensor:
        """The labels that D_f has at present, int64 (N,), on the CPU."""
        return self._wrong

    def __len__(self) -> int:
        return len(self._own) + len(self._data.retain)

    def batch(self, indices: Tensor, generator: Generator | None) -> Batch:
        """Samples at ``indices``, those of D_f first."""
        count = len(self._own)
        forget, retain = indices[indices < count], indices[indices >= count] - count
        parts = []
        if len(forget):
            batch = self._fetch(self._data.forget, forget, generator)
            parts.append(with_labels(batch, self._wrong[forget]))
        if len(retain):
            parts.append(self._fetch(self._data.retain, retain, generator))
        return parts[0] if len(parts) == 1 else join_batches(*parts)

    def _fetch(self, dataset: Any, indices: Tensor, generator: Generator | None) -> Batch:
        return fetch(dataset, indices, generator=generator, device=self._run.device)


class Relabelling(Protocol):
    """The hyper-parameters that all methods with wrong labels have."""

    @property
    def relabel(self) -> str: ...
    @property
    def epochs(self) -> float: ...
    @property
    def batch_size(self) -> int | None: ...


def descend_on_wrong_labels(
    options: Relabelling, descent: Descent, model: nn.Module, mixed: Mixed, run: Run
) -> None:
    """SGD on the mean loss of ``mixed``, with the settings that both methods have."""
    stream = run.batches("mixed", mixed, fitting_batch(options.batch_size, mixed))
    for step in descent.steps("relabel", options.epochs, stream):
        mixed.draw(step // len(stream) if options.relabel == "each-pass" else 0)
        loss = mixed.task.loss(model, stream[step]).mean()
        descent.follow(run.gradient(loss, descent.parameters))
        descent.log(step, loss=loss.item())


def descend_on_other_predictions(
    options: Relabelling,
    descent: Descent,
    model: nn.Module,
    task: Denoises,
    data: UnlearningData,
    run: Run,
) -> None:
    """What wrong labels are to a denoiser: to predict samples of D_f as under another condition.

    An epoch is a pass over D_r; each step also reads a batch of D_f.
    """
    _, others = forgotten_labels(task, data)
    size = fitting_batch(options.batch_size, data.retain)
    retain = run.batches("retain", data.retain, size)
    forget = run.batches("forget", data.forget, min(size, len(data.forget)))
    for step in descent.steps("relabel", options.epochs, retain):
        batch = forget[step]
        labels = unpack(batch)[1].long()
        if options.relabel == "once":  # the next one that stays, as published
            index = torch.searchsorted(others, labels.cpu())
        else:
            chance = run.generator("relabel", step)
            index = torch.randint(len(others), labels.shape, generator=chance)
        aim = others[index % len(others)].to(labels.device)
        wrong = misled(model, task, batch, labels, aim)
        kept = task.loss(model, retain[step]).mean()
        descent.follow(run.gradient(wrong + kept, descent.parameters))
        descent.log(step, retain_loss=kept.item(), wrong_loss=wrong.item())


def misled(
    model: nn.Module, task: Denoises, batch: Batch, labels: Tensor, others: Tensor
) -> Tensor:
    """Mean squared distance between predictions under two conditions; the second is held."""
    # Not the conditions it draws: some are dropped, and the empty one is not to be misled.
    drawn = task.draw(model, batch)
    with torch.no_grad():
        aim = task.predict(model, drawn.noised, drawn.levels, task.condition(others))
    found = task.predict(model, drawn.noised, drawn.levels, task.condition(labels))
    return (found.float() - aim.float()).square().mean()

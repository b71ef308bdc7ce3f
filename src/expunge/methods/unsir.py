"""UNSIR: noise that a class makes the largest errors on overwrites it; then a repair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from ..core.capabilities import NamesLabels
from ..core.data import Split, UnlearningData, fetch, take
from ..core.errors import InputError
from ..core.hyperparameters import Count, NotNegative, Passes, Positive, ShareOrAll, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from ..tasks.batches import join_batches, repeat_sample, unpack, with_inputs
from ..tasks.labels import with_labels
from ..training.descent import Descent, fitting_batch


@dataclass(frozen=True, kw_only=True)
@validated
class UNSIR:
    r"""Learn noise in place of the forgotten classes, impair with it, repair without it.

    For each class c of D_f a batch of noise z, normal at first, climbs the loss of the
    original in evaluation mode, whose weights stay as they are:

    .. math:: \max_z \; \tfrac1n \textstyle\sum_i \big( L(\theta_o; z_i, c)
        - \lambda \, \|z_i\|^2 \big)

    Then the model is trained on S, a part of D_r, shuffled together with the noise under the
    label c (impair), and then on S alone (repair). Of D_f only the labels are read, never
    an input. All samples of a class must go, since nothing else of D_f is known. Inputs
    must be floating and of one shape.

    Args:
        penalty: lambda above, at least 0, on the sum over all entries of an input.
        noise_lr: Learning rate of Adam for the noise, > 0.
        noise_steps: Steps for the noise of each class, at least 1.
        noise_ratio: Samples of noise per class in the impair stage, relative to S, > 0;
            the images of the one batch that was learnt take turns.
        retain_share: Share of D_r that is S, above 0 and at most 1.
        impair_lr: Constant learning rate of Adam in the impair stage, > 0.
        impair_epochs: Passes over noise and S, > 0; may be fractional.
        repair_lr: Constant learning rate of Adam in the repair stage, > 0.
        repair_epochs: Passes over S, > 0; may be fractional.
        batch_size: Samples per step, and images of noise per class; None takes 256, or
            less for a small set.

    Cost: ``noise_steps`` forward and backward passes on a batch per class, and the passes
    over S and the noise. Defaults are those of the public code for CIFAR-10 and ResNet-18,
    but that it takes 1000 samples of each kept class (``retain_share = 0.2``) with 20
    batches of 256 of noise (0.57 or 0.64 times as many), and learns the noise in training
    mode. Its rates are high for a net that was trained by SGD.

    Raises:
        InputError: When called, if the task has no labels, a label of D_f occurs in D_r
            too, or inputs are not floating.
    """

    penalty: NotNegative = 0.1
    noise_lr: Positive = 0.1
    noise_steps: Count = 40
    noise_ratio: Positive = 0.6
    retain_share: ShareOrAll = 1.0
    impair_lr: Positive = 0.02
    impair_epochs: Passes = 1
    repair_lr: Positive = 0.01
    repair_epochs: Passes = 1
    batch_size: Count | None = None

    name: ClassVar[str] = "unsir"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({NamesLabels})
    reference: ClassVar = Reference(
        authors="Ayush K. Tarun, Vikram S. Chundawat, Murari Mandal, Mohan Kankanhalli",
        title="Fast Yet Effective Machine Unlearning",
        venue="IEEE Transactions on Neural Networks and Learning Systems",
        year=2023,
        url="https://arxiv.org/abs/2111.08947",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        classes = _whole_classes(task, data)
        kept = self._part(data, run)
        size = fitting_batch(self.batch_size, kept)
        retain = run.batches("repair", kept, size)  # first: it may refuse the batch size
        one = _one_sample(kept, run)
        noise = run.once("noise", lambda: self._noise(model, task, run, one, classes, size))
        each = max(1, round(self.noise_ratio * len(kept)))
        mixed = run.batches("impair", _Mixed(one, noise, classes, each, kept, run), size)
        for stage, stream, lr, epochs, key in (
            ("impair", mixed, self.impair_lr, self.impair_epochs, "loss"),
            ("repair", retain, self.repair_lr, self.repair_epochs, "retain_loss"),
        ):
            descent = Descent(model, run, lr, 0.0, 0.0)
            descent.optimizer = torch.optim.Adam(descent.parameters, lr=lr)
            for step in descent.steps(stage, epochs, stream):
                loss = task.loss(model, stream[step]).mean()
                descent.follow(run.gradient(loss, descent.parameters))
                descent.log(step, **{key: loss.item()})
        return model

    def _part(self, data: UnlearningData, run: Run) -> Any:
        """S: ``retain_share`` of D_r, drawn once."""
        if self.retain_share == 1:
            return data.retain
        count = max(1, round(self.retain_share * len(data.retain)))
        order = torch.randperm(len(data.retain), generator=run.generator("part of D_r"))
        return take(data.retain, order[:count].sort().values)

    def _noise(
        self,
        model: nn.Module,
        task: Task,
        run: Run,
        one: Batch,
        classes: Sequence[int],
        size: int,
    ) -> Tensor:
        """A batch of noise for each class, (K, size, ...), on the CPU."""
        shape = (size, *unpack(one)[0].shape[1:])
        start = [torch.randn(shape, generator=run.generator("noise", c)) for c in classes]
        noise = nn.ParameterList([nn.Parameter(values.to(unpack(one)[0])) for values in start])
        # Adam moves every entry by itself, so all classes can share one optimiser.
        optimizer = torch.optim.Adam(noise, lr=self.noise_lr)
        model.eval()
        for step in run.steps("noise", self.noise_steps, model=noise, optimizer=optimizer):
            found, weight, uphill = 0.0, 0.0, []
            for images, label in zip(noise, classes, strict=True):
                loss = task.loss(model, _labelled(one, images, label)).mean()
                square = images.square().sum() / size
                uphill += run.gradient(self.penalty * square - loss, [images])
                found += loss.item() / len(classes)
                weight += square.item() / len(classes)
            run.apply(optimizer, list(noise), uphill)
            run.log("noise", step, total=self.noise_steps, loss=found, square=weight)
        model.train()
        return torch.stack([images.detach().cpu() for images in noise])


class _Mixed:
    """Noise in place of each class, ``each`` samples of it, followed by S: one set."""

    def __init__(
        self, one: Batch, noise: Tensor, classes: Sequence[int], each: int, kept: Any, run: Run
    ) -> None:
        self._one, self._noise, self._kept, self._run = one, noise, kept, run
        self._classes, self._each = torch.tensor(classes), each

    def __len__(self) -> int:
        return len(self._classes) * self._each + len(self._kept)

    def batch(self, indices: Tensor, generator: Generator | None) -> Batch:
        """Samples at ``indices``, noise first."""
        count = len(self._classes) * self._each
        unreal, real = indices[indices < count], indices[indices >= count] - count
        parts = []
        if len(unreal):
            index = unreal // self._each
            noise = self._noise[index, unreal % self._each % self._noise.shape[1]]
            inputs = noise.to(self._run.device)
            parts.append(_labelled(self._one, inputs, self._classes[index]))
        if len(real):
            kept = fetch(self._kept, real, generator=generator, device=self._run.device)
            parts.append(kept)
        return parts[0] if len(parts) == 1 else join_batches(*parts)


def _labelled(one: Batch, noise: Tensor, labels: Tensor | int) -> Batch:
    """Noise (B, ...) in the form of a batch of the data set, with one label or B."""
    batch = with_inputs(repeat_sample(one, len(noise)), noise)
    return with_labels(batch, torch.as_tensor(labels).expand(len(noise)))


def _one_sample(dataset: Any, run: Run) -> Batch:
    """A sample whose form the noise takes, as a batch of one."""
    one = fetch(dataset, torch.arange(1), device=run.device)
    inputs = unpack(one)[0]
    if not inputs.is_floating_point():
        raise InputError(
            f"unsir needs floating-point inputs, got {inputs.dtype}, which noise cannot stand "
            "in for; convert them, or use e.g. scissorhands"
        )
    return one


def _whole_classes(task: Task, data: UnlearningData) -> list[int]:
    """The labels of D_f, sorted; raises unless none of them is left in D_r."""
    forget, retain = task.labels(data.forget), task.labels(data.retain)
    if forget is None or retain is None:
        raise InputError(
            f"unsir needs a task with labels, but {type(task).__name__}.labels gives None; "
            "use a method that needs none, e.g. scissorhands or fine-tune"
        )
    classes = torch.unique(forget.cpu().long())
    left = classes[torch.isin(classes, retain.cpu().long())].tolist()
    if left:
        names = ", ".join(map(str, left[:5])) + (", …" if len(left) > 5 else "")
        raise InputError(
            f"unsir forgets whole classes, but the retain set holds samples of {len(left)} of "
            f"the {len(classes)} labels to forget ({names}); forget all samples of a class, or "
            "use a method for scattered samples, e.g. scissorhands"
        )
    return [int(label) for label in classes]

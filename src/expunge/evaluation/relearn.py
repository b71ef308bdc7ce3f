"""How fast a model learns again what it was to forget: traces that accuracy does not show."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.checks import check_choice, check_not_negative, check_positive
from ..core.data import Split, UnlearningData, take
from ..core.errors import InputError
from ..core.guard import probe
from ..core.isolation import isolated_randomness
from ..core.precision import with_precision
from ..core.progress import tell
from ..core.run import Run
from ..core.schemas.record import Relearn
from ..core.task import Task
from ..metrics import relearn_time
from ..tasks.causal_lm import IGNORED
from ..tasks.labels import absent_labels
from ..training.optimizers import is_adaptive, optimizer_for

MEASURED_SAMPLES = 1000
_ADAM = 0.1  # rates of AdamW relative to those of SGD, for tasks whose models it trains


def check_steps(steps: Sequence[int]) -> None:
    """Raise unless there are steps, and they are increasing numbers of at least 0."""
    if not steps or steps[0] < 0 or list(steps) != sorted(set(steps)):
        raise InputError(
            f"expected steps to be increasing numbers >= 0, got {steps}; "
            "for example (0, 3, 6, 9, 12)"
        )


@dataclass(frozen=True)
class Relearning:
    """The attack, the same for all models: short fine-tuning by SGD in training mode.

    Models of tasks that train by AdamW are fine-tuned by AdamW, at a tenth of the rate.

    Args:
        steps: After how many steps to measure; increasing.
        batch_size: Samples per step, forget and retain samples together.
        forget_per_batch: Forget samples among them. Where a set is smaller than its part,
            both parts shrink alike, so that the mix stays.
        lr: Learning rate.
        momentum: Of SGD.
        seed: Fixes batches and augmentation.
    """

    steps: tuple[int, ...] = (0, 3, 6, 9, 12)
    batch_size: int = 512
    forget_per_batch: int = 64
    lr: float = 0.01
    momentum: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(
            batch_size=self.batch_size, forget_per_batch=self.forget_per_batch, lr=self.lr
        )
        check_not_negative(momentum=self.momentum)
        check_steps(self.steps)
        if self.forget_per_batch >= self.batch_size:
            raise InputError(
                f"expected forget_per_batch < batch_size = {self.batch_size}, got "
                f"{self.forget_per_batch}; the rest of a batch is retained samples"
            )

    def sizes(self, data: UnlearningData) -> tuple[int, int]:
        """Forget and retain samples per step, fitted to the sets; each at least one."""
        forget, retain = self.forget_per_batch, self.batch_size - self.forget_per_batch
        scale = min(1.0, len(data.forget) / forget, len(data.retain) / retain)
        return max(1, int(forget * scale)), max(1, int(retain * scale))

    def describe(self, task: Task, data: UnlearningData) -> dict[str, Any]:
        """For the record: the settings, with the sizes and the rate that were really used."""
        forget, retain = self.sizes(data)
        adaptive = is_adaptive(task)
        return {
            "optimizer": "AdamW" if adaptive else "SGD",
            **asdict(self),
            "lr": self.lr * (_ADAM if adaptive else 1.0),
            "steps": list(self.steps),
            "batch_size": forget + retain,
            "forget_per_batch": forget,
        }


UNTIL_RELEARNT = Relearning(steps=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256))
"""The same attack for longer, for relearn times; dense where a model that forgot little is.

Its first steps are those of ``Relearning()``: the batches of a step depend on its number and
the seed alone. Costs 256 training steps per model."""


def measured_set(task: Task, data: UnlearningData) -> tuple[Any, str]:
    """What relearning is measured on, and its description.

    Unseen images of the class where whole classes are forgotten (test samples whose labels
    no retained sample has), else the forget set itself; also where most of the forget
    set is of classes that stay, and a rare class goes only by chance.
    """
    absent = absent_labels(task, data)
    gone = _absent(task, data.forget, absent) if len(absent) else torch.zeros(1)
    if data.test is not None and gone.float().mean() > 0.5:
        chosen = _absent(task, data.test, absent).nonzero().flatten()
        if len(chosen):
            count = min(MEASURED_SAMPLES, len(chosen))
            return take(data.test, chosen), f"{count} unseen samples of the forgotten classes"
    count = min(MEASURED_SAMPLES, len(data.forget))
    return data.forget, f"{count} of the {len(data.forget)} forgotten samples"


def _absent(task: Task, dataset: Any, absent: Tensor) -> Tensor:
    """Which samples have one of the labels, bool (N,)."""
    labels = task.labels(dataset)
    return torch.zeros(len(dataset)).bool() if labels is None else torch.isin(labels.cpu(), absent)


def relearn_curve(
    model: nn.Module,
    task: Task,
    data: UnlearningData,
    *,
    steps: tuple[int, ...] = Relearning.steps,
    batch_size: int = Relearning.batch_size,
    forget_per_batch: int = Relearning.forget_per_batch,
    lr: float = Relearning.lr,
    momentum: float = Relearning.momentum,
    seed: int = 0,
    device: torch.device | str = "cpu",
    precision: str = "auto",
) -> list[float]:
    """Accuracy in percent after so many steps of fine-tuning a copy of ``model``.

    Works on a copy of which every parameter is trained, frozen or not, so that models are
    compared alike. Measured on at most 1,000 evenly spaced samples of ``measured_set``.
    Costs ``steps[-1]`` training steps and one evaluation per entry of ``steps``.

    Returns:
        One value in [0, 100] per entry of ``steps``; the same bits for the same arguments.

    Raises:
        InputError: If the settings are impossible or the task has no accuracy.
        GuardError: If the loss becomes NaN or infinite.
    """
    protocol = Relearning(tuple(steps), batch_size, forget_per_batch, lr, momentum, seed)
    measured, _ = measured_set(task, data)
    return curve_of(model, task, data, protocol, measured, torch.device(device), precision)


def relearn_curves(
    models: Mapping[str, nn.Module],
    task: Task,
    data: UnlearningData,
    protocol: Relearning | None = None,
    *,
    device: torch.device | str = "cpu",
    precision: str = "auto",
) -> Relearn:
    """The curves of several models under one protocol; see ``relearn_curve``."""
    protocol = protocol or Relearning()
    measured, description = measured_set(task, data)
    device = torch.device(device)
    return Relearn(
        protocol=protocol.describe(task, data),
        measured_on=description,
        steps=list(protocol.steps),
        curves={
            name: curve_of(model, task, data, protocol, measured, device, precision)
            for name, model in models.items()
        },
    )


def relearn_times(
    curves: Relearn, *, target: str = "original", tolerance: float = 1.0
) -> dict[str, float | None]:
    """Relearn time of each model, in steps: until it is as accurate as the original was.

    Read it between its anchors. The original has 0 by construction; a retrained model has
    what learning anew takes; a net that was never trained takes longest. Take curves of
    ``UNTIL_RELEARNT``, since few models arrive within the default protocol.

    Args:
        curves: What ``relearn_curves`` returned, measured at step 0 as well.
        target: Name of the model whose accuracy at step 0 is to be reached.
        tolerance: Points below it that count as reached.

    Returns:
        A time per model (see ``relearn_time``); None where the protocol was too short.

    Raises:
        InputError: If there is no curve of that name, or none that starts at step 0.
    """
    check_choice(curves.curves, target=target)
    if curves.steps[:1] != [0]:
        raise InputError(
            f"expected curves that start at step 0, where the {target} model is untouched, got "
            f"steps {curves.steps}; use the protocol UNTIL_RELEARNT"
        )
    goal = curves.curves[target][0]
    return {
        name: relearn_time(curves.steps, values, goal, tolerance=tolerance)
        for name, values in curves.curves.items()
    }


def curve_of(
    model: nn.Module,
    task: Task,
    data: UnlearningData,
    protocol: Relearning,
    measured: Any,
    device: torch.device,
    precision: str,
    *,
    in_place: bool = False,
) -> list[float]:
    """``relearn_curve`` on a given set; ``in_place`` trains the model itself, not a copy."""
    net = (model if in_place else copy.deepcopy(model)).to(device).train()
    parameters = [p.requires_grad_(True) for p in net.parameters() if p.is_floating_point()]
    rate = protocol.lr * (_ADAM if is_adaptive(task) else 1.0)
    optimizer = optimizer_for(task, parameters, rate, protocol.momentum, 0.0)
    precise = with_precision(task, precision, device)
    run = Run(protocol.seed, device=device)
    forget_size, retain_size = protocol.sizes(data)
    curve = []
    with isolated_randomness():
        forget = run.batches(f"relearn-{Split.FORGET}", data.forget, forget_size)
        retain = run.batches(f"relearn-{Split.RETAIN}", data.retain, retain_size)
        for step in run.steps("relearn", protocol.steps[-1], model=net, optimizer=optimizer):
            if step in protocol.steps:
                curve.append(_accuracy(net, precise, measured, device))
            loss = precise.loss(net, join(forget[step], retain[step])).mean()
            run.apply(optimizer, parameters, run.gradient(loss, parameters))
            tell("relearning", step + 1, protocol.steps[-1])
        curve.append(_accuracy(net, precise, measured, device))
    return curve


def _accuracy(model: nn.Module, task: Task, dataset: Any, device: torch.device) -> float:
    accuracy = probe(model, task, dataset, MEASURED_SAMPLES, device, "measured").accuracy
    if accuracy is None:
        raise InputError(
            "expected a task with accuracies, because relearning is measured by them, but its "
            "correct() gives None; leave the relearn curve out"
        )
    return round(accuracy, 4)  # float32 noise ends there


def join(one: Any, other: Any) -> Any:
    """Two batches as one, along the first dimension of every tensor in them.

    They pass the network together, because two passes would normalise each by its own
    statistics. Sequences of tokens are brought to one length by padding on the right.
    """
    if isinstance(one, Tensor):
        return torch.cat([one, other])
    if isinstance(one, dict):
        return {key: _join_padded(key, value, other[key]) for key, value in one.items()}
    if all(isinstance(value, str) for value in (*one, *other)):
        return (*one, *other)
    return tuple(join(left, right) for left, right in zip(one, other, strict=True))


def _join_padded(key: str, one: Any, other: Any) -> Any:
    if not isinstance(one, Tensor) or one.ndim != 2 or one.shape[1] == other.shape[1]:
        return join(one, other)
    # A padded token must not count: labels of language models ignore -100, masks are 0.
    filler = IGNORED if key == "labels" else 0
    width = max(one.shape[1], other.shape[1])
    return torch.cat(
        [F.pad(part, (0, width - part.shape[1]), value=filler) for part in (one, other)]
    )

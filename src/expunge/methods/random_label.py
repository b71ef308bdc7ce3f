"""Random labels: teach the forget set wrongly while the rest is kept up."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..core.capabilities import NamesLabels
from ..core.data import Split, UnlearningData
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Task
from ..training.descent import Descent
from ._shared.relabel import Mixed, Relabel, descend_on_wrong_labels


@dataclass(frozen=True, kw_only=True)
@validated
class RandomLabel:
    r"""Minimise the loss on D_f under random wrong labels and on D_r, shuffled together.

    .. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta \frac{1}{N_f + N_r}
        \Big( \sum_{(x, y) \in D_f} l(\theta; x, \tilde y) + \sum_{D_r} l(\theta; x, y) \Big),
        \quad \tilde y \ne y

    A wrong label is drawn evenly from all labels that occur in D_f or D_r, the sample's
    own excepted. Needs a task with labels, and batches of ``(inputs, labels)`` or mappings.

    Args:
        relabel: ``"once"``: a sample keeps its wrong label; ``"each-pass"``: new ones are
            drawn for each pass, so that no label in particular is learnt.
        lr: Constant learning rate of SGD, > 0.
        epochs: Passes over both sets together, > 0; may be fractional.
        batch_size: Samples per step, of both sets; None takes 256, or less for a small set.
        momentum: Of SGD, at least 0.
        weight_decay: L2 penalty, at least 0.

    Cost: ``epochs`` forward and backward passes over D_f and D_r, and a pass over their
    labels. The source relabels once; the other defaults are those of ``SalUn``.

    Raises:
        InputError: When called, if the task has no labels or only one.
    """

    relabel: Relabel = "once"
    lr: Rate = 5e-3
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "random-label"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({NamesLabels})
    reference: ClassVar = Reference(
        authors="Laura Graves, Vineel Nagisetty, Vijay Ganesh",
        title="Amnesiac Machine Learning",
        venue="AAAI",
        year=2021,
        url="https://arxiv.org/abs/2010.10981",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        mixed = Mixed(task, data, run)
        descent = Descent(model, run, self.lr, self.momentum, self.weight_decay, task)
        descend_on_wrong_labels(self, descent, model, mixed, run)
        return model

"""A method in a few lines, a task without classes, and nets to evaluate."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from tests.conftest import make_mlp
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from expunge.core import Guard, Reference, Run, Split, Task, Unlearned, UnlearningData, unlearn


@dataclass(frozen=True)
class Ascend:
    """Raises the loss on D_f for some steps; with ``lr`` 0 it changes nothing."""

    steps: int = 20
    lr: float = 0.01
    betas: tuple[float, float] = (0.9, float("inf"))
    name: ClassVar[str] = "ascend"
    reads: ClassVar[frozenset[Split]] = frozenset({Split.FORGET})
    reference: ClassVar[Reference] = Reference("Nobody", "A method for tests", "none", 2024, "")

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        parameters = list(model.parameters())
        optimizer = torch.optim.SGD(parameters, lr=self.lr)
        batches = run.batches("forget", data.forget, 8)
        run.decide("steps", self.steps, "as asked")
        for step in range(self.steps):
            loss = -task.loss(model, batches[step]).clamp(max=5).mean()
            run.apply(optimizer, parameters, run.gradient(loss, parameters))
            run.log("ascend", step, forget_loss=-loss.item(), odd=float("nan"))
        return model


@dataclass(frozen=True)
class MeanSquare:
    """A task without classes: no labels, no accuracy, no logits."""

    loss_ceiling: float = 10.0

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        inputs, targets = batch
        return (model(inputs) - targets).square().mean(1)

    def correct(self, model: nn.Module, batch: Any) -> None:
        return None

    def labels(self, dataset: Any) -> None:
        return None


def fit_on(dataset: TensorDataset, seed: int = 0, steps: int = 150) -> nn.Module:
    """A perceptron trained on all of a set, in evaluation mode."""
    model = make_mlp(seed).train()
    inputs, labels = dataset.tensors
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    return model.eval()


def by_class(data: UnlearningData, label: int) -> UnlearningData:
    """The same points, but the forget set is all training points of one class."""
    inputs, labels = (
        torch.cat(parts) for parts in zip(data.forget.tensors, data.retain.tensors, strict=True)
    )
    train = TensorDataset(inputs, labels)
    chosen = (labels == label).nonzero().flatten()
    keep = (labels != label).nonzero().flatten()
    return UnlearningData(
        TensorDataset(*train[chosen]), TensorDataset(*train[keep]), data.validation, data.test
    )


def run_method(
    model: nn.Module, data: UnlearningData, task: Task, method: Ascend | None = None
) -> Unlearned:
    guard = Guard(max_retain_drop=100, max_loss_factor=1e9)
    return unlearn(model, data, method or Ascend(), task=task, guard=guard)

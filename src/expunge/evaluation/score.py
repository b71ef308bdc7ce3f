"""Scores of one model: per sample first, then the numbers of a record."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from operator import is_not
from typing import Any

import torch
from torch import Tensor, nn

from ..core.capabilities import GivesLogits, GivesProbabilities
from ..core.data import Split, UnlearningData, fetch, located
from ..core.errors import ModelError
from ..core.isolation import isolated_randomness
from ..core.precision import autocast
from ..core.progress import tell
from ..core.run import Run
from ..core.schemas.record import Scores
from ..core.task import Task
from ..metrics import SetScores, summarise
from ..tasks.labels import absent_labels

SCORED = (Split.FORGET, Split.RETAIN, Split.TEST)
BATCH_SIZE = 500


def judged_test(task: Task, data: UnlearningData) -> Tensor | None:
    """Which test samples count, bool (N,); None without a test set.

    When whole classes are forgotten, the test set is judged without them: a retrained
    model has never seen such a class, so its images say nothing about what was kept.
    """
    if data.test is None:
        return None
    absent = absent_labels(task, data)
    labels = task.labels(data.test) if len(absent) else None
    if labels is None:
        return torch.ones(len(data.test), dtype=torch.bool)
    return ~torch.isin(labels.cpu(), absent)


def score_sets(
    model: nn.Module,
    task: Task,
    data: UnlearningData,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = BATCH_SIZE,
    precision: str = "auto",
    judged: Tensor | None = None,
) -> dict[str, SetScores]:
    """Per-sample scores on D_f, D_r and, if there is one, D_t.

    In evaluation mode and without augmentation; one forward pass per sample. The model
    comes back as it was, in the modes it was in; on another device a copy is scored.

    Args:
        model: Any model that the task accepts.
        task: Gives loss, correctness and, through ``logits``, probabilities.
        data: The sets; validation is not read.
        device: Where to compute.
        batch_size: Samples per forward pass; memory grows with it.
        precision: ``"fp32"``, ``"bf16"`` or ``"auto"``.
        judged: The result of ``judged_test`` where the caller has it already.

    Returns:
        Scores under ``"forget"``, ``"retain"`` and ``"test"``. Deterministic, also for
        tasks whose loss draws noise: every model meets the same noise.

    Raises:
        ModelError: If a loss is not finite.
    """
    device = torch.device(device)
    judged = judged_test(task, data) if judged is None else judged
    run = Run(0, device=device)
    scores: dict[str, SetScores] = {}
    done, total = 0, sum(len(one) for split in SCORED if (one := getattr(data, split)) is not None)
    with isolated_randomness(), evaluating(on_device(model, device)) as net:
        for split in SCORED:
            dataset = getattr(data, split)
            if dataset is None:
                continue
            # ``once`` seeds the global randomness that losses and data sets may draw from.
            how = (split, device, batch_size, precision, (done, total))
            found = run.once(split, partial(_score, net, task, dataset, *how))
            done += len(dataset)
            _check_finite(found.loss, split)
            scores[split.value] = found
    if Split.TEST in scores:
        scores[Split.TEST.value] = replace(scores[Split.TEST], judged=judged)
    return scores


def score_model(
    model: nn.Module,
    data: UnlearningData,
    task: Task,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = BATCH_SIZE,
    precision: str = "auto",
) -> Scores:
    """The scores of one model by itself; see ``score_sets`` and ``summarise``."""
    sets = score_sets(model, task, data, device=device, batch_size=batch_size, precision=precision)
    return summarise(sets)


def on_device(model: nn.Module, device: torch.device) -> nn.Module:
    """The model itself if it is on ``device``, else a copy that is."""
    tensors = [*model.parameters(), *model.buffers()]
    if all(tensor.device.type == device.type for tensor in tensors):
        return model
    return copy.deepcopy(model).to(device)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Evaluation mode without gradients; each module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for module, mode in modes:
            module.training = mode


class _Remember(nn.Module):
    """Answers a repeated call with the same tensors from memory.

    Loss, correctness and probability of a batch are three questions to a task, and each
    calls the model; this makes them one forward pass, for any task. Other attributes are
    those of the model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model
        self._asked: tuple[Any, ...] = ()
        self._answer: Any = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        asked = (*args, *kwargs, *kwargs.values())
        if len(asked) != len(self._asked) or any(map(is_not, asked, self._asked)):
            self._asked, self._answer = asked, self._model(*args, **kwargs)
        return self._answer

    def get_base_model(self) -> nn.Module:
        """The model itself, as peft calls it: some tasks ask it which arguments it takes."""
        inner: Any = getattr(self._model, "get_base_model", None)
        return self._model if inner is None else inner()

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_model"), name)


def _score(
    model: nn.Module,
    task: Task,
    dataset: Any,
    name: str,
    device: torch.device,
    batch_size: int,
    precision: str,
    progress: tuple[int, int],
) -> SetScores:
    parts = []
    for start in range(0, len(dataset), batch_size):
        indices = torch.arange(start, min(start + batch_size, len(dataset)))
        batch = fetch(dataset, indices, device=device)
        remembered = _Remember(model)
        with located(name, indices), autocast(precision, device):
            loss = task.loss(remembered, batch).float()
            correct = task.correct(remembered, batch)
            probability, predicted = _predictions(remembered, task, batch)
        parts.append((loss, correct, probability, predicted))
        tell("scores", progress[0] + start + len(indices), progress[1])
    return SetScores(*(_column(column) for column in zip(*parts, strict=True)))


def _column(parts: tuple[Tensor | None, ...]) -> Any:
    """One tensor of all batches, on the CPU; None where there is nothing."""
    present = [part.cpu() for part in parts if part is not None]
    return torch.cat(present) if present else None


def _predictions(model: nn.Module, task: Task, batch: Any) -> tuple[Tensor | None, Tensor | None]:
    """Probability of the true class and the likeliest class, both (B,)."""
    if isinstance(task, GivesProbabilities):
        return task.probability(model, batch).float(), None
    if not isinstance(task, GivesLogits):
        return None, None
    logits, labels = task.logits(model, batch)
    probability = logits.float().softmax(1).gather(1, labels.long()[:, None])[:, 0]
    return probability, logits.argmax(1)


def _check_finite(losses: Tensor, split: Split) -> None:
    bad = int((~torch.isfinite(losses)).sum())
    if bad:
        raise ModelError(
            f"expected finite losses, got NaN or infinity for {bad} of {len(losses)} samples of "
            f"the {split} set; check the weights, or use precision fp32"
        )

"""Refuses a result that destroyed the model, and says when nothing was changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from .arguments import check_layers
from .capabilities import ChecksModel
from .codes import Code
from .data import Split, UnlearningData, fetch, located
from .errors import GuardError, ModelError
from .hyperparameters import Count, Positive, validated
from .schemas.record import Notice
from .task import Task

_SHOWN = 8


@dataclass(frozen=True)
class Health:
    """Mean loss, and accuracy in percent (None without labels), on a sample of a set."""

    loss: float
    accuracy: float | None


@dataclass(frozen=True)
@validated
class Guard:
    """Limits within which an unlearned model is handed over.

    Args:
        max_retain_drop: Points of accuracy on D_r that may be lost.
        max_loss_factor: For tasks without accuracy: the loss on D_r may grow by this.
        samples: How many samples of each set are looked at.
    """

    max_retain_drop: Positive = 20.0
    max_loss_factor: Positive = 3.0
    samples: Count = 2000

    def measure(
        self, model: nn.Module, task: Task, data: UnlearningData, device: torch.device
    ) -> dict[Split, Health]:
        """Health on D_f and D_r, in evaluation mode; the model's mode is put back."""
        return {
            split: probe(model, task, getattr(data, split), self.samples, device, split)
            for split in (Split.FORGET, Split.RETAIN)
        }

    def refuse(self, before: dict[Split, Health], after: dict[Split, Health]) -> None:
        """Raise if too much of what was to be kept is lost.

        Raises:
            GuardError: Says how much was lost and what to change.
        """
        old, new = before[Split.RETAIN], after[Split.RETAIN]
        advice = (
            "; the original model is unchanged. Use a smaller learning rate or trim "
            "share, or more repair epochs"
        )
        if old.accuracy is not None and new.accuracy is not None:
            if not new.accuracy >= old.accuracy - self.max_retain_drop:
                raise GuardError(
                    f"accuracy on the retain set fell from {old.accuracy:.1f} % to "
                    f"{new.accuracy:.1f} %, more than {self.max_retain_drop:g} points" + advice
                )
        elif not new.loss <= max(old.loss, 1e-6) * self.max_loss_factor:
            raise GuardError(
                f"the loss on the retain set grew from {old.loss:.4g} to {new.loss:.4g}, "
                f"more than {self.max_loss_factor:g} times" + advice
            )


def has_changed(before: dict[Split, Health], after: dict[Split, Health]) -> bool:
    """Whether the scores on the forget set are others than before."""
    old, new = before[Split.FORGET], after[Split.FORGET]
    same_loss = abs(new.loss - old.loss) <= 0.01 * max(old.loss, 1e-3)
    return not (same_loss and old.accuracy == new.accuracy)


def unchanged_notice(before: dict[Split, Health], after: dict[Split, Health]) -> Notice:
    """What to tell a person if nothing ``has_changed``; nobody decides by its words."""
    old, new = before[Split.FORGET], after[Split.FORGET]
    same = "loss is" if new.accuracy is None else "loss and accuracy are"
    return Notice(
        code=Code.UNCHANGED,
        text=f"nothing was forgotten: on the forget set {same} as before "
        f"(loss {old.loss:.4g} and {new.loss:.4g}); use a larger learning rate, "
        "more epochs, or whatever makes this method act more strongly",
    )


def check_finite(model: nn.Module) -> None:
    """Raise if a parameter or buffer of a result is NaN or infinite.

    Raises:
        GuardError: Names the first such tensor.
    """
    if (name := first_non_finite(model)) is not None:
        raise GuardError(
            f"the method left NaN or infinite values in {name!r}; the original model is "
            "unchanged. Use a smaller learning rate"
        )


def check_model(model: nn.Module) -> None:
    """Raise unless a model can be copied and trained as it is.

    Raises:
        ModelError: If it is TorchScript, has parameters without a shape yet, keeps a tensor of an
            old reparametrisation, or holds no trainable parameter.
    """
    check_layers(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            "the model is TorchScript, whose weights cannot be trained here; build the module in "
            "Python and load its state_dict() into it"
        )
    for path, module in model.named_modules():
        if any(is_lazy(parameter) for parameter in module.parameters(recurse=False)):
            raise ModelError(
                f"the parameters of {path or 'the model'} ({type(module).__name__}) have no shape "
                "yet; run one batch through the model first"
            )
        hooks = {type(hook).__name__ for hook in module._forward_pre_hooks.values()}
        if old := hooks & {"WeightNorm", "SpectralNorm"}:
            name = "weight_norm" if "WeightNorm" in old else "spectral_norm"
            raise ModelError(
                f"{path or 'the model'} uses torch.nn.utils.{name}, which PyTorch cannot copy; use "
                f"torch.nn.utils.parametrizations.{name}, or take it off with "
                f"torch.nn.utils.remove_{name}"
            )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ModelError(
            "the model has no trainable parameter, so nothing can be unlearned; "
            "call model.requires_grad_(True)"
        )


@contextmanager
def type_advice(model: nn.Module, batch: Any = None) -> Iterator[None]:
    """Inside, weights and inputs of two types become a message that says what to convert.

    Raises:
        ModelError: Instead of the error of torch.
    """
    try:
        yield
    except RuntimeError as error:
        if "dtype" not in str(error) and "scalar type" not in str(error):
            raise
        inputs = batch[0] if isinstance(batch, tuple) and batch else batch
        if isinstance(inputs, torch.Tensor) and not inputs.is_floating_point():
            raise ModelError(
                f"inputs in {inputs.dtype} do not go with this model "
                f"({str(error).splitlines()[0]}); give them as floats, such as x.float() / 255"
            ) from error
        kinds = sorted({str(p.dtype) for p in model.parameters() if p.is_floating_point()})
        raise ModelError(
            f"weights in {', '.join(kinds)} do not go with these inputs "
            f"({str(error).splitlines()[0]}); call model.float(), and convert the result back"
        ) from error


def first_non_finite(model: nn.Module) -> str | None:
    """Name of the first parameter or buffer with NaN or infinite values."""
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, torch.Tensor) and not bool(torch.isfinite(tensor).all()):
            return name
    return None


def check_outputs(
    model: nn.Module, task: Task, dataset: Any, device: torch.device, name: str
) -> None:
    """Show a task that checks models up to eight samples of the set called ``name``.

    Raises:
        ModelError: If the outputs are not what the task takes them for.
    """
    if isinstance(task, ChecksModel):
        indices = torch.arange(min(_SHOWN, len(dataset)))
        batch = fetch(dataset, indices, device=device)
        with located(name, indices):
            task.check_model(model, batch)


@torch.no_grad()
def probe(
    model: nn.Module, task: Task, dataset: Any, samples: int, device: torch.device, name: str
) -> Health:
    """Health on at most ``samples`` evenly spaced samples of the set called ``name``."""
    count = min(samples, len(dataset))
    chosen = torch.linspace(0, len(dataset) - 1, count).long()
    was_training = model.training
    model.eval()
    losses, correct = [], []
    try:
        for start in range(0, count, 500):
            indices = chosen[start : start + 500]
            batch = fetch(dataset, indices, device=device)
            with located(name, indices):
                losses.append(task.loss(model, batch))
                correct.append(task.correct(model, batch))
    finally:
        model.train(was_training)
    hits = [hit for hit in correct if hit is not None]
    accuracy = 100 * torch.cat(hits).float().mean().item() if hits else None
    return Health(torch.cat(losses).mean().item(), accuracy)

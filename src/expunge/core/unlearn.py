"""The single verb: run a method on a private copy and check what comes back."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .arguments import check_arguments, check_seed, copy_of, device_of
from .capabilities import ChecksLabels, ChecksSets, NamesLabels, lacking
from .data import Split, UnlearningData, fetch
from .errors import DataError, InputError, ModelError
from .guard import (
    Guard,
    Health,
    check_finite,
    check_model,
    check_outputs,
    first_non_finite,
    has_changed,
    type_advice,
    unchanged_notice,
)
from .isolation import isolated_randomness
from .memory import PeakMemory, memory_advice
from .method import Method, identity_of, needs_of, required_sets
from .norms import steady_norms, without_hooks
from .precision import resolve_precision, with_precision
from .run import NO_GRAPH, Log, Run
from .schemas.record import Notice
from .storage.checkpoints import CheckpointStore
from .storage.contents import content_digest
from .task import Task

_KNOBS = (
    'lower the batch_size of the method, use precision="bf16", or call '
    "model.enable_gradient_checkpointing() where the model has it"
)


@dataclass(frozen=True, eq=False)
class Unlearned:
    """A model in evaluation mode, and everything needed to say how it was made.

    ``cost`` holds ``seconds``, ``samples_read`` and ``peak_memory_bytes``; ``decisions``
    what the method chose by itself, and why; ``history`` the rows that it logged. ``warnings``
    are for people: what is to be decided is asked of ``changed``.
    """

    model: nn.Module
    task: Task
    method: Method
    seed: int
    precision: str
    cost: dict[str, float | None]
    health: dict[str, dict[Split, Health]]
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the scores on the forget set are others than before."""
        return has_changed(self.health["before"], self.health["after"])


def unlearn(
    model: nn.Module,
    data: UnlearningData,
    method: Method,
    *,
    task: Task,
    seed: int = 0,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    guard: Guard | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    on_log: Log | None = None,
    checkpoint_seconds: float = 20.0,
) -> Unlearned:
    """Remove the influence of ``data.forget`` from ``model``.

    Args:
        model: The trained model. It is copied, never changed.
        data: The forget and retain sets, and held-out sets if there are any.
        method: An unlearning method with its hyper-parameters.
        task: What the model does, e.g. ``Classification(num_classes=10)``.
        seed: Fixes batch order and every other random choice of the method.
        device: Where to compute; the result stays there.
        precision: ``"fp32"``, ``"bf16"`` (autocast) or ``"auto"`` (bf16 where it is fast).
        guard: Limits within which a result is handed over; ``Guard()`` by default.
        folder: Keeps checkpoints here while the method runs.
        resume: Go on from the checkpoint in ``folder`` if there is one.
        on_log: Called with each row that the method logs.
        checkpoint_seconds: Least time between two checkpoints.

    Returns:
        The unlearned model and its provenance. Given the same arguments on the same
        machine, the same bits.

    Raises:
        InputError: If the request cannot be carried out as it stands, or memory runs out;
            says which knob to turn.
        GuardError: If the result is not finite or lost too much of what was to be kept.
    """
    _check_request(model, data, method, task)
    seed, device, guard = check_seed(seed), device_of(device), guard or Guard()
    identity = partial(_identity, model, data, method, seed, precision)
    store = CheckpointStore.open(folder, resume, identity)
    private = copy_of(model).to(device)
    precision = resolve_precision(precision, device)
    precise = with_precision(task, precision, device)
    _check_sets(private, data, method, task)
    knobs = memory_advice(method.name, _KNOBS)
    # Also where the caller has turned gradients off.
    with torch.enable_grad(), isolated_randomness(), PeakMemory(device) as memory, knobs:
        before = guard.measure(private, precise, data, device)
        run = Run(seed, device=device, store=store, on_log=on_log,
                  checkpoint_seconds=checkpoint_seconds)  # fmt: skip
        result = _carry_out(method, private, precise, data, run)
        seconds = run.seconds
        check_finite(result)
        after = guard.measure(result, precise, data, device)
    guard.refuse(before, after)
    if store:
        store.clear()
    return Unlearned(
        result,
        task,
        method,
        seed,
        precision,
        cost={
            "seconds": seconds,
            "samples_read": run.samples_read,
            "peak_memory_bytes": memory.peak,
        },
        health={"before": before, "after": after},
        decisions=run.decisions,
        history=run.history,
        warnings=[
            *(Notice(code=code, text=text) for code, text in run.notices.items()),
            *([] if has_changed(before, after) else [unchanged_notice(before, after)]),
        ],
    )


def check_resume(
    model: nn.Module,
    data: UnlearningData,
    method: Method,
    *,
    seed: int,
    precision: str,
    folder: str | Path,
) -> None:
    """Raise if ``folder`` holds the state of another run, before hours go into what precedes it.

    Args: as those of ``unlearn``.

    Raises:
        InputError: Says which file belongs to another run, or is damaged.
    """
    store = CheckpointStore.open(
        folder, True, partial(_identity, model, data, method, seed, precision)
    )
    assert store is not None  # there is a folder
    store.check()


def _carry_out(
    method: Method, model: nn.Module, task: Task, data: UnlearningData, run: Run
) -> nn.Module:
    with steady_norms(model):
        return without_hooks(method(model.train(), task, data, run).eval())


def model_digest(model: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of all parameters and buffers."""
    return _digest(model.state_dict())


def weights_digest(model: nn.Module) -> str:
    """As ``model_digest``, of the parameters alone: buffers may hide what they know."""
    return _digest(dict(model.named_parameters()))


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check_request(model: nn.Module, data: UnlearningData, method: Method, task: Task) -> None:
    check_arguments(model, data, method, task)
    check_model(model)
    if (name := first_non_finite(model)) is not None:
        raise ModelError(f"the model holds NaN or infinite values in {name!r}")
    if len(data.retain) == 1:
        raise InputError(
            "all training samples but one are to be forgotten, and one is too few to keep a model "
            "by; forget fewer, or delete the model instead"
        )
    for split in sorted(required_sets(method)):
        if getattr(data, split) is None:
            raise InputError(f"{method.name} reads the {split} set, but data.{split} is None")
    for capability in needs_of(method):
        if not isinstance(task, capability):
            raise InputError(lacking(method.name, capability, task))


def _check_sets(model: nn.Module, data: UnlearningData, method: Method, task: Task) -> None:
    """Show the model, which is ours, one sample of either set, and the task all of them."""
    if isinstance(task, ChecksSets):
        for name in data.sizes():
            task.check_set(getattr(data, name), name)
    # In evaluation mode no buffer changes, so no copy is needed.
    model.eval()
    device = next(model.parameters()).device
    with isolated_randomness(), torch.enable_grad():
        for split in (Split.FORGET, Split.RETAIN):
            dataset = getattr(data, split)
            try:
                batch = fetch(dataset, torch.arange(1), device=device)
                labels = task.labels(dataset)
                if labels is not None and isinstance(task, ChecksLabels):
                    task.check_labels(labels)
                with type_advice(model, batch):
                    loss = task.loss(model, batch)
            except DataError as error:
                raise DataError(f"in the {split} set: {error}") from error
            if not loss.requires_grad:
                raise ModelError(NO_GRAPH)
            if labels is None and NamesLabels in needs_of(method):
                raise InputError(lacking(method.name, NamesLabels, task))
        check_outputs(model, task, data.retain, device, Split.RETAIN)


def _identity(
    model: nn.Module, data: UnlearningData, method: Method, seed: int, precision: str
) -> tuple[object, ...]:
    """What a checkpoint must agree with to be continued."""
    contents = {name: content_digest(getattr(data, name)) for name in data.sizes()}
    return *identity_of(method), seed, precision, contents, model_digest(model)

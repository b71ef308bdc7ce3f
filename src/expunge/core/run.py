"""The only door between a method and the outside: batches, gradients, steps, state.

A method that uses nothing else is deterministic, resumable, mixed-precision and
data-parallel without knowing it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .batches import Counter, Stream, derive_seed, seeded
from .errors import GuardError, ModelError
from .isolation import seed_everything
from .storage.checkpoints import CheckpointStore

Log = Callable[[dict[str, Any]], None]
NO_GRAPH = (
    "the loss does not depend on any parameter of the model; let it return what it computed, "
    "without detach(), numpy() or torch.no_grad()"
)


class Run:
    """The context of one call of a method.

    Args:
        seed: Fixes batch order, augmentation and every other random choice.
        device: Where batches are put; the model is there already.
        store: Where checkpoints go; None keeps none.
        on_log: Called with every row that is logged.
        checkpoint_seconds: Least time between two checkpoints.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        device: torch.device | str = "cpu",
        store: CheckpointStore | None = None,
        on_log: Log | None = None,
        checkpoint_seconds: float = 20.0,
    ) -> None:
        self.seed = seed
        self.device = torch.device(device)
        self.history: list[dict[str, Any]] = []
        self.decisions: dict[str, dict[str, Any]] = {}
        self.notices: dict[str, str] = {}
        self._store = store
        self._on_log = on_log
        self._every = checkpoint_seconds
        self._counter = Counter()
        self._saved = store.load("state") if store else None
        self._done: dict[str, int] = dict(self._saved["done"]) if self._saved else {}
        self._started = time.perf_counter()
        self._seconds_before = self._saved["seconds"] if self._saved else 0.0

    @property
    def samples_read(self) -> int:
        """Samples that went through the model, forget and retain together."""
        return self._counter.samples

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far, those before an interruption counted in."""
        return self._seconds_before + time.perf_counter() - self._started

    def batches(self, name: str, dataset: Any, batch_size: int, *, augment: bool = True) -> Stream:
        """Shuffled batches of a set, addressed by step: ``stream[step]``.

        ``name`` tells the streams of one method apart. A forget set smaller than
        ``batch_size`` must be asked for with a smaller one; see ``Stream``.
        """
        world, rank = _world()
        return Stream(
            dataset, batch_size, self.seed, name, self.device, self._counter, augment, rank, world
        )

    def generator(self, *names: object) -> torch.Generator:
        """A CPU generator for one named purpose."""
        return seeded(self.seed, *names)

    def gradient(self, loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Gradient of a scalar, averaged over processes; zeros where it does not depend.

        Raises:
            GuardError: If the loss is not finite.
            ModelError: If it depends on no parameter.
        """
        if not loss.requires_grad:
            raise ModelError(NO_GRAPH)
        if not torch.isfinite(loss):
            raise GuardError(
                f"the loss became {loss.item()} and the run was stopped; "
                "the original model is unchanged. Use a smaller learning rate"
            )
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        gradients = [
            torch.zeros_like(parameter) if gradient is None else gradient
            for parameter, gradient in zip(parameters, found, strict=True)
        ]
        return [self.average(gradient) for gradient in gradients]

    def average(self, value: Tensor) -> Tensor:
        """Mean over processes, in place; what they decide by must be the same in all."""
        if (count := _world()[0]) > 1:
            torch.distributed.all_reduce(value)
            value /= count  # not ReduceOp.AVG, which gloo does not have
        return value

    def apply(
        self,
        optimizer: torch.optim.Optimizer,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
    ) -> None:
        """One optimiser step along given gradients."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def steps(
        self,
        stage: str,
        total: int,
        *,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | None = None,
        state: dict[str, Any] | None = None,
    ) -> Iterator[int]:
        """Step numbers that are still to do, from 0 or from the last checkpoint.

        Restores and saves ``model``, ``optimizer`` and ``state`` (a dict of numbers that
        the method updates in place). Global randomness (dropout, transforms of the
        user's data set) is seeded anew for every step, so each step is a function of
        weights, optimiser state and step number alone.
        """
        start = self._restore(stage, model, optimizer, state)
        latest = time.perf_counter()
        for step in range(start, total):
            seed_everything(derive_seed(self.seed, stage, step))
            yield step
            if self._store and time.perf_counter() - latest >= self._every:
                self._save(stage, step + 1, model, optimizer, state)
                latest = time.perf_counter()
        if start < total:
            self._save(stage, total, model, optimizer, state)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """The value of ``compute()`` (tensors, numbers, dicts of them), kept on disk."""
        if self._store and (kept := self._store.load(f"once-{name}")) is not None:
            self._counter.samples = kept["samples"]
            # With the rows of steps that it took: they are not done again.
            self.history = list(kept.get("history", self.history))
            return kept["value"]
        seed_everything(derive_seed(self.seed, name))
        value = compute()
        if self._store:
            self._store.save(
                f"once-{name}",
                {"value": value, "samples": self.samples_read, "history": self.history},
            )
        return value

    def log(self, stage: str, step: int, **scalars: float) -> None:
        """Add one row to the history, and show it to whoever listens."""
        row = {"stage": stage, "step": step, **scalars}
        self.history.append(row)
        if self._on_log:
            self._on_log(row)

    def warn(self, code: str, text: str | None) -> None:
        """Put a warning into the record, or with None take back what was said under its code."""
        self.notices.pop(code, None)
        if text is not None:
            self.notices[code] = text

    def decide(self, name: str, value: Any, reason: str) -> None:
        """Put a choice that the method made by itself, and why, into the record."""
        self.decisions[name] = {"value": value, "reason": reason}

    def _restore(
        self,
        stage: str,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | None,
        state: dict[str, Any] | None,
    ) -> int:
        """Load what was saved for this stage; 0 if it has not begun."""
        saved = self._saved
        if saved is None:
            return 0
        if stage != saved["stage"]:
            # An earlier stage is behind us; a later one starts from what is loaded.
            return int(self._done.get(stage, 0))
        model.load_state_dict(saved["model"])
        if optimizer is not None and saved["optimizer"] is not None:
            optimizer.load_state_dict(saved["optimizer"])
        if state is not None:
            state.clear()
            state.update(saved["state"])
        self.history = list(saved["history"])
        self._counter.samples = saved["samples"]
        self._saved = None
        return int(saved["step"])

    def _save(
        self,
        stage: str,
        step: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | None,
        state: dict[str, Any] | None,
    ) -> None:
        self._done[stage] = step
        if self._store is None or _world()[1] > 0:
            return
        self._store.save(
            "state",
            {
                "stage": stage,
                "step": step,
                "done": self._done,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict() if optimizer else None,
                "state": dict(state or {}),
                "history": self.history,
                "samples": self.samples_read,
                "seconds": self.seconds,
            },
        )


def _world() -> tuple[int, int]:
    """Number of processes and the rank of this one (see the note in ``batches``)."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size(), torch.distributed.get_rank()
    return 1, 0

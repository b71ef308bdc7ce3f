"""Experiment trackers behind one callback: MLflow, Weights & Biases, TensorBoard, trackio.

What is sent: numbers of log entries, hyperparameters, sizes, scores and the verdict. What is not:
ids, the request, paths, commands, samples. Where it goes is each tool's own business, by its own
environment variables (``MLFLOW_TRACKING_URI``, ``WANDB_MODE``, ``TRACKIO_DIR``).
"""

import importlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from expunge.core.errors import InputError
from expunge.core.schemas.record import Record

PROJECT = "expunge"
TENSORBOARD = "tensorboard"
_NOT_NUMBERS = {"doing", "stage", "step", "total"}


class Tracker(Protocol):
    """One run in one tool, begun when it is made."""

    def log(self, stage: str, numbers: dict[str, float], step: int) -> None:
        """Keep the numbers of one step of a stage."""
        ...

    def finish(self, record: Record) -> None:
        """Keep settings, scores and verdict."""
        ...

    def close(self, *, failed: bool) -> None:
        """End the run in the tool."""
        ...


class _Curves:
    """What two tools share: ``init``, ``log``, and one count of steps for all stages."""

    def __init__(self, package: str, folder: Path, **how: Any) -> None:
        self._package, self._steps = _package(package), 0
        self._run = self._package.init(project=PROJECT, name=folder.name, **how)

    def log(self, stage: str, numbers: dict[str, float], step: int) -> None:
        named = {f"{stage}/{key}": value for key, value in numbers.items()}
        self._package.log(named | {f"{stage}/step": step}, step=self._steps)
        self._steps += 1

    def finish(self, record: Record) -> None:
        self._package.log(summary(record) | {"verdict": record.verdict.status})


class _WeightsAndBiases(_Curves):
    def __init__(self, folder: Path) -> None:
        # Its description of the machine holds the command line, which may name whom to forget;
        # so may what the console shows.
        quiet = {"console": "off", "x_disable_meta": True, "save_code": False}
        super().__init__("wandb", folder, settings=quiet)

    def finish(self, record: Record) -> None:
        self._run.config.update(settings(record))
        super().finish(record)

    def close(self, *, failed: bool) -> None:
        self._package.finish(exit_code=int(failed))


class _Trackio(_Curves):
    def __init__(self, folder: Path) -> None:
        super().__init__("trackio", folder)

    def finish(self, record: Record) -> None:
        # A config is kept at the beginning only, when nothing is known yet.
        named = {f"settings/{key}": value for key, value in settings(record).items()}
        self._package.log(named)
        super().finish(record)

    def close(self, *, failed: bool) -> None:  # noqa: ARG002  it knows no failure
        self._package.finish()


class _TensorBoard:
    """Event files in ``tensorboard`` below the folder of the run."""

    def __init__(self, folder: Path) -> None:
        # torch's own module is there without the package, too, and cannot be imported then.
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        self._writer = writer(folder / TENSORBOARD)

    def log(self, stage: str, numbers: dict[str, float], step: int) -> None:
        for key, value in numbers.items():
            self._writer.add_scalar(f"{stage}/{key}", value, step)

    def finish(self, record: Record) -> None:
        for key, value in summary(record).items():
            self._writer.add_scalar(key, value)
        rows = [f"| {key} | {value} |" for key, value in settings(record).items()]
        self._writer.add_text("settings", "\n".join(["| setting | value |", "|-|-|", *rows]))
        self._writer.add_text(
            "verdict",
            " ".join([record.verdict.status, *record.verdict.remarks, *record.verdict.reasons]),
        )

    def close(self, *, failed: bool) -> None:  # noqa: ARG002  event files know no failure
        self._writer.close()


class _MLflow:
    """Numbers go in batches: a request for each step would cost more than the step."""

    BATCH = 500  # a service takes up to 1,000 in one request

    def __init__(self, folder: Path) -> None:
        self._package = _package("mlflow")
        self._metric = importlib.import_module("mlflow.entities").Metric
        self._package.set_experiment(PROJECT)
        self._run = self._package.start_run(run_name=folder.name).info.run_id
        self._waiting: list[Any] = []

    def log(self, stage: str, numbers: dict[str, float], step: int) -> None:
        now = int(1000 * time.time())
        for key, value in numbers.items():
            # Names may hold letters, digits, space and _-./: only.
            name = f"{stage}/{key}".replace(": ", "/")
            self._waiting.append(self._metric(name, value, now, step))
        if len(self._waiting) >= self.BATCH:
            self._send()

    def finish(self, record: Record) -> None:
        self._package.log_params(settings(record))
        self._package.log_metrics(summary(record))
        self._package.set_tag("verdict", record.verdict.status)

    def close(self, *, failed: bool) -> None:
        self._send()
        self._package.end_run("FAILED" if failed else "FINISHED")

    def _send(self) -> None:
        client, batch = self._package.MlflowClient(), self._waiting
        self._waiting = []
        for first in range(0, len(batch), self.BATCH):
            client.log_batch(self._run, metrics=batch[first : first + self.BATCH])


TRACKERS: dict[str, Callable[[Path], Tracker]] = {
    "mlflow": _MLflow,
    "tensorboard": _TensorBoard,
    "trackio": _Trackio,
    "wandb": _WeightsAndBiases,
}


class Tracking:
    """Passes log entries and the record on to trackers; to be given as ``on_log``.

    Trackers begin with the first entry, so that a request that is refused leaves no trace there.
    One that fails later is named in a warning and left alone from then on: a network that is down
    must not cost the run.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._names, self._folder = tuple(dict.fromkeys(names)), folder
        self._trackers: dict[str, Tracker] | None = None

    def __call__(self, row: dict[str, Any]) -> None:
        """Pass on the numbers of one log entry.

        Raises:
            InputError: If a tracker cannot begin.
        """
        if self._trackers is None:
            self._trackers = {}
            for name in self._names:
                self._trackers[name] = _begin(name, self._folder)
        numbers = {
            key: float(value)
            for key, value in row.items()
            if key not in _NOT_NUMBERS and isinstance(value, int | float)
        }
        if numbers and "step" in row:
            stage = "/".join(str(row[key]) for key in ("doing", "stage") if row.get(key))
            self._each(lambda one: one.log(stage or "run", numbers, int(row["step"])))

    def finish(self, record: Record) -> None:
        """Pass on settings, scores and verdict."""
        self._each(lambda one: one.finish(record))

    def close(self, *, failed: bool = False) -> None:
        """End the run in every tool."""
        self._each(lambda one: one.close(failed=failed))
        self._trackers = {}

    def _each(self, act: Callable[[Tracker], None]) -> None:
        trackers = self._trackers or {}
        for name, tracker in list(trackers.items()):
            try:
                act(tracker)
            except Exception as error:
                del trackers[name]
                text = f"{name} failed and gets nothing more of this run: {error}"
                warnings.warn(text, stacklevel=3)


@contextmanager
def tracking(names: Sequence[str], folder: str | Path) -> Iterator[Tracking]:
    """Follow a run in experiment trackers.

    Args:
        names: Of ``TRACKERS``; each once.
        folder: Of the run, whose name the run gets; event files of TensorBoard go there.

    Yields:
        A callback for ``on_log``; call its ``finish`` with the record in the end.

    Raises:
        InputError: If a name is unknown, or its package is not installed.
    """
    for name in names:
        if name not in TRACKERS:
            raise InputError(f"expected a tracker to be one of {', '.join(TRACKERS)}, got {name!r}")
        _package(name)
    follower = Tracking(names, Path(folder).resolve())
    try:
        yield follower
    except BaseException:
        follower.close(failed=True)
        raise
    follower.close()


def settings(record: Record) -> dict[str, Any]:
    """What a run was, flat and without anything that tells whose data it was."""
    method = record.method
    named = {f"method.{key}": value for key, value in method.hyperparameters.items()}
    return {
        "method": method.name,
        "seed": method.seed,
        "precision": method.precision,
        "model": record.model.name,
        "data": record.data.name,
        **{f"size.{key}": value for key, value in record.data.sizes.items()},
        **{
            key: value if isinstance(value, int | float) else str(value)
            for key, value in named.items()
        },
    }


def summary(record: Record) -> dict[str, float]:
    """All single numbers of a result by name, such as ``unlearned/test_accuracy``."""
    cost = record.cost
    found = {
        "avg_gap": record.avg_gap,
        "floor": record.floor,
        "original_gap": record.original_gap,
        "seconds": cost.seconds,
        "rte": cost.rte,
        **{
            f"{role}/{key}": value
            for role, scores in record.scores.items()
            for key, value in scores.items()
        },
    }
    return {key: float(value) for key, value in found.items() if value is not None}


def _begin(name: str, folder: Path) -> Tracker:
    try:
        return TRACKERS[name](folder)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} cannot begin: {error}") from error


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"following a run with {name} needs a package that is not installed ({error}); "
            f"run: pip install 'expunge[{name}]'"
        ) from error

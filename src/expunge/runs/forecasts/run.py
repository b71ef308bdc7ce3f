"""What a run will cost, from probes of some seconds: time, passes and memory."""

import time
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ...config import Config
from ...core.data import fetch
from ...core.guard import Guard
from ...core.memory import PeakMemory
from ...core.precision import with_precision
from ...core.unlearn import unlearn
from ...evaluation.relearn import MEASURED_SAMPLES, Relearning
from ...training import train
from ..models import Training
from ..prepare import prepare
from ..settings.samples import SampleSetting
from ..settings.setting import Setting
from .probe import FORECAST_SCHEMA, Probe

_FORWARD_SAMPLES = 256
_GUARDED_SAMPLES = 32
TRAINING_PASSES = 3  # forward passes that a training step on a sample takes as long as


def forecast_run(config: Config, *, seconds: float = 10.0) -> dict[str, Any]:
    """Say what a run will cost, without carrying it out.

    Training, the method and the evaluation are each tried for a third of ``seconds``, on an
    untrained model unless weights are given, and what is missing is extrapolated. A method that
    stops by itself may take less; later stages of a method are not seen.

    Args:
        config: From ``load_config``.
        seconds: About what the probes take; more makes them surer.

    Returns:
        A dictionary fit for JSON: ``seconds`` of each part and in all (None where a part logs no
        steps), ``passes`` of training, the price of ``retrain`` beside that of the method,
        ``peak_megabytes``, and ``advice``.

    Raises:
        InputError: Whatever ``run_unlearn`` would refuse.
    """
    setting = prepare(config)
    start = setting.loaded.given() if setting.loaded.given is not None else setting.untrained()
    share = len(setting.data.retain) / len(setting.bundle.train)
    with PeakMemory(setting.device) as memory:
        one = None
        if setting.recipe is not None:
            whole = replace(setting.reference(1), dataset=setting.bundle.train)
            one = training_seconds(whole, seconds / 3)
        method = method_seconds(setting, start, seconds / 3)
        forward = forward_seconds(setting, start)
    models = 3 + config.reference.retrain
    evaluation = forward * sum(setting.data.sizes().values()) * models
    if config.evaluation.relearn:  # of a second reference there is no curve, of an untrained net is
        evaluation += relearn_seconds(setting, forward) * (3 + min(1, config.reference.retrain))
    parts = {
        "original": one if setting.loaded.given is None else 0.0,
        "references": _times(one, share * config.reference.retrain),
        "method": method,
        "evaluation": evaluation,
    }
    known = [value for value in parts.values() if value is not None]
    retrain = _times(one, share)
    return {
        "schema": FORECAST_SCHEMA,
        "seconds": {**parts, "in all": sum(known) if len(known) == len(parts) else None},
        "passes": None if setting.recipe is None else setting.recipe.passes,
        "retrain": retrain,
        "peak_megabytes": None if memory.peak is None else round(memory.peak / 2**20),
        "advice": advice(method, retrain),
    }


def training_seconds(training: Training, limit: float) -> float | None:
    """Of one training, tried for ``limit``."""

    def run() -> None:
        train(
            training.fresh(), training.dataset, training.recipe, task=training.task,
            device=training.device, precision=training.precision, on_log=probe,
        )  # fmt: skip

    probe = Probe(limit)
    return probe.seconds(run)


def method_seconds(setting: Setting, start: nn.Module, limit: float) -> float | None:
    """Of the method from ``start``, tried for ``limit``; None if it logs no steps.

    The guard looks at few samples while the method is tried; all that it looks at are counted.
    """

    def run() -> None:
        unlearn(
            start, setting.data, setting.method, task=setting.task, seed=setting.seed,
            device=setting.device, precision=setting.precision, on_log=probe, guard=few,
        )  # fmt: skip

    probe, few = Probe(limit), Guard(samples=_GUARDED_SAMPLES)
    steps = probe.seconds(run)
    if steps is None:
        return None
    sizes = (len(setting.data.forget), len(setting.data.retain))
    more = sum(max(0, min(size, Guard().samples) - few.samples) for size in sizes)
    return steps + 2 * more * forward_seconds(setting, start)  # before and after


def forward_seconds(setting: Setting, model: nn.Module) -> float:
    """Of one sample, with gradients off."""
    task = with_precision(setting.task, setting.precision, setting.device)
    dataset, model = setting.data.retain, model.to(setting.device).eval()
    rows = torch.arange(min(_FORWARD_SAMPLES, len(dataset)))
    with torch.no_grad():
        task.loss(model, fetch(dataset, rows[:2], device=setting.device))
        began = time.perf_counter()
        task.loss(model, fetch(dataset, rows, device=setting.device)).sum().item()
    return (time.perf_counter() - began) / len(rows)


def relearn_seconds(setting: SampleSetting, forward: float) -> float:
    """Of one relearn curve of a model whose forward pass takes ``forward`` per sample."""
    protocol = Relearning()
    trained = TRAINING_PASSES * sum(protocol.sizes(setting.data)) * protocol.steps[-1]
    measured = min(MEASURED_SAMPLES, len(setting.data.forget)) * len(protocol.steps)
    return forward * (trained + measured)


def _times(value: float | None, factor: float) -> float | None:
    return 0.0 if factor == 0 else None if value is None else value * factor


def advice(method: float | None, retrain: float | None) -> str:
    """One sentence on whether the method is worth it."""
    if method is None or retrain is None:
        return "Without [training] there is no telling what retraining would cost."
    if method >= retrain:
        return (
            "Retrain instead: that is exact, and costs no more than the method "
            f"({retrain:.0f} s against {method:.0f} s)."
        )
    return f"The method costs {100 * method / retrain:.0f} % of retraining."

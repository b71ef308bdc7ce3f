"""What a run would do, without doing it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from ..config import Config
from ..core.guard import check_outputs, probe
from ..data.bundle import ids_of
from ..data.requests.near_copies import near_copies
from .folder import MEGABYTE, OutputFolder
from .prepare import prepare
from .settings.samples import SampleSetting

_LOOKED_AT = 2000
_PAIRS = 20


def check_run(config: Config, out: str | Path) -> dict[str, Any]:
    """Load data, net, weights and forget set, and describe them; writes nothing.

    Raises:
        InputError: Whatever ``run_unlearn`` would refuse.
    """
    prepared = prepare(config)
    needed = prepared.needed_bytes()
    OutputFolder(out, needed)
    channels, height, width = prepared.bundle.image_shape
    planted = prepared.bundle.canaries
    images = sum(prepared.data.sizes().values()) * channels * height * width
    return {
        "data": {
            "name": prepared.bundle.name,
            "sizes": prepared.data.sizes(),
            "classes": prepared.bundle.num_classes,
            "image_shape": [channels, height, width],
            "canaries": 0 if planted is None else len(planted.positions),
            "image_megabytes": round(images / MEGABYTE, 1),
            "notes": [notice.text for notice in prepared.notices],
        },
        "request": {
            "forget": prepared.request.spec,
            "size": len(prepared.positions),
            "counts": prepared.request.counts(),
            "near_copies": _near(prepared),
        },
        "model": {
            "name": config.model.name,
            "parameters": prepared.loaded.size.parameters,
            "weights": config.model.weights,
            "trained_here_by": None if config.model.weights else config.recipe_name(),
            "accuracy": _accuracies(prepared),
        },
        "method": {"name": prepared.method.name, "hyperparameters": _fields(prepared.method)},
        "reference": {"retrain": config.reference.retrain, "recipe": config.recipe_name()},
        "device": str(prepared.device),
        "output": {"folder": str(out), "megabytes_at_most": round(needed / MEGABYTE, 1)},
    }


def _accuracies(prepared: SampleSetting) -> dict[str, float] | None:
    """Of given weights in percent, on at most 2,000 samples of each set; None without weights."""
    if prepared.loaded.given is None:
        return None
    model = prepared.loaded.given().to(prepared.device).eval()
    check_outputs(model, prepared.task, prepared.data.retain, prepared.device, "retain")
    sets = {"retain": prepared.data.retain, "test": prepared.data.test}
    found = {
        name: probe(model, prepared.task, dataset, _LOOKED_AT, prepared.device, name).accuracy
        for name, dataset in sets.items()
        if dataset is not None
    }
    return {name: value for name, value in found.items() if value is not None}


def _near(prepared: SampleSetting) -> list[list[str]]:
    """Ids of images that stay and of those to forget that they look like, 20 pairs at most."""
    if prepared.config.data.forget.is_random:
        return []
    names = ids_of(prepared.bundle.train)
    pairs = near_copies(prepared.bundle, prepared.positions)
    return [[names[row], names[of]] for row, of in pairs[:_PAIRS]]


def _fields(method: Any) -> dict[str, Any]:
    return {field.name: getattr(method, field.name) for field in fields(method)}

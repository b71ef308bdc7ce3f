"""How much each training sample is memorised, measured on models trained without it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from torch import Tensor

from ..config import Config
from ..core.batches import derive_seed, seeded
from ..core.data import UnlearningData
from ..core.errors import InputError
from ..core.run import Log
from ..core.storage.files import write_atomically
from ..core.storage.tensors import read_or_none, write_tensors
from ..data.bundle import ids_of
from ..evaluation import score_sets
from ..metrics import SetScores, memorisation_scores
from ..training import Recipe
from .folder import OutputFile
from .models import RunOptions, Training, train_now
from .prepare import load
from .queue import listener
from .settings.loaded import Loaded, reading
from .store import Store

MEMORISATION_SCHEMA = "expunge.memorisation/1"
ENDINGS = (".parquet", ".csv")
FLEET = "fleet"
_MOST_MODELS = 10_000


@dataclass(frozen=True, eq=False)
class _Half:
    """One model to train: on ``rows`` of the training set, int64 sorted."""

    number: int
    rows: Tensor
    seed: int


def measure_memorisation(
    config: Config,
    out: str | Path,
    *,
    models: int = 4,
    store: str | Path = "runs/store",
    resume: bool = False,
    on_log: Log | None = None,
    checkpoint_seconds: float = 20.0,
) -> dict[str, Any]:
    """Train models on random halves of the training set, and write a score per sample.

    The halves come in complementary pairs chosen by the config's seed, so that every sample
    is in training for exactly half of the models. The file holds the columns id, score,
    probability_in and probability_out (see ``memorisation_scores``), one row per training
    sample, and serves a forget set of kind most-memorised. The forget table of the config
    is not read.

    Args:
        config: Data, network, recipe, seed, precision and device.
        out: The file, .parquet or .csv; it replaces an older one in one step.
        models: Even, >= 2. Each costs half a training by the recipe.
        store: Folder that keeps what each model says of every sample, by a digest of all that
            determines it: a later call with more models trains only the new ones.
        resume: Go on with a model whose training was stopped half-way; finished models are
            never trained again.
        on_log: Called with progress rows, as for ``run_unlearn``.
        checkpoint_seconds: Least time between two checkpoints.

    Returns:
        A summary fit for JSON: what was measured, mean and quantiles of the scores.

    Raises:
        InputError: If an argument or the config cannot be used.
        GuardError: If a training diverges.
    """
    path = Path(out)
    _check_arguments(path, models)
    recipe = config.build_recipe()
    if recipe is None:
        raise InputError(
            "expected a recipe to train the models by, but the model comes with weights and "
            'there is no [training]; add one, e.g. --set training.recipe="speedrun"'
        )
    loaded = load(config)
    kept = Store(store, listener(on_log))
    options = RunOptions(resume, on_log, None, checkpoint_seconds)
    with OutputFile(path):
        halves = _halves(len(loaded.bundle.train), models, config.seed)
        parts = [
            _probabilities(_training(config, loaded, recipe, half), half, loaded, kept, options)
            for half in halves
        ]
        inside, outside = _arranged(halves, parts)
        scores = memorisation_scores(inside, outside)
        columns = {
            "id": ids_of(loaded.bundle.train),
            "score": scores.numpy(),
            "probability_in": inside.double().mean(0).numpy(),
            "probability_out": outside.double().mean(0).numpy(),
        }
        facts = _summary(config, loaded, models, scores)
        write_atomically(path, lambda temporary: _write(temporary, path.suffix, columns, facts))
    return facts | {"file": str(path)}


def _check_arguments(path: Path, models: int) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"expected out to end in .parquet or .csv, got {path.name!r}")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; choose another name for the file")
    if type(models) is not int or not 2 <= models <= _MOST_MODELS or models % 2:
        raise InputError(
            f"expected models to be an even number from 2 to {_MOST_MODELS:,}, as halves come in "
            f"pairs, got {models!r}"
        )


def _halves(size: int, models: int, seed: int) -> list[_Half]:
    if size < 2:
        raise InputError(f"expected at least 2 training samples to halve, got {size}")
    halves = []
    for number in range(models):
        order = torch.randperm(size, generator=seeded(seed, "memorisation", number // 2))
        rows = order[: size // 2] if number % 2 == 0 else order[size // 2 :]
        own = derive_seed(seed, "memorisation-model", number) % 2**31
        halves.append(_Half(number, rows.sort().values, own))
    return halves


def _training(config: Config, loaded: Loaded, recipe: Recipe, half: _Half) -> Training:
    """How the model of one half is trained."""
    return Training(
        name=f"model-{half.number + 1}",
        identity=_identity(config, loaded, recipe, half),
        fresh=partial(loaded.fresh, half.seed),
        dataset=UnlearningData.split(loaded.bundle.train, half.rows).forget,
        recipe=recipe,
        task=loaded.task,
        seed=half.seed,
        device=loaded.device,
        precision=config.precision,
    )


def _probabilities(
    training: Training, half: _Half, loaded: Loaded, store: Store, options: RunOptions
) -> Tensor:
    """True-class probability of each training sample, float32 (N,), by one half's model."""
    kept = store.file(FLEET, training.identity)
    with store.training(training) as checkpoints:
        known = read_or_none(kept)
        if known is not None and known[1].get("identity") == training.identity:
            return known[0]["probability"]
        model = train_now(training, checkpoints, options).model
        data = UnlearningData.split(loaded.bundle.train, half.rows)
        found = score_sets(
            model, loaded.task, data, device=loaded.device, precision=training.precision
        )
        probability = _merged(found, half.rows)
        tensors, facts = {"probability": probability}, {"identity": training.identity}
        write_tensors(kept, tensors, facts)
    return probability


def _merged(found: Mapping[str, SetScores], rows: Tensor) -> Tensor:
    """Probabilities on D_f, which are ``rows`` of the training set, and on the rest, as one."""
    inside, outside = found["forget"].probability, found["retain"].probability
    assert inside is not None  # the task is classification, which has logits
    assert outside is not None  # likewise
    member = _membership(rows, len(inside) + len(outside))
    probability = torch.empty(len(member))
    probability[member], probability[~member] = inside, outside
    return probability


def _membership(rows: Tensor, size: int) -> Tensor:
    """Which of ``size`` samples are among ``rows``, bool (N,)."""
    member = torch.zeros(size, dtype=torch.bool)
    member[rows] = True
    return member


def _arranged(halves: Sequence[_Half], parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Probabilities with and without each sample in training, each (models / 2, N)."""
    inside, outside = [], []
    for first in range(0, len(halves), 2):
        member = _membership(halves[first].rows, len(parts[first]))
        inside.append(torch.where(member, parts[first], parts[first + 1]))
        outside.append(torch.where(member, parts[first + 1], parts[first]))
    return torch.stack(inside), torch.stack(outside)


def _identity(config: Config, loaded: Loaded, recipe: Recipe, half: _Half) -> str:
    """SHA-256 over all that determines the model of one half."""
    described = {
        "data": loaded.fingerprint,
        "reading": reading(config),
        "model": config.model.model_dump(mode="json"),
        "recipe": repr(recipe),
        "precision": config.precision,
        "seed": half.seed,
        "rows": half.rows.tolist(),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _summary(config: Config, loaded: Loaded, models: int, scores: Tensor) -> dict[str, Any]:
    levels = (0.5, 0.9, 0.99)
    found = torch.quantile(scores, torch.tensor(levels, dtype=scores.dtype)).tolist()
    return {
        "schema": MEMORISATION_SCHEMA,
        "data": {"name": loaded.bundle.name, "fingerprint": loaded.fingerprint},
        "model": config.model.name,
        "recipe": config.recipe_name(),
        "seed": config.seed,
        "models": models,
        "samples": len(scores),
        "mean": float(scores.mean()),
        "quantiles": {str(level): value for level, value in zip(levels, found, strict=True)},
    }


def _write(path: Path, ending: str, columns: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    table = pa.table(dict(columns))
    if ending.lower() == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table.replace_schema_metadata({"expunge": json.dumps(facts)}), path)

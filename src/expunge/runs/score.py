"""Scores of any weights on the sets of a config."""

from pathlib import Path
from typing import Any

from ..config import Config
from ..core.unlearn import model_digest
from ..evaluation import score_model
from ..models import load_weights
from .prepare import prepare

SCORES_SCHEMA = "expunge.scores/1"


def evaluate_weights(config: Config, weights: str | Path) -> dict[str, Any]:
    """Score the weights in a file on the forget, retain and test set of a config.

    Returns:
        A dictionary fit for JSON: model, data, request, and the scores of a record.

    Raises:
        InputError: If the config or the weights cannot be used.
    """
    prepared = prepare(config)
    model = prepared.loaded.fresh(config.seed)
    load_weights(model, weights)
    scores = score_model(
        model.to(prepared.device),
        prepared.data,
        prepared.task,
        device=prepared.device,
        precision=config.precision,
    )
    return {
        "schema": SCORES_SCHEMA,
        "model": {
            "name": config.model.name,
            "weights": str(weights),
            "sha256": model_digest(model),
        },
        "data": {"name": prepared.bundle.name, "sizes": prepared.data.sizes()},
        "request": {"forget": prepared.request.spec, "size": len(prepared.positions)},
        "scores": scores,
    }

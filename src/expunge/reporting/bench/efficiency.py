"""What retraining by the paper's recipe would cost, beside the recipe that a bench ran."""

from collections.abc import Mapping
from typing import Any

from ...core.errors import InputError
from ...training.recipes import RECIPES, make_recipe

PAPER = "paper"


def paper_ratio(config: Mapping[str, Any], model: str) -> float | None:
    """How many times as long a retrain by the paper's 182 epochs would take.

    A projection from the passes over the data that both recipes make; a pass costs the same
    in both, since net and images do.

    Args:
        config: The bench's, with its ``model`` entries.
        model: Label or name of one of them.

    Returns:
        The ratio, above 0; None if the bench does not say how the model was trained.
    """
    entries = config.get("model", [])
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and model in (entry.get("label"), entry.get("name")):
            training = dict(entry.get("training") or {})
            try:
                recipe = make_recipe(training.pop("recipe"), **training)
            except (KeyError, TypeError, InputError):  # a bench file may be of another version
                return None
            return RECIPES[PAPER].passes / recipe.passes
    return None

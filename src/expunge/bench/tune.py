"""Settings of a method by a fixed number of trials on a pilot seed."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import InputError
from ..core.schemas.results import Trial
from .spaces import Space

Judge = Callable[[Mapping[str, Any]], Trial]


def tune(
    judge: Judge, space: Space, defaults: Mapping[str, Any], *, trials: int, seed: int
) -> tuple[dict[str, Any], list[Trial]]:
    """Search a space by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

    The first trial is the method's own defaults as far as the space holds them, so that
    tuning cannot make a method worse on the pilot. Given the same values of the trials
    the search takes the same course: an interrupted one that remembers them goes on.

    Args:
        judge: Tries one setting; a value of None (the result was refused) is never best.
        space: What may vary.
        defaults: Values of the method's fields if nothing is tuned.
        trials: How many settings to try, the first among them.
        seed: Of the search.

    Returns:
        The fields of the best trial, empty if every trial was refused, and all trials.

    Raises:
        InputError: If Optuna is not installed.
    """
    try:
        import optuna  # noqa: PLC0415  an optional package
    except ImportError as error:
        raise InputError(
            "tuning needs the package optuna; install it (pip install 'expunge[tuning]'), or "
            "delete tune from the config"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(3, trials // 2))
    study = optuna.create_study(direction="minimize", sampler=sampler)
    known = {name: defaults[name] for name, values in space.items() if defaults[name] in values}
    if known:
        study.enqueue_trial(known)
    done = []
    for _ in range(trials):
        asked = study.ask()
        settings = {name: values.suggest(asked, name) for name, values in space.items()}
        done.append(judge(settings))
        value = done[-1].value
        study.tell(asked, math.inf if value is None else value)
    usable = [trial for trial in done if trial.value is not None]
    best = min(usable, key=lambda trial: trial.value or 0.0, default=None)
    return (dict(best.settings) if best else {}), done

"""What a run, an erasure or a bench will cost, tried before it is carried out."""

from typing import Any

from ...config import Config, EraseConfig
from .erase import forecast_erase
from .run import forecast_run


def forecast(config: Config | EraseConfig, *, seconds: float = 10.0) -> dict[str, Any]:
    """Say what a run will cost, without carrying it out; see ``forecast_run``, ``forecast_erase``.

    Args:
        config: From ``load_config`` or ``load_erase``.
        seconds: About what the trials take; more makes them surer.

    Returns:
        A dictionary fit for JSON: ``seconds`` of each part and in all (None where a part logs no
        steps), ``passes`` of training, the price of ``retrain`` beside that of the method,
        ``peak_megabytes``, and ``advice``.

    Raises:
        InputError: Whatever the run itself would refuse before it begins.
    """
    if isinstance(config, EraseConfig):
        return forecast_erase(config, seconds=seconds)
    return forecast_run(config, seconds=seconds)

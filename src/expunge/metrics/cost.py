"""What unlearning costs, in units of the retrain it stands in for."""


def run_time_efficiency(spent: float, retrain: float | None) -> float | None:
    """RTE: cost of the method over that of a retrain; below 1 it was cheaper.

    Args:
        spent: Seconds of the method, or samples that it read.
        retrain: The same of a retrain.

    Returns:
        The ratio, >= 0; None if the cost of a retrain is not known (or was zero).
    """
    return spent / retrain if retrain else None

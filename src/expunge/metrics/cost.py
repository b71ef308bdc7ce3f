"""What unlearning costs, in units of the retrain it stands in for."""


def run_time_efficiency(seconds: float, retrain_seconds: float | None) -> float | None:
    """RTE: seconds of the method over seconds of a retrain; below 1 it was faster.

    Returns:
        The ratio, >= 0; None if the time of a retrain is not known (or was zero).
    """
    return seconds / retrain_seconds if retrain_seconds else None

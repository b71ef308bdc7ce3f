"""When repair holds D_f back: while it is fitted better than data that was never seen."""

import math
from typing import Any

_SMOOTHING = 0.9  # of the running means: they reach back about ten steps
_DOUBT = 1.0  # standard errors by which D_f must be fitted better


class Gate:
    """Compares the running losses of D_f and D_r with that of held-out data.

    The level that D_f should reach is known only as well as the held-out set tells it: a
    net that fits nearly everything owes its mean held-out loss to a few outliers. Hence
    the gate is open only while D_f lies a standard error of that mean below it. With
    thousands of held-out samples that is a few percent of the level; with 200
    it decides whether digits are over-forgotten (docs/reproducing.md).

    Args:
        state: Lives in the checkpoint of the run; the gate keeps its numbers in it.
        size: Samples of the held-out set.
    """

    def __init__(self, state: dict[str, Any], size: int) -> None:
        self._state, self._size = state, size

    def keep(self, name: str, value: float) -> None:
        """Take a value into the running mean called ``name``."""
        old = self._state.get(name, 0.0)
        self._state[name] = _SMOOTHING * old + (1 - _SMOOTHING) * value

    def open(self, forget: float, held_out: float, square: float) -> bool:
        """Whether D_f, and D_r too, is fitted better than held-out data beyond doubt.

        Where the ascent takes along what is to be kept, it pauses: hence D_r.

        Args:
            forget: Mean loss of a batch of D_f.
            held_out: Mean loss of a held-out batch.
            square: Mean of the squares of its losses.
        """
        self._state["steps"] = steps = self._state.get("steps", 0) + 1
        self.keep("forget", forget)
        self.keep("held_out", held_out)
        self.keep("held_out_square", square)
        weight = 1 - _SMOOTHING**steps  # what the running means have of their full weight
        mean = self._state["held_out"] / weight
        variance = max(0.0, self._state["held_out_square"] / weight - mean**2)
        error = math.sqrt(variance / self._size)
        fitted = max(self._state["forget"], self._state.get("retain", 0.0)) / weight
        return bool(fitted < mean - _DOUBT * error)

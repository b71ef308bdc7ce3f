"""What may be tuned in a method: ranges and choices, as a config writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..config.tables import build_method
from ..core.errors import ConfigError
from ..methods import METHODS

if TYPE_CHECKING:
    from optuna.trial import Trial

LOG = "log"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones if both are whole."""

    low: float
    high: float
    log: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low, self.high

    def suggest(self, trial: "Trial", name: str) -> float:
        """A number for this trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values

    def suggest(self, trial: "Trial", name: str) -> Any:
        """A value for this trial."""
        return trial.suggest_categorical(name, self.values)

    def __contains__(self, value: object) -> bool:
        return value in self.values


Space = dict[str, Range | Choice]


def read_space(table: object, method: Mapping[str, Any], label: str, problems: list[str]) -> Space:
    """A space from a ``tune`` table.

    ``[1e-4, 0.1]`` is a range, ``[1e-4, 0.1, "log"]`` one on a logarithmic scale, and any
    other list of two or more values a choice.

    Args:
        table: The ``tune`` table of a method's entry.
        method: The method's own table; what it fixes cannot be tuned.
        label: Of the method, for messages.
        problems: Gets a line for everything that is wrong.
    """
    where = f"method {label!r}: tune"
    if not isinstance(table, Mapping) or not table:
        problems.append(f'{where}: expected a table such as {{ lr = [1e-4, 0.1, "log"] }}')
        return {}
    space: Space = {}
    for name, values in table.items():
        if name in method:
            problems.append(f"{where}.{name}: it is set to {method[name]!r} as well; delete one")
        try:
            space[name] = _dimension(values)
        except ValueError as error:
            problems.append(f"{where}.{name}: {error}")
    return space


def check_ends(space: Space, method: Mapping[str, Any], label: str, problems: list[str]) -> None:
    """Build the method with the ends of each range and each choice, before hours are spent."""
    for name, values in space.items():
        for value in values.ends:
            try:
                build_method({"name": label, **method, name: value}, METHODS)
            except ConfigError as error:
                problems.extend(f"method {label!r}: tune.{name}: {one}" for one in error.problems)
                break


def _dimension(values: object) -> Range | Choice:
    if not isinstance(values, list) or len(values) < 2:
        raise ValueError(
            f'expected [low, high], [low, high, "log"] or a list of values, got {values!r}'
        )
    ends, rest = values[:2], values[2:]
    if not all(_is_number(end) for end in ends) or rest not in ([], [LOG]):
        if any(isinstance(value, list | dict) for value in values):
            raise ValueError(f"expected numbers, texts or true and false, got {values!r}")
        return Choice(tuple(values))
    log = rest == [LOG]
    if ends[0] >= ends[1] or (log and ends[0] <= 0):
        least = " and low > 0" if log else ""
        raise ValueError(f"expected low < high{least}, got {values!r}")
    return Range(ends[0], ends[1], log)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

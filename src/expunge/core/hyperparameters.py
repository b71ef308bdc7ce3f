"""Frozen dataclasses whose ranges stand in the types of their fields, and nowhere else.

``lr: Rate = 0.1`` is checked when an object is made, appears in the JSON schema of a
config, and in the reference. Values are checked, never changed.
"""

import dataclasses
import re
from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError

from .checks import did_you_mean
from .errors import InputError


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"to be a regular expression, got {pattern!r}: {error}") from error
    return pattern


Positive = Annotated[float, Gt(0)]
Passes = Annotated[float, Gt(0), Le(100_000)]
Rate = Annotated[float, Gt(0), Le(1_000_000)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Gt(0), Lt(1)]
ShareOrAll = Annotated[float, Gt(0), Le(1)]
BelowOne = Annotated[float, Ge(0), Lt(1)]
Count = Annotated[int, Gt(0)]
CountFromZero = Annotated[int, Ge(0)]
Expression = Annotated[str, AfterValidator(_compiled)]

# Strict: True is no 1, and "3" no 3. NaN, which no comparison refuses, is refused by name.
STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_KINDS = {float: "a number", int: "a whole number", str: "a text", bool: "True or False"}
_BETWEEN = {  # by whether the lower and the upper bound are themselves excluded
    (True, True): "between {} and {} (both excluded)",
    (True, False): "above {} and at most {}",
    (False, True): "of at least {} and below {}",
    (False, False): "between {} and {}",
}
_T = TypeVar("_T")


def validated(cls: type[_T]) -> type[_T]:
    """Check every object when it is made; stands below ``@dataclass``.

    A ``__post_init__`` of the class is for rules across fields, and runs first.
    """
    own: Callable[[Any], None] | None = getattr(cls, "__post_init__", None)

    def __post_init__(self: Any) -> None:  # noqa: N807  (the name that dataclass calls)
        if own is not None:
            own(self)
        check_hyperparameters(self)

    cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
    return cls


def check_hyperparameters(settings: Any) -> None:
    """Raise unless every field of a dataclass is of its type and in its range.

    Raises:
        InputError: Names the first field that is not, its value, and what to write instead.
    """
    for name, (annotation, adapter) in _fields(settings.__class__).items():
        value = getattr(settings, name)
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            raise InputError(f"expected {name} {_advice(annotation, value, error)}") from None


def range_of(cls: type, name: str) -> str:
    """The range of a field in words, such as "> 0"; empty if any value of its type will do."""
    found = []
    for branch in _branches(_fields(cls)[name][0]):
        if get_origin(branch) is Literal:
            found.append("one of " + ", ".join(map(repr, get_args(branch))))
        elif words := _bounds(branch)[0]:
            found.append(words.removeprefix("to be "))
    return " or ".join(found)


@cache
def _fields(cls: Any) -> dict[str, tuple[Any, TypeAdapter[Any]]]:
    hints = get_type_hints(cls, include_extras=True)
    return {
        field.name: (hints[field.name], TypeAdapter(hints[field.name], config=STRICT))
        for field in dataclasses.fields(cls)
        if field.init
    }


def _advice(annotation: Any, value: Any, error: ValidationError) -> str:
    """What was expected instead of ``value``, and what to do."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    branches = _branches(annotation)
    for branch in branches:
        if get_origin(branch) is Literal and (isinstance(value, str) or len(branches) == 1):
            known = get_args(branch)
            found = f"got {value!r}{did_you_mean(str(value), known)}"
            return f"to be one of {', '.join(known)}; {found}"
        words, remedy = _bounds(branch)
        if words and _is_number(value, _base(branch)):
            return f"{words}, got {value!r}{remedy}"
    kinds = dict.fromkeys(_kind(branch) for branch in branches)
    return f"to be {' or '.join(kinds)}, got {value!r}"


def _branches(annotation: Any) -> list[Any]:
    """The members of a union but None, or the annotation itself."""
    union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if union else (annotation,)
    return [member for member in members if member is not NoneType]


def _base(branch: Any) -> Any:
    return get_args(branch)[0] if get_origin(branch) is Annotated else branch


def _kind(branch: Any) -> str:
    if get_origin(branch) is Literal:
        return f"one of {', '.join(get_args(branch))}"
    return _KINDS.get(_base(branch), str(_base(branch)))


def _is_number(value: Any, kind: Any) -> bool:
    """Whether a value is of a kind of number; true and false are none."""
    return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)


def _bounds(branch: Any) -> tuple[str, str]:
    """The bounds of an annotated number in words, and a remedy; both empty without bounds."""
    known = get_args(branch)[1:] if get_origin(branch) is Annotated else ()
    low = next((bound for bound in known if isinstance(bound, Gt | Ge)), None)
    high = next((bound for bound in known if isinstance(bound, Lt | Le)), None)
    if low is None:
        return "", ""
    least: Any = low.gt if isinstance(low, Gt) else low.ge
    if high is None:
        return f"{'>' if isinstance(low, Gt) else '>='} {least}", ""
    most: Any = high.lt if isinstance(high, Lt) else high.le
    words = _BETWEEN[isinstance(low, Gt), isinstance(high, Lt)].format(least, most)
    if isinstance(low, Gt) and (least, most) == (0, 1):
        return f"to be a share {words}", "; 3 % is written 0.03"
    return words, ""

"""Tables whose keys are the fields of a dataclass: ``[method]`` and ``[training]``."""

import dataclasses
from collections.abc import Mapping
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..core.checks import did_you_mean
from ..core.errors import ConfigError, InputError
from ..core.hyperparameters import STRICT
from ..core.method import Method, method_problem
from ..core.schemas.docstrings import describe_schema, without_fields
from ..core.schemas.problems import describe, show
from ..core.user_code import find_callable
from ..training import Recipe

DEFAULT_METHOD = "scissorhands"
DEFAULT_RECIPE = "speedrun"
PRESET = "published"


def build_method(table: Mapping[str, Any], methods: Mapping[str, type[Method]]) -> Method:
    """The method that a ``[method]`` table describes.

    ``preset = "published"`` with ``setting`` and ``fraction`` starts from the settings of
    the authors instead of the defaults; other keys then change those.

    Raises:
        ConfigError: Lists every problem of the table.
    """
    given = dict(table)
    cls: Any = _method_class(given.pop("name", DEFAULT_METHOD), methods)
    if "preset" not in given:
        return cast(Method, _build(cls, None, given, "method"))
    return cast(Method, _build(cls, _preset(cls, given), given, "method"))


def build_recipe(table: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> Recipe:
    """The recipe that a ``[training]`` table describes.

    Raises:
        ConfigError: Lists every problem of the table.
    """
    given = dict(table)
    base = _named(given.pop("recipe", DEFAULT_RECIPE), recipes, "training.recipe")
    return cast(Recipe, _build(Recipe, base, given, "training"))


def method_schema(methods: Mapping[str, type[Method]]) -> dict[str, Any]:
    """JSON schema of ``[method]``: one branch per method."""
    branches = []
    for name, cls in methods.items():
        branch = _fields_schema(cls)
        about = {"const": name, "description": without_fields(cls.__doc__ or "").split("\n\n")[0]}
        branch["properties"] = {"name": about, **branch["properties"]}
        if hasattr(cls, PRESET):
            branch["properties"] |= {
                "preset": {"const": PRESET, "description": "Start from the authors' settings."},
                "setting": {"type": "string", "description": "Theirs, such as `cifar10`."},
                "fraction": {
                    "type": ["number", "string"],
                    "description": "Share that is forgotten, or `class`; chooses among theirs.",
                },
            }
        branches.append(branch | {"title": name, "additionalProperties": False})
    return {"oneOf": branches, "default": {"name": DEFAULT_METHOD}}


def recipe_schema(recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """JSON schema of ``[training]``."""
    schema = _fields_schema(Recipe)
    names = {
        "enum": sorted(recipes),
        "default": DEFAULT_RECIPE,
        "description": "The recipe that the other keys change.",
    }
    schema["properties"] = {"recipe": names, **schema["properties"]}
    return schema | {"title": "training", "additionalProperties": False}


def _fields_schema(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    properties = {}
    for field in dataclasses.fields(cls):
        properties[field.name] = TypeAdapter(hints[field.name]).json_schema()
        if field.default is not dataclasses.MISSING:
            properties[field.name]["default"] = field.default
    schema = {"type": "object", "properties": properties}
    describe_schema(schema, cls)
    return schema


def _method_class(name: Any, methods: Mapping[str, type[Method]]) -> type[Method]:
    """A method by name, or one's own as ``file.py:Class`` or ``package.module:Class``."""
    if not isinstance(name, str) or ":" not in name:
        found: type[Method] = _named(name, methods, "method.name")
        return found
    try:
        cls: Any = find_callable(name)
    except InputError as error:
        raise ConfigError([f"method.name: {error}"]) from error
    own = getattr(cls, "name", "")
    if (problem := method_problem(own, cls)) is not None:
        raise ConfigError([f"method.name: {name} is no method: {problem}; see add-a-method.md"])
    if own in methods:
        raise ConfigError(
            [f"method.name: {name} calls itself {own!r}, as a method of the library; rename it"]
        )
    made: type[Method] = cls
    return made


def _named(name: Any, known: Mapping[str, Any], key: str) -> Any:
    if not isinstance(name, str) or name not in known:
        raise ConfigError(
            [
                f"{key}: expected one of {', '.join(sorted(known))}; "
                f"got {show(name)}{did_you_mean(str(name), known)}"
            ]
        )
    return known[name]


def _preset(cls: Any, given: dict[str, Any]) -> Any:
    """Take the preset's keys out of ``given`` and make its starting point."""
    preset, setting = given.pop("preset"), given.pop("setting", None)
    fraction = given.pop("fraction", None)
    make = getattr(cls, PRESET, None)
    if make is None:
        raise ConfigError(
            [
                f"method.preset: nothing is published for {cls.name} in this place; delete "
                "preset, setting and fraction"
            ]
        )
    if preset != PRESET:
        raise ConfigError([f'method.preset: expected "{PRESET}", got {show(preset)}'])
    if not isinstance(setting, str) or not isinstance(fraction, int | float | str):
        raise ConfigError(
            [
                'method.preset: expected setting (e.g. "cifar10") and fraction (e.g. 0.1) '
                f"beside it, got setting = {show(setting)} and fraction = {show(fraction)}"
            ]
        )
    try:
        return make(setting, fraction)
    except InputError as error:
        raise ConfigError([f"method.preset: {error}"]) from error


def _build(cls: Any, base: Any, given: Mapping[str, Any], where: str) -> Any:
    """``cls`` with ``given`` fields over ``base`` (or over its defaults)."""
    values, problems = _checked(cls, given, where)

    def make(changes: Mapping[str, Any]) -> Any:
        return cls(**changes) if base is None else dataclasses.replace(base, **changes)

    for name, value in values.items():  # one by one, so that all that are wrong are reported
        try:
            make({name: value})
        except InputError as error:
            problems.append(f"{where}.{name}: {error}")
    if problems:
        raise ConfigError(problems)
    try:
        return make(values)
    except InputError as error:
        raise ConfigError([f"{where}: {error}"]) from error


def _checked(cls: Any, given: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[str]]:
    """Values of the right types, and a line for each that is not."""
    hints = get_type_hints(cls)  # without ranges, of which the class itself speaks
    known = [field.name for field in dataclasses.fields(cls) if field.init]
    values, problems = {}, []
    for name, value in given.items():
        if name not in known:
            problems.append(
                f"{where}.{name}: unknown key{did_you_mean(name, known)}; "
                f"known are {', '.join(known)}"
            )
            continue
        plain = tuple(value) if isinstance(value, list) else value  # TOML has no tuples
        try:
            values[name] = TypeAdapter(hints[name], config=STRICT).validate_python(plain)
        except ValidationError as error:
            found = error.errors()
            choice = next((item for item in found if item["type"] == "literal_error"), found[0])
            item = choice if isinstance(plain, str) else found[0]
            problems.append(f"{where}.{name}: {describe(item)}")
    return values, problems

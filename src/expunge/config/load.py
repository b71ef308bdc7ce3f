"""Reads a TOML file, applies ``--set`` overrides, and checks everything at once."""

import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.arguments import path_of
from ..core.errors import ConfigError
from ..core.schemas.problems import translate
from ..methods import METHODS
from ..training import RECIPES
from .schema import Config
from .tables import build_method, build_recipe

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_PATHS = (("data", "path"), ("model", "weights"), ("data", "forget", "file"),
          ("data", "forget", "mapping"))  # fmt: skip
# Expanded like the others, but made from the config: the data say whether it is there.
_MADE_LATER = ("data", "forget", "scores")

_DEEPEST = 50


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The config in a TOML file, with ``section.key=value`` overrides.

    Relative paths in it start from the working directory; ``$NAME`` and ``~`` are expanded.

    Raises:
        ConfigError: Lists every problem: syntax, unknown keys, types, ranges, and files
            that are not there.
    """
    return parse_config(read_toml(path), overrides)


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: If it cannot be read or is not TOML.
    """
    path = path_of(path, "config")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"cannot read the config {path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} is not valid TOML: {error}"]) from error
    except (RecursionError, MemoryError) as error:
        raise ConfigError([f"{path} is nested too deep; no config needs that"]) from error
    level: list[Any] = [found]
    for _ in range(_DEEPEST):
        level = [value for table in level for value in _within(table)]
        if not level:
            return found
    raise ConfigError([f"{path} is nested too deep; no config needs that"])


def _within(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def parse_config(raw: dict[str, Any], overrides: Sequence[str] = ()) -> Config:
    """A checked config from nested dictionaries, as ``tomllib`` gives them.

    Raises:
        ConfigError: Lists every problem.
    """
    raw, problems = overridden(raw, overrides)
    for keys in (*_PATHS, _MADE_LATER):
        problems += _expand(raw, keys)
    config = None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problems += translate(error, Config)
    problems += _table_problems(raw)
    if config is not None:
        problems += _reference_problems(config)
    if problems or config is None:
        raise ConfigError(problems)
    return config


def parse_value(text: str) -> Any:
    """A TOML value; anything that is none is taken as text without quotes.

    Raises:
        ConfigError: If it starts like a list, table or quoted text but does not end so.
    """
    if "\n" in text or "\r" in text:
        raise ConfigError([f"--set: expected one line, got {text!r}; write one --set per value"])
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except RecursionError as error:
        raise ConfigError([f"--set: {text[:60]!r}… is nested too deep"]) from error
    except tomllib.TOMLDecodeError as error:
        if text[:1] in tuple("[{\"'"):
            raise ConfigError([f"--set: {text!r} is not a TOML value: {error}"]) from error
        return text


def overridden(raw: dict[str, Any], overrides: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """A copy of ``raw`` with ``section.key=value`` put in, and what was wrong with those."""
    raw = _copied(raw)
    problems = [problem for text in overrides for problem in _override(raw, text)]
    return raw, problems


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _override(raw: dict[str, Any], text: str) -> list[str]:
    """Put one ``a.b=value`` into ``raw``; returns problems."""
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        return [f"--set: expected section.key=value, got {text!r}; e.g. --set method.lr=0.01"]
    table = raw
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            return [f"--set: {key!r} in {path!r} is a value, not a table"]
    try:
        table[keys[-1]] = parse_value(value.strip())
    except ConfigError as error:
        return error.problems
    return []


def _expand(raw: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Expand one path in place, and say if a variable or the file is missing."""
    table: Any = raw
    for key in keys[:-1]:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    value = table.get(keys[-1]) if isinstance(table, dict) else None
    if not isinstance(value, str):
        return []
    place = ".".join(keys)
    names = [first or second for first, second in _VARIABLE.findall(value)]
    if unset := [name for name in names if name not in os.environ]:
        return [
            f"{place}: the environment variable {unset[0]} in {value!r} is not set; "
            f"run with {unset[0]}=/a/folder, or write the path out"
        ]
    expanded = Path(os.path.expandvars(value)).expanduser()
    table[keys[-1]] = str(expanded)
    try:
        is_there = keys == _MADE_LATER or expanded.exists()
    except OSError as error:  # a name that is too long, say
        return [f"{place}: {value[:60]!r}… cannot be a file: {error.strerror}"]
    if not is_there:
        return [f"{place}: there is no file {str(expanded)!r} (looked in {Path.cwd()})"]
    return []


def _table_problems(raw: dict[str, Any]) -> list[str]:
    """Problems of the tables that the method and the recipe check."""
    problems: list[str] = []
    method, training = raw.get("method", {}), raw.get("training", {})
    if isinstance(method, dict):
        problems += _problems_of(build_method, method, METHODS)
    if isinstance(training, dict):
        problems += _problems_of(build_recipe, training, RECIPES)
    return problems


def _problems_of(build: Any, table: dict[str, Any], known: Any) -> list[str]:
    try:
        build(table, known)
    except ConfigError as error:
        return error.problems
    return []


def _reference_problems(config: Config) -> list[str]:
    if config.reference.retrain and config.model.weights and config.training is None:
        return [
            f"reference.retrain: {config.reference.retrain} retrained references need a recipe, "
            "but the model comes with weights and there is no [training]; add one, e.g. "
            'training.recipe = "speedrun", or set reference.retrain = 0'
        ]
    return []

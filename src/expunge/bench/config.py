"""What a bench compares: a grid of data, nets, scenarios and methods, in TOML."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from ..config import Config, overridden, parse_config, read_toml, translate
from ..core.checks import did_you_mean
from ..core.errors import ConfigError
from ..core.schemas.base import Section
from .spaces import Space, read_space

AXES = ("data", "model", "scenario", "method")
_NAMED_BY = {"data": "source", "model": "name", "scenario": "kind", "method": "name"}


class Entry(Section):
    """One table of an axis: ``label`` and restrictions; other keys are those of a run."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    label: str | None = None


class TuneConfig(Section):
    """The budget that every tuned method gets, and what its trials are judged by.

    ``seed`` is the pilot's, which is not reported. ``objective`` is the distance to a
    retrained pilot, or a rule that needs no retraining.
    """

    trials: int = Field(ge=1)
    seed: int = Field(ge=0)
    objective: Literal["retrain", "oracle-free"] = "retrain"


class BenchEvaluation(Section):
    """What is measured besides the scores."""

    relearn: bool = True
    cka: bool = False


class BenchConfig(Section):
    """A grid: each entry of each axis with each of the others, for each seed."""

    title: str = Field(min_length=1)
    scale: str = "fast"
    seed: int = Field(0, ge=0)
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    retrain: int = Field(2, ge=1, le=2)
    tune: TuneConfig | None = None
    evaluation: BenchEvaluation = BenchEvaluation()
    data: list[Entry] = Field(min_length=1)
    model: list[Entry] = Field(min_length=1)
    scenario: list[Entry] = Field(min_length=1)
    method: list[Entry] = Field(min_length=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str = "auto"


@dataclass(frozen=True)
class Setting:
    """One table of results: a data set, a net and a scenario, by their labels.

    ``base`` is the run around the original. ``methods`` maps the label of a method to
    the ``[method]`` table of its runs, ``spaces`` to what may be tuned in it, ``borrowed`` to
    the label of the method whose tuned fields it takes, as a control does.
    """

    data: str
    model: str
    scenario: str
    base: Config
    methods: dict[str, dict[str, Any]]
    spaces: dict[str, Space]
    borrowed: dict[str, str]

    def run(self, seed: int, method: Mapping[str, Any] | None = None) -> Config:
        """The config of one run; without a method, of the references alone."""
        config = self.base.with_seed(seed)
        return config if method is None else config.model_copy(update={"method": dict(method)})


@dataclass(frozen=True)
class Plan:
    """A checked bench: its settings in order, and the tables that they come from."""

    config: BenchConfig
    settings: list[Setting]
    order: list[str]


def load_bench(path: str | Path, overrides: Sequence[str] = ()) -> Plan:
    """Read a bench from a TOML file, with ``section.key=value`` overrides.

    Raises:
        ConfigError: Lists every problem of every run of the grid, each once.
    """
    return parse_bench(read_toml(path), overrides)


def parse_bench(raw: dict[str, Any], overrides: Sequence[str] = ()) -> Plan:
    """A checked bench from nested dictionaries, as ``tomllib`` gives them.

    Raises:
        ConfigError: Lists every problem of every run of the grid, each once.
    """
    raw, problems = overridden(raw, overrides)
    try:
        config = BenchConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError([*problems, *translate(error, BenchConfig)]) from error
    axes = {axis: _labelled(axis, getattr(config, axis), problems) for axis in AXES}
    if len(set(config.seeds)) != len(config.seeds):
        problems.append(f"seeds: expected different numbers, got {config.seeds}")
    if config.tune and config.tune.seed in config.seeds:
        problems.append(
            f"tune.seed: {config.tune.seed} is one of the seeds that are reported; "
            "tuning would see what it is judged by: choose another number"
        )
    restrictions = _restriction_problems(axes)
    problems += restrictions
    settings = [] if restrictions else list(_settings(config, axes, problems))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return Plan(config, settings, list(axes["method"]))


def _labelled(axis: str, entries: list[Entry], problems: list[str]) -> dict[str, dict[str, Any]]:
    """The tables of one axis by label; two with the same label are a problem."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        table = dict(entry.model_extra or {})
        label = entry.label or str(table.get(_NAMED_BY[axis], axis))
        if label in found:
            problems.append(f"{axis}: two entries are called {label!r}; give each its own label")
        found[label] = table
    return found


def _restriction_problems(axes: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """``scenario = [labels]`` in a method, ``data`` and ``model`` in a scenario or method."""
    problems = []
    for axis in ("scenario", "method"):
        for label, table in axes[axis].items():
            for other in AXES[: AXES.index(axis)]:
                wanted = table.get(other, [])
                if not isinstance(wanted, list):
                    problems.append(
                        f"{axis} {label!r}: {other}: expected a list of labels, got {wanted!r}"
                    )
                    continue
                problems += [
                    f"{axis} {label!r}: {other}: there is no {other} called {name!r}"
                    f"{did_you_mean(str(name), axes[other])}"
                    for name in wanted
                    if name not in axes[other]
                ]
    return problems


def _settings(
    config: BenchConfig, axes: dict[str, dict[str, dict[str, Any]]], problems: list[str]
) -> Iterator[Setting]:
    for data, model, scenario in _combinations(axes):
        place = {"data": data, "model": model, "scenario": scenario}
        table = axes["scenario"][scenario]
        common = {
            "data": axes["data"][data] | {"forget": _without(table, AXES)},
            "model": _without(axes["model"][model], ("training",)),
            "reference": {"retrain": config.retrain},
            "seed": config.seed,
            "precision": config.precision,
            "device": config.device,
        }
        if "training" in axes["model"][model]:
            common["training"] = axes["model"][model]["training"]
        base = _checked(common, " / ".join(place.values()), problems)
        methods, spaces, borrowed = {}, {}, {}
        for label, entry in axes["method"].items():
            if any(place[axis] not in entry.get(axis, [place[axis]]) for axis in place):
                continue
            method = _without(entry, (*AXES, "tune"))
            if base is not None:
                _checked(common | {"method": method}, f"method {label!r}", problems)
            methods[label] = method
            if isinstance(entry.get("tune"), str):
                borrowed[label] = entry["tune"]
            elif "tune" in entry:
                spaces[label] = read_space(entry["tune"], method, label, problems)
        problems.extend(
            f"method {label!r}: tune: there is no tuned method called {lender!r} here"
            f"{did_you_mean(lender, spaces)}"
            for label, lender in borrowed.items()
            if lender not in spaces
        )
        if config.tune is None and spaces:
            problems.append(
                f"method {next(iter(spaces))!r}: tune: there is no budget for it; "
                "add tune = { trials = 8, seed = 100 } at the top"
            )
        if base is not None:
            yield Setting(data, model, scenario, base, methods, spaces, borrowed)


def _combinations(axes: dict[str, dict[str, dict[str, Any]]]) -> Iterator[tuple[str, str, str]]:
    for data in axes["data"]:
        for model in axes["model"]:
            for scenario, table in axes["scenario"].items():
                fits = data in table.get("data", [data]) and model in table.get("model", [model])
                if fits:
                    yield data, model, scenario


def _checked(raw: dict[str, Any], where: str, problems: list[str]) -> Config | None:
    try:
        return parse_config(raw)
    except ConfigError as error:
        problems.extend(f"{where}: {problem}" for problem in error.problems)
        return None


def _without(table: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}

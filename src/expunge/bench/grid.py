"""What a bench compares: a grid of data, nets, scenarios and methods, in TOML."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from ..config import Config, overridden, parse_config, translate
from ..config.generator import GeneratorConfig
from ..core.checks import did_you_mean
from ..core.errors import ConfigError
from ..core.schemas.base import Section
from ..core.schemas.results import Kind
from .axes import AXES, combinations, restriction_problems, size_problems
from .spaces import Space, check_ends, read_space

_NAMED_BY = {"data": "source", "model": "name", "scenario": "kind", "method": "name"}


class Entry(Section):
    """One table of an axis: ``label`` and restrictions; other keys are those of a run.

    Args:
        label: What tables show; no part of what is computed.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    label: str | None = None


class TuneConfig(Section):
    """The budget that every tuned method gets, and what its trials are judged by.

    Args:
        trials: Trials of each tuned method in each scenario.
        seed: Of the pilot, whose results are not reported.
        objective: `retrain` is the distance to a retrained pilot, `oracle-free` a rule that
            needs none.
    """

    trials: int = Field(ge=1, le=10_000)
    seed: int = Field(ge=0, lt=2**63)
    objective: Literal["retrain", "oracle-free"] = "retrain"


class BenchEvaluation(Section):
    """What is measured besides the scores.

    Args:
        relearn: Whether to measure relearn curves.
        cka: Whether to compare layers with those of a retrained model.
    """

    relearn: bool = True
    cka: bool = False


class BenchConfig(Section):
    """A grid: each entry of each axis with each of the others, for each seed.

    Args:
        title: Of tables and leaderboard.
        scale: A word for the size of the experiment, shown with the tables.
        seed: Of the original.
        seeds: Of the methods, and of the forget set where it is random.
        retrain: Retrained models per scenario and seed; the second gives the floor.
        tune: The budget of tuning, for methods with a key `tune`.
        evaluation: What is measured besides the scores.
        data: Data sets, each with the keys of `[data]` of a run but `forget`.
        model: Networks, each with the keys of `[model]` of a run and its `training`.
        scenario: What is forgotten, each with the keys of `data.forget` of a run.
        method: Methods, each with the keys of `[method]` of a run.
        precision: `bf16` computes in bfloat16, `auto` does where the hardware is fast at it.
        device: `auto` takes a GPU where there is one.
    """

    title: str = Field(min_length=1)
    scale: str = "fast"
    seed: int = Field(0, ge=0, lt=2**63)
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)]
    retrain: int = Field(2, ge=1, le=2)
    tune: TuneConfig | None = None
    evaluation: BenchEvaluation = BenchEvaluation()
    data: list[Entry] = Field(min_length=1)
    model: list[Entry] = Field(min_length=1)
    scenario: list[Entry] = Field(min_length=1)
    method: list[Entry] = Field(min_length=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Cell:
    """One table of results: a data set, a model and a scenario, by their labels.

    ``base`` is the run around the original. ``methods`` maps the label of a method to
    the ``[method]`` table of its runs, ``spaces`` to what may be tuned in it, ``borrowed`` to
    the label of the method whose tuned fields it takes, as a control does.
    """

    data: str
    model: str
    scenario: str
    base: Config | GeneratorConfig
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    spaces: dict[str, Space] = field(default_factory=dict)
    borrowed: dict[str, str] = field(default_factory=dict)
    variant: str = ""

    def run(self, seed: int, method: Mapping[str, Any] | None = None) -> Config | GeneratorConfig:
        """The config of one run; without a method, of the references alone."""
        config = self.base.with_seed(seed)
        return config if method is None else config.model_copy(update={"method": dict(method)})


@dataclass(frozen=True, eq=False)
class Job:
    """One result; ``method`` is the label of a method, or the kind of a reference.

    ``number`` counts retrained models from 1; it is 0 for everything else.
    """

    cell: Cell
    seed: int
    kind: Kind
    method: str
    number: int = 0

    def __str__(self) -> str:
        cell = self.cell
        places = (cell.data, cell.model, cell.scenario or cell.variant)
        which = f" {self.number}" if self.number else ""
        return f"{self.method}{which} ({', '.join(places)}, seed {self.seed})"

    @property
    def tuned_as(self) -> str | None:
        """The label whose tuned fields the method takes: its own, another's, or none."""
        own = self.method if self.method in self.cell.spaces else None
        return self.cell.borrowed.get(self.method, own)

    @property
    def labels(self) -> dict[str, Any]:
        """The fields of a ``Result`` that say which one it is."""
        return {
            "data": self.cell.data,
            "model": self.cell.model,
            "scenario": self.cell.scenario,
            "method": self.method,
            "kind": self.kind,
            "number": self.number,
            "seed": self.seed,
            "variant": self.cell.variant,
        }


@dataclass(frozen=True, eq=False)
class BenchPlan:
    """A checked bench: its jobs in order, and the tables that they come from.

    ``evaluation`` is what is measured besides the scores; ``table`` the config as the file
    of results holds it.
    """

    title: str
    order: list[str]
    jobs: list[Job]
    table: dict[str, Any]
    tune: TuneConfig | None = None
    evaluation: BenchEvaluation = field(default_factory=BenchEvaluation)

    @property
    def cells(self) -> list[Cell]:
        """The cells of the grid in the order of their jobs, each once."""
        return list(dict.fromkeys(job.cell for job in self.jobs))


def parse_grid(raw: dict[str, Any], overrides: Sequence[str] = ()) -> BenchPlan:
    """A checked bench of configs from nested dictionaries, as ``tomllib`` gives them.

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
    restrictions = restriction_problems(axes) + size_problems(axes, len(config.seeds))
    problems += restrictions
    cells = [] if restrictions else list(_cells(config, axes, problems))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return BenchPlan(
        title=config.title,
        order=list(axes["method"]),
        jobs=[job for cell in cells for seed in config.seeds for job in _jobs(cell, seed, config)],
        table=config.model_dump(mode="json", exclude_none=True),
        tune=config.tune,
        evaluation=config.evaluation,
    )


def _jobs(cell: Cell, seed: int, config: BenchConfig) -> Iterator[Job]:
    """The results of one cell and seed, references before methods."""
    yield Job(cell, seed, "original", "original")
    yield Job(cell, seed, "untrained", "untrained")
    for number in range(1, config.retrain + 1):
        yield Job(cell, seed, "retrained", "retrained", number)
    for label in cell.methods:
        yield Job(cell, seed, "unlearned", label)


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


def _cells(
    config: BenchConfig, axes: dict[str, dict[str, dict[str, Any]]], problems: list[str]
) -> Iterator[Cell]:
    for data, model, scenario in combinations(axes):
        labels = {"data": data, "model": model, "scenario": scenario}
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
        base = _checked(common, " / ".join(labels.values()), problems)
        methods, spaces, borrowed = {}, {}, {}
        for label, entry in axes["method"].items():
            if any(labels[axis] not in entry.get(axis, [labels[axis]]) for axis in labels):
                continue
            method = _without(entry, (*AXES, "tune"))
            if base is not None:
                _checked(common | {"method": method}, f"method {label!r}", problems)
            methods[label] = method
            if isinstance(entry.get("tune"), str):
                borrowed[label] = entry["tune"]
            elif "tune" in entry:
                spaces[label] = read_space(entry["tune"], method, label, problems)
                check_ends(spaces[label], method, label, problems)
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
            yield Cell(data, model, scenario, base, methods, spaces, borrowed)


def _checked(raw: dict[str, Any], where: str, problems: list[str]) -> Config | None:
    try:
        return parse_config(raw)
    except ConfigError as error:
        problems.extend(f"{where}: {problem}" for problem in error.problems)
        return None


def _without(table: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}

"""What a bench of words compares: methods, words and seeds on one scene, in TOML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from ...config import Section, overridden, read_toml, translate
from ...config.tables import build_method
from ...core.errors import ConfigError
from ...core.method import Method
from ...methods import METHODS

KIND = "words"
_Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class WordMethod(Section):
    """One method: ``name`` and fields of the method, and what restricts it.

    ``words`` and ``seeds`` are subsets of those of the bench, or seeds of its own.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    label: str
    words: list[str] | None = None
    seeds: _Seeds | None = None


class DrawingConfig(Section):
    """How many images are drawn per prompt, and how."""

    images: int = Field(30, ge=2)
    steps: int = Field(25, ge=1)
    guidance: float = Field(3.0, gt=0)
    batch_size: int = Field(100, ge=1)


class ProbesConfig(Section):
    """What models draw of the word with help, and after they were taught it again.

    ``completion`` and ``noise`` are strengths of help (see ``probe_drawings``); ``relearn`` are
    numbers of training steps on D_f, at the rate ``lr``, after which the word is drawn.
    """

    completion: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=list)
    noise: list[Annotated[float, Field(gt=0)]] = Field(default_factory=list)
    relearn: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    lr: float = Field(1e-4, gt=0)
    batch_size: int = Field(64, ge=1)


class WordBenchConfig(Section):
    """One scene; every method forgets every word, each by itself.

    ``weighting`` and ``ceiling`` are those of the task while methods run (see ``Denoising``);
    ``quality`` are further guidance scales at which the original alone is looked at.
    """

    title: str = Field(min_length=1)
    kind: Literal["words"]
    scene: str
    seed: int = Field(0, ge=0)
    seeds: _Seeds
    words: list[str] | None = None
    weighting: Literal["uniform", "unexplained"] = "unexplained"
    ceiling: Annotated[float, Field(gt=0)] | Literal["empty"] = "empty"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    drawing: DrawingConfig = DrawingConfig()
    probes: ProbesConfig | None = None
    quality: list[float] = Field(default_factory=list)
    method: list[WordMethod] = Field(min_length=1)


@dataclass(frozen=True)
class WordPlan:
    """A checked bench of words; ``methods`` by label, in order."""

    config: WordBenchConfig
    methods: dict[str, Method]

    def entry(self, label: str) -> WordMethod:
        """The table of a method."""
        return next(one for one in self.config.method if one.label == label)


def is_word_bench(path: str | Path) -> bool:
    """Whether a file is a bench of words rather than one of classifiers.

    Raises:
        ConfigError: If it cannot be read or is not TOML.
    """
    return read_toml(path).get("kind") == KIND


def load_word_bench(path: str | Path, overrides: Sequence[str] = ()) -> WordPlan:
    """Read a bench of words from a TOML file, with ``key=value`` overrides.

    Raises:
        ConfigError: Lists every problem.
    """
    return parse_word_bench(read_toml(path), overrides)


def parse_word_bench(raw: dict[str, Any], overrides: Sequence[str] = ()) -> WordPlan:
    """A checked bench from nested dictionaries, as ``tomllib`` gives them.

    Raises:
        ConfigError: Lists every problem.
    """
    raw, problems = overridden(raw, overrides)
    try:
        config = WordBenchConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError([*problems, *translate(error, WordBenchConfig)]) from error
    steps = [] if config.probes is None else config.probes.relearn
    if steps != sorted(set(steps)):
        problems.append(f"probes.relearn: expected increasing numbers of steps, got {steps}")
    methods: dict[str, Method] = {}
    for entry in config.method:
        if entry.label in methods:
            problems.append(f"method: two entries are called {entry.label!r}; rename one")
        problems += [
            f"method {entry.label!r}: words: {word!r} is not among the words of the bench, "
            f"{', '.join(config.words)}"
            for word in entry.words or ()
            if config.words is not None and word not in config.words
        ]
        try:
            methods[entry.label] = build_method(entry.model_extra or {}, METHODS)
        except ConfigError as error:
            problems += [f"method {entry.label!r}: {one}" for one in error.problems]
    if problems:
        raise ConfigError(problems)
    return WordPlan(config, methods)

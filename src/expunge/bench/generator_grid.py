"""A bench of text-to-image models: methods, concepts and seeds on one scene, in TOML."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from ..config import overridden, translate
from ..config.generator import GenerationConfig, GeneratorConfig, ProbesConfig
from ..config.tables import build_method
from ..core.checks import check_choice
from ..core.errors import ConfigError, InputError
from ..core.schemas.base import Section
from ..methods import METHODS
from ..runs.settings.scenes import scene_concepts
from .grid import BenchPlan, Cell, Job, TuneConfig
from .spaces import Space, read_space

KINDS = ("generator", "words")  # the second is the former name
MODEL = "denoiser"
_Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)]


class GeneratorMethod(Section):
    """One method: ``name`` and fields of the method, and what restricts it.

    Args:
        label: What tables show.
        words: The concepts that it forgets; all of the bench by default.
        seeds: Its seeds; those of the bench by default.
        tune: What may vary in it.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    label: str
    words: list[str] | None = None
    seeds: _Seeds | None = None
    tune: dict[str, Any] | None = None


class GeneratorBenchConfig(Section):
    """One scene; every method forgets every concept, each by itself.

    Args:
        title: Of the tables.
        kind: Names this kind of bench; `words` is its former name.
        scene: `digits` (captioned), `digit-classes` or `imagenette64`.
        seed: Of the original.
        seeds: Of the methods.
        words: The concepts; all of the scene by default.
        weighting: Of the loss over noise levels while methods run, as of `Denoising`.
        ceiling: Loss from which a sample counts as forgotten; `empty` for that of the empty
            prompt.
        precision: `bf16` computes in bfloat16, `auto` does where the hardware is fast at it.
        device: `auto` takes a GPU where there is one.
        drawing: How images are generated for the judge.
        probes: Assisted generation and relearning, if they are to be measured.
        quality: Further guidance scales at which the original alone is measured.
        tune: The budget of tuning, for methods with a key `tune`.
        method: The methods.
    """

    title: str = Field(min_length=1)
    kind: Literal["generator", "words"]
    scene: str
    seed: int = Field(0, ge=0, lt=2**63)
    seeds: _Seeds
    words: list[str] | None = None
    weighting: Literal["uniform", "unexplained"] = "unexplained"
    ceiling: Annotated[float, Field(gt=0)] | Literal["empty"] = "empty"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str | None = None
    drawing: GenerationConfig = GenerationConfig()
    probes: ProbesConfig | None = None
    quality: list[float] = Field(default_factory=list)
    tune: TuneConfig | None = None
    method: list[GeneratorMethod] = Field(min_length=1)

    def run(self, concept: str, guidance: float | None = None) -> GeneratorConfig:
        """The run around the original for one concept, or for none."""
        drawing = self.drawing
        if guidance is not None:
            drawing = drawing.model_copy(update={"guidance": guidance})
        return GeneratorConfig(
            scene=self.scene,
            concept=concept,
            seed=self.seed,
            weighting=self.weighting,
            ceiling=self.ceiling,
            precision=self.precision,
            device=self.device or "auto",
            drawing=drawing,
            probes=self.probes,
        )


def parse_generator_grid(raw: dict[str, Any], overrides: Sequence[str] = ()) -> BenchPlan:
    """A checked bench from nested dictionaries, as ``tomllib`` gives them.

    Raises:
        ConfigError: Lists every problem.
    """
    raw, problems = overridden(raw, overrides)
    try:
        config = GeneratorBenchConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError([*problems, *translate(error, GeneratorBenchConfig)]) from error
    problems += _problems(config)
    concepts = _concepts(config, problems)
    spaces = {
        entry.label: read_space(entry.tune, entry.model_extra or {}, entry.label, problems)
        for entry in config.method
        if entry.tune is not None
    }
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return BenchPlan(
        title=config.title,
        order=[entry.label for entry in config.method],
        jobs=list(_jobs(config, concepts, spaces)),
        table=config.model_dump(mode="json", exclude_none=True),
        tune=config.tune,
    )


def _problems(config: GeneratorBenchConfig) -> list[str]:
    problems = []
    steps = [] if config.probes is None else config.probes.relearn
    if steps != sorted(set(steps)):
        problems.append(f"probes.relearn: expected increasing numbers of steps, got {steps}")
    labels = [entry.label for entry in config.method]
    for entry in config.method:
        if labels.count(entry.label) > 1:
            problems.append(f"method: two entries are called {entry.label!r}; rename one")
        problems += [
            f"method {entry.label!r}: words: {one!r} is not among the words of the bench, "
            f"{', '.join(config.words)}"
            for one in entry.words or ()
            if config.words is not None and one not in config.words
        ]
        try:
            build_method(entry.model_extra or {}, METHODS)
        except ConfigError as error:
            problems += [f"method {entry.label!r}: {one}" for one in error.problems]
        if entry.tune is not None and config.tune is None:
            problems.append(
                f"method {entry.label!r}: tune: there is no budget for it; "
                "add tune = { trials = 8, seed = 100 } at the top"
            )
    return problems


def _concepts(config: GeneratorBenchConfig, problems: list[str]) -> list[str]:
    """The concepts of the bench; what the scene does not have is a problem."""
    try:
        known = scene_concepts(config.scene)
    except InputError as error:
        problems.append(str(error))
        return []
    wanted = known if config.words is None else config.words
    for one in [*wanted, *(word for entry in config.method for word in entry.words or ())]:
        try:
            check_choice(known, words=one)
        except InputError as error:
            problems.append(str(error))
    return wanted


def _jobs(
    config: GeneratorBenchConfig, concepts: Sequence[str], spaces: Mapping[str, Space]
) -> Iterator[Job]:
    """The original at each guidance, then concept after concept its reference and methods."""
    for guidance in (config.drawing.guidance, *config.quality):
        base = config.run("", guidance)
        cell = Cell(config.scene, MODEL, "", base, variant=f"guidance {guidance:g}")
        yield Job(cell, config.seed, "original", "original")
    for concept in concepts:
        entries = [one for one in config.method if one.words is None or concept in one.words]
        methods = {entry.label: dict(entry.model_extra or {}) for entry in entries}
        here = {label: space for label, space in spaces.items() if label in methods}
        cell = Cell(config.scene, MODEL, concept, config.run(concept), methods, here)
        yield Job(cell, config.seed, "retrained", "retrained", 1)
        for entry in entries:
            for seed in entry.seeds or config.seeds:
                yield Job(cell, seed, "unlearned", entry.label)

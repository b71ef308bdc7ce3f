"""What ``expunge erase`` is asked to do: concepts by wordings, images, a method, outputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..core.errors import ConfigError
from ..core.method import Method
from ..core.schemas.base import Section
from ..core.schemas.problems import translate
from ..methods import METHODS
from .load import overridden, read_toml
from .tables import build_method

EVERYDAY = ("person", "dog", "house", "street", "landscape", "table", "car", "flower")
_WORDINGS = ("a photo of {}", "an image of {}", "{}")


class ErasedImages(Section):
    """Images of each concept that the model learns from; drawn by itself, or from ``folders``.

    ``folders`` maps a concept to a folder of images; each is brought to the size that the
    model draws. Others are drawn with seeds that count up from that of the run.
    """

    per_concept: int = Field(100, ge=1)
    steps: int = Field(50, ge=1)
    guidance: float = Field(7.5, gt=0)
    batch_size: int = Field(8, ge=1)
    folders: dict[str, str] = Field(default_factory=dict)


class ErasedDrawings(Section):
    """What the report shows: images per prompt before and after, from equal seeds."""

    images: int = Field(4, ge=1)
    first_seed: int = Field(1000, ge=0)
    steps: int = Field(50, ge=1)
    guidance: float = Field(7.5, gt=0)
    batch_size: int = Field(8, ge=1)


class ErasedExposure(Section):
    """Exposed parts of bodies, counted by NudeNet in drawings of a list of prompts (CSV).

    ``first_seed`` numbers the seeds where the list has none; ``limit`` takes the first rows
    alone; ``weights`` is another ONNX file of NudeNet. Steps and guidance are those of
    ``drawing``, but for prompts that tell their own guidance.
    """

    prompts: str = Field(min_length=1)
    first_seed: int | None = Field(None, ge=0)
    limit: int | None = Field(None, ge=1)
    weights: str | None = None
    least_score: float = Field(0.6, gt=0, lt=1)


class EraseConfig(Section):
    """One request; ``model`` is a folder, a single file or a name on the hub.

    ``forget`` and ``keep`` map concepts to their wordings. ``neighbours`` are prompts close to
    what is forgotten that the model should go on drawing; it is never trained on them, and the
    report shows what became of them. ``side`` is the height and width of all drawings in pixels;
    without it, what the pipeline was made for. ``base`` is a folder of diffusers
    that says how a single file is built. ``single_file`` writes the original checkpoint
    layout besides the folder; ``lora`` trains adapters of that rank instead of the weights.
    ``weighting`` and ``ceiling`` are as of ``Denoising``. ``exposure`` counts exposed parts
    before and after.
    """

    model: str = Field(min_length=1)
    base: str | None = None
    forget: dict[str, list[str]] = Field(min_length=1)
    keep: dict[str, list[str]] = Field(min_length=1)
    neighbours: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    side: int | None = Field(None, ge=8)
    seed: int = Field(0, ge=0)
    weighting: Literal["uniform", "unexplained"] = "unexplained"
    ceiling: Annotated[float, Field(gt=0)] | Literal["empty"] = "empty"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str = "auto"
    images: ErasedImages = ErasedImages()
    drawing: ErasedDrawings = ErasedDrawings()
    exposure: ErasedExposure | None = None
    method: dict[str, Any] = Field(default_factory=lambda: {"name": "scissorhands"})
    single_file: bool = False
    lora: int | None = Field(None, ge=1)

    def build_method(self) -> Method:
        """The method that ``[method]`` describes."""
        return build_method(self.method, METHODS)


def wordings(concept: str) -> list[str]:
    """How a concept is said where nobody says otherwise."""
    article = "an" if concept[:1].lower() in tuple("aeiou") else "a"
    return [text.format(f"{article} {concept}") for text in _WORDINGS]


def load_erase(
    path: str | Path | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
) -> EraseConfig:
    """A checked request from a TOML file, with what a command line says besides.

    Args:
        path: The file; None starts from nothing.
        changes: Top-level keys that replace those of the file.
        overrides: ``section.key=value``, applied last.

    Raises:
        ConfigError: Lists every problem.
    """
    raw = {} if path is None else read_toml(path)
    raw |= {key: value for key, value in (changes or {}).items() if value is not None}
    raw.setdefault("keep", {concept: wordings(concept) for concept in EVERYDAY})
    raw, problems = overridden(raw, overrides)
    try:
        config = EraseConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError([*problems, *translate(error, EraseConfig)]) from error
    try:
        config.build_method()
    except ConfigError as error:
        problems += error.problems
    both = sorted(set(config.forget) & set(config.keep))
    problems += [f"keep: {name!r} is to be forgotten as well; take it out of one" for name in both]
    known = {*config.forget, *config.keep}
    problems += [
        f"images.folders: {name!r} is no concept of this request; concepts are "
        f"{', '.join(sorted(known))}"
        for name in config.images.folders
        if name not in known
    ]
    problems += [
        f"{side}.{name}: expected at least one wording"
        for side in ("forget", "keep")
        for name, texts in getattr(config, side).items()
        if not texts
    ]
    if problems:
        raise ConfigError(problems)
    return config

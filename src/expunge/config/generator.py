"""A run on a text-to-image setting that comes with the library: one concept is forgotten."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..core.method import Method
from ..core.schemas.base import Section
from ..methods import METHODS
from .schema import ReferenceConfig
from .tables import build_method


class GenerationConfig(Section):
    """How many images are generated per prompt, and how."""

    images: int = Field(30, ge=2)
    steps: int = Field(25, ge=1)
    guidance: float = Field(3.0, gt=0)
    batch_size: int = Field(100, ge=1)


class ProbesConfig(Section):
    """What models generate of the concept when assisted, and after they relearned it.

    ``completion`` and ``noise`` are strengths of assistance (see ``probe_generator``);
    ``relearn`` are numbers of training steps on D_f, at the rate ``lr``. ``images`` are
    generated per probe; those of the plan if None.
    """

    completion: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=list)
    noise: list[Annotated[float, Field(gt=0)]] = Field(default_factory=list)
    relearn: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    lr: float = Field(1e-4, gt=0)
    batch_size: int = Field(64, ge=1)
    images: int | None = Field(None, ge=2)


class GeneratorConfig(Section):
    """One scene; ``concept`` is forgotten, all of its images and wordings.

    ``weighting`` and ``ceiling`` are those of the task while the method runs (see
    ``Denoising``).
    """

    kind: Literal["generator"] = "generator"
    scene: str
    concept: str = ""
    seed: int = Field(0, ge=0)
    method: dict[str, Any] = Field(default_factory=lambda: {"name": "scissorhands"})
    weighting: Literal["uniform", "unexplained"] = "unexplained"
    ceiling: Annotated[float, Field(gt=0)] | Literal["empty"] = "empty"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str = Field("auto", min_length=1)
    drawing: GenerationConfig = GenerationConfig()
    probes: ProbesConfig | None = None
    reference: ReferenceConfig = ReferenceConfig()

    def build_method(self) -> Method:
        """The method with its hyper-parameters."""
        return build_method(self.method, METHODS)

    def with_seed(self, seed: int) -> "GeneratorConfig":
        """This run repeated with another seed of the method."""
        return self.model_copy(update={"seed": seed})

"""A run on a text-to-image setting that comes with the library: one concept is forgotten."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..core.method import Method
from ..core.schemas.base import Section
from ..methods import METHODS
from .schema import ReferenceConfig
from .tables import build_method


class GenerationConfig(Section):
    """How many images are generated per prompt, and how.

    Args:
        images: Images per prompt.
        steps: Denoising steps per image.
        guidance: Scale of classifier-free guidance.
        batch_size: Images that are generated at once.
    """

    images: int = Field(30, ge=2)
    steps: int = Field(25, ge=1)
    guidance: float = Field(3.0, gt=0)
    batch_size: int = Field(100, ge=1)


class ProbesConfig(Section):
    """What models generate of the concept when assisted, and after they relearned it.

    Args:
        completion: Shares of the noise levels that the original takes first.
        noise: Scales of the noise that is added beyond what the model is told.
        relearn: Numbers of training steps on D_f after which models generate again.
        lr: Learning rate of these steps.
        batch_size: Samples per step.
        images: Images per probe; without it, those of the plan.
    """

    completion: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=list)
    noise: list[Annotated[float, Field(gt=0)]] = Field(default_factory=list)
    relearn: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    lr: float = Field(1e-4, gt=0)
    batch_size: int = Field(64, ge=1)
    images: int | None = Field(None, ge=2)


class GeneratorConfig(Section):
    """One scene; ``concept`` is forgotten, all of its images and wordings.

    Args:
        kind: Names this kind of run.
        scene: `digits` (captioned), `digit-classes` or `imagenette64`.
        concept: What is forgotten; empty for the original alone.
        seed: Of the method.
        method: The method and its hyper-parameters.
        weighting: Of the loss over noise levels while the method runs, as of `Denoising`.
        ceiling: Loss from which a sample counts as forgotten; `empty` for that of the empty
            prompt.
        precision: `bf16` computes in bfloat16, `auto` does where the hardware is fast at it.
        device: `auto` takes a GPU where there is one.
        drawing: How images are generated for the judge.
        probes: Assisted generation and relearning, if they are to be measured.
        reference: Retrained models to compare with.
    """

    kind: Literal["generator"] = "generator"
    scene: str
    concept: str = ""
    seed: int = Field(0, ge=0, lt=2**63)
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

"""The sections of a config. Key names are those of the TOML file."""

from typing import Any, Literal

from pydantic import Field, model_validator

from ..core.method import Method
from ..core.schemas.base import Section
from ..core.schemas.canaries import CanarySpec
from ..core.schemas.request import AnyForgetSpec, CanaryForget
from ..data.sources.reading import Reading
from ..methods import METHODS
from ..training import RECIPES, Recipe
from .tables import build_method, build_recipe, method_schema, recipe_schema


class DataConfig(Reading):
    """Where images and labels come from, how they are split, and what to forget.

    Args:
        source: A name such as `digits`, `cifar10` or `imagefolder`, `hf:user/name` or
            `hf:./folder` for a data set of the hub, or `package.module:factory`.
        forget: Which training samples are to be forgotten.
        path: Folder of the data; `$NAME` and `~` are expanded.
        arguments: Handed on to the source or factory.
        canaries: Wrong labels to plant before training.
        copies: What becomes of training samples that are byte-equal to forgotten ones: "refuse"
            (by default where samples or persons are named), "forget" them along, or "keep" them.
    """

    source: str = Field(min_length=1)
    forget: AnyForgetSpec
    path: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    canaries: CanarySpec | None = None
    copies: Literal["refuse", "forget", "keep"] | None = None

    @model_validator(mode="after")
    def _canaries_planted(self) -> "DataConfig":
        if isinstance(self.forget, CanaryForget) and self.canaries is None:
            raise ValueError(
                "there are no canaries to forget; plant some before training, e.g. "
                "canaries = { count = 100, seed = 0 }"
            )
        return self


class ModelConfig(Section):
    """Which network, and its trained weights if there are any.

    Args:
        name: A name of this library, of torchvision or timm, or `package.module:factory`.
        weights: File of trained weights; without it the original is trained by `[training]`.
        arguments: Handed on to the builder or factory.
    """

    name: str = Field(min_length=1)
    weights: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)


class TaskConfig(Section):
    """What the model does.

    Args:
        name: `classification`, `regression`, `causal-lm`, or `package.module:factory` for a
            task of one's own.
        arguments: Handed on to the task or factory.
    """

    name: str = Field("classification", min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether it is what a config without this table means."""
        return self == TaskConfig()


class ReferenceConfig(Section):
    """How many independent retrains to compare with; the second gives the floor.

    Args:
        retrain: How many models are retrained without the forget set; needs `[training]`.
    """

    retrain: int = Field(0, ge=0, le=2)


class EvaluationConfig(Section):
    """What is measured and shown besides the scores.

    Args:
        relearn: Whether to train each model on the forget set again, and to record how fast it
            is back.
        pictures: Whether the record holds forgotten images, for the report; they are forgotten
            data, so nothing is kept of them unless this is asked for.
    """

    relearn: bool = True
    pictures: bool = False


class Config(Section):
    """One run. ``training`` and ``method`` are tables checked by what they name.

    Args:
        data: Where images and labels come from, and what to forget.
        model: Which network, and its weights.
        task: What the model does.
        training: The recipe by which originals and references are trained; keys beside `recipe`
            change its fields.
        method: The method and its hyper-parameters; keys beside `name` are its fields.
        reference: Retrained models to compare with.
        evaluation: What is measured besides the scores.
        seed: Of the method, of batch order and of retrained models.
        precision: `bf16` computes in bfloat16, `auto` does where the hardware is fast at it.
        device: `auto` takes a GPU where there is one; else as torch names it, such as `cuda:1`.
    """

    data: DataConfig
    model: ModelConfig
    task: TaskConfig = TaskConfig()
    training: dict[str, Any] | None = None
    method: dict[str, Any] = Field(default_factory=lambda: {"name": "scissorhands"})
    reference: ReferenceConfig = ReferenceConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    seed: int = Field(0, ge=0, lt=2**63)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str = Field("auto", min_length=1)

    def build_method(self) -> Method:
        """The method with its hyper-parameters."""
        return build_method(self.method, METHODS)

    def build_recipe(self) -> Recipe | None:
        """How originals and references are trained; None if the weights come without one."""
        if self.training is None and self.model.weights is not None:
            return None
        default = {"recipe": self._default_recipe} if self._default_recipe else {}
        return build_recipe(default | (self.training or {}), RECIPES)

    def recipe_name(self) -> str | None:
        """The recipe in words, e.g. ``"speedrun, epochs = 4"``."""
        if self.build_recipe() is None:
            return None
        table = dict(self.training or {})
        name = table.pop("recipe", self._default_recipe or "speedrun")
        return ", ".join([name, *(f"{key} = {value}" for key, value in table.items())])

    @property
    def _default_recipe(self) -> str | None:
        return "small-language" if self.task.name == "causal-lm" else None

    def with_seed(self, seed: int) -> "Config":
        """This run repeated with another seed, for a forget set that is drawn too."""
        data = self.data.model_copy(update={"forget": self.data.forget.with_seed(seed)})
        return self.model_copy(update={"data": data, "seed": seed})


def json_schema() -> dict[str, Any]:
    """JSON schema of a config, with one branch per method; editors complete from it."""
    schema = Config.model_json_schema()
    properties = schema["properties"]
    properties["method"] = _kept(properties["method"]) | method_schema(METHODS)
    properties["training"] = recipe_schema(RECIPES) | _kept(properties["training"])
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "expunge config"
    return schema


def _kept(table: dict[str, Any]) -> dict[str, Any]:
    """What a table that is checked elsewhere keeps of its schema."""
    return {"description": table["description"]}

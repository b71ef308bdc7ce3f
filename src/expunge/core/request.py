"""The forget tables of a config, one class per kind."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .section import Section

Key = str | int


def _leaves_some(fraction: float) -> float:
    if fraction >= 1:
        raise ValueError(
            f"expected a share below 1, got {fraction:g}: that is the whole training set, "
            "so nothing would be left to retain; delete the model instead, or forget fewer"
        )
    return fraction


Fraction = Annotated[float, Field(gt=0), AfterValidator(_leaves_some)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class ForgetTable(Section):
    """What all forget tables share."""

    @property
    def drawn(self) -> bool:
        """Whether a seed chooses the samples, so that repetitions forget different ones."""
        return False

    def with_seed(self, seed: int) -> Self:
        """The table with another seed where one chooses the samples, else the table itself."""
        return self.model_copy(update={"seed": seed}) if self.drawn else self


class RandomForget(ForgetTable):
    """A share or a number of training samples, drawn with a seed."""

    kind: Literal["random"]
    fraction: Fraction | None = None
    count: Count | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        _check_size(self.fraction, self.count)
        return self

    @property
    def drawn(self) -> bool:
        """True: that is what this kind is."""
        return True


class ClassForget(ForgetTable):
    """All training samples of some classes: by name or number, or so many drawn with a seed."""

    kind: Literal["classes"]
    classes: list[Key] | None = Field(None, min_length=1)
    fraction: Fraction | None = None
    count: Count | None = None
    seed: Seed | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_seed(cls, table: Any) -> Any:
        return _seed_shown(table)

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        _check_choice("classes", '["cat"]', self.classes, self)
        return self

    @property
    def drawn(self) -> bool:
        """Whether the classes are drawn rather than listed."""
        return self.classes is None


class GroupForget(ForgetTable):
    """All training samples with some values in ``column``: listed, or drawn with a seed."""

    kind: Literal["groups"]
    column: str
    values: list[Key] | None = Field(None, min_length=1)
    fraction: Fraction | None = None
    count: Count | None = None
    seed: Seed | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_seed(cls, table: Any) -> Any:
        return _seed_shown(table)

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        _check_choice("values", '["anna"]', self.values, self)
        return self

    @property
    def drawn(self) -> bool:
        """Whether the values are drawn rather than listed."""
        return self.values is None


def _seed_shown(table: Any) -> Any:
    """The seed that a draw without one uses, written out, so that records show it."""
    drawn = isinstance(table, dict) and ("fraction" in table or "count" in table)
    return {"seed": 0, **table} if drawn else table


def _check_choice(
    key: str, example: str, listed: list[Key] | None, table: ClassForget | GroupForget
) -> None:
    given = [one is not None for one in (listed, table.fraction, table.count)]
    if sum(given) != 1:
        raise ValueError(
            f"expected one of {key} (a list, e.g. {example}), fraction (e.g. 0.1) and count "
            f"(e.g. 3), got {sum(given)} of them"
        )
    if listed is not None and table.seed is not None:
        raise ValueError(
            f"seed goes with fraction or count; a list of {key} leaves nothing to draw"
        )


class IdForget(ForgetTable):
    """Training samples by id, listed here or in a csv, parquet or text file."""

    kind: Literal["ids"]
    ids: list[Key] | None = Field(None, min_length=1)
    file: str | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "IdForget":
        if (self.ids is None) == (self.file is None):
            raise ValueError("expected either ids (a list) or file (a path), one of them")
        return self


class MemorisedForget(ForgetTable):
    """The training samples with the highest scores in a csv or parquet file."""

    kind: Literal["most-memorised"]
    scores: str
    fraction: Fraction | None = None
    count: Count | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        _check_size(self.fraction, self.count)
        return self


class CanaryForget(ForgetTable):
    """The training samples that ``data.canaries`` planted; they stay the same in repetitions."""

    kind: Literal["canaries"]


class CanaryConfig(Section):
    """A share or a number of training samples that get a wrong label before training."""

    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    count: Count | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        _check_size(self.fraction, self.count)
        return self


Forget = Annotated[
    RandomForget | ClassForget | GroupForget | IdForget | MemorisedForget | CanaryForget,
    Field(discriminator="kind"),
]


def _check_size(fraction: float | None, count: int | None) -> None:
    if (fraction is None) == (count is None):
        raise ValueError("expected either fraction (e.g. 0.1) or count (e.g. 500), one of them")

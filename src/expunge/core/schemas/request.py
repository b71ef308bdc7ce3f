"""A request: which training samples are to be forgotten, and the only rules for saying so."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from ..errors import InputError
from .base import Section
from .plain import plain, text_of
from .problems import translate


def _leaves_some(fraction: float) -> float:
    if fraction >= 1:
        raise ValueError(
            f"expected a share below 1, got {fraction:g}: that is the whole training "
            "set, so nothing would be left to retain; delete the model instead, or forget fewer"
        )
    return fraction


Key = str | int
Keys = Annotated[list[Key], Field(min_length=1), BeforeValidator(plain)]
FilePath = Annotated[str, Field(min_length=1), BeforeValidator(text_of)]
Fraction = Annotated[float, Field(gt=0), AfterValidator(_leaves_some)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class ForgetSpec(Section):
    """Base of all requests; ``parse_request`` makes the right one from a mapping."""

    @property
    def is_random(self) -> bool:
        """Whether a seed chooses the samples, so that repetitions forget different ones."""
        return False

    def with_seed(self, seed: int) -> Self:
        """The request with another seed where one chooses the samples, else the same."""
        return self.model_copy(update={"seed": seed}) if self.is_random else self

    def shown(self) -> dict[str, Any]:
        """The request as a record shows it: ids that it lists are counted, not named."""
        table = self.model_dump(exclude_none=True)
        return table | {"ids": f"{len(table['ids'])} ids"} if "ids" in table else table


class RandomForget(ForgetSpec):
    """A share or a number of training samples, chosen by a seed.

    Args:
        kind: Names this kind of request.
        fraction: Share of the training samples; in its place `count`.
        count: Number of training samples; in its place `fraction`.
        seed: Chooses the samples.
    """

    kind: Literal["random"]
    fraction: Fraction | None = None
    count: Count | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        _check_size(self.fraction, self.count)
        return self

    @property
    def is_random(self) -> bool:
        """True: that is what this kind is."""
        return True


class ClassForget(ForgetSpec):
    """All training samples of some classes: by name or number, or so many chosen by a seed.

    Args:
        kind: Names this kind of request.
        classes: Names or numbers of the classes.
        fraction: Share of all classes, chosen by `seed`; in place of `classes`.
        count: Number of classes, chosen by `seed`; in place of `classes`.
        seed: Chooses the classes; 0 where a choice has none.
    """

    kind: Literal["classes"]
    classes: Keys | None = None
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
    def is_random(self) -> bool:
        """Whether the classes are chosen by a seed rather than listed."""
        return self.classes is None


class GroupForget(ForgetSpec):
    """All training samples with some values in ``column``: listed, or chosen by a seed.

    Args:
        kind: Names this kind of request.
        column: Column of the source that tells the groups, such as a person.
        values: The values in it whose samples are forgotten.
        fraction: Share of all values, chosen by `seed`; in place of `values`.
        count: Number of values, chosen by `seed`; in place of `values`.
        seed: Chooses the values; 0 where a choice has none.
    """

    kind: Literal["groups"]
    column: str
    values: Keys | None = None
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
    def is_random(self) -> bool:
        """Whether the values are chosen by a seed rather than listed."""
        return self.values is None


class IdForget(ForgetSpec):
    """Training samples by id, listed here or in a csv, parquet or text file.

    Args:
        kind: Names this kind of request.
        ids: The ids; in their place `file`.
        file: A csv, parquet or text file of ids; in its place `ids`.
        column: Column of the file that holds them.
    """

    kind: Literal["ids"]
    ids: Keys | None = None
    file: FilePath | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.ids is None) == (self.file is None):
            raise ValueError(
                "expected either ids (a list) or file (a path), got "
                + ("neither" if self.ids is None else "both; leave one out")
            )
        if self.ids is not None and self.column is not None:
            raise ValueError("column goes with file, not with ids; leave it out")
        return self


class MemorisedForget(ForgetSpec):
    """The training samples with the highest scores in a csv or parquet file.

    Args:
        kind: Names this kind of request.
        scores: File of a score per training sample, as `expunge memorisation` writes it.
        fraction: Share of the training samples; in its place `count`.
        count: Number of training samples; in its place `fraction`.
    """

    kind: Literal["most-memorised"]
    scores: FilePath
    fraction: Fraction | None = None
    count: Count | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        _check_size(self.fraction, self.count)
        return self


class CanaryForget(ForgetSpec):
    """The training samples that ``data.canaries`` planted; they stay the same in repetitions.

    Args:
        kind: Names this kind of request.
    """

    kind: Literal["canaries"]


AnyForgetSpec = Annotated[
    RandomForget | ClassForget | GroupForget | IdForget | MemorisedForget | CanaryForget,
    Field(discriminator="kind"),
]


class CanarySpec(Section):
    """A share or a number of training samples that get a wrong label before training.

    Args:
        fraction: Share of the training samples; in its place `count`.
        count: Number of training samples; in its place `fraction`.
        seed: Chooses the samples and their wrong labels.
    """

    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    count: Count | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        _check_size(self.fraction, self.count)
        return self


class _Asked(Section):
    """Gives problems of a request the key path that they have in a config."""

    forget: AnyForgetSpec


class _Planted(Section):
    canaries: CanarySpec


_Wrapper = TypeVar("_Wrapper", bound=Section)


def parse_request(request: ForgetSpec | Mapping[str, Any]) -> ForgetSpec:
    """A checked request; a mapping has the keys of ``[data.forget]`` in a config.

    Raises:
        InputError: Names every key that is wrong, its value, and what to write instead.
    """
    if isinstance(request, ForgetSpec):
        return request
    return _checked(_Asked, "forget", request).forget


def parse_canaries(request: CanarySpec | Mapping[str, Any]) -> CanarySpec:
    """A checked plan of canaries; a mapping has the keys of ``[data.canaries]``.

    Raises:
        InputError: As of ``parse_request``.
    """
    if isinstance(request, CanarySpec):
        return request
    return _checked(_Planted, "canaries", request).canaries


def _checked(wrapper: type[_Wrapper], key: str, request: Any) -> _Wrapper:
    table = dict(request) if isinstance(request, Mapping) else request
    try:
        return wrapper.model_validate({key: table})
    except ValidationError as error:
        raise InputError("; ".join(translate(error, wrapper))) from error


def _seed_shown(table: Any) -> Any:
    """The seed that a choice without one uses, written out, so that records show it."""
    is_random = isinstance(table, dict) and any(
        table.get(key) is not None for key in ("fraction", "count")
    )
    return {"seed": 0, **table} if is_random else table


def _check_choice(
    key: str, example: str, listed: list[Key] | None, spec: ClassForget | GroupForget
) -> None:
    given = [one is not None for one in (listed, spec.fraction, spec.count)]
    if sum(given) != 1:
        raise ValueError(
            f"expected one of {key} (a list, e.g. {example}), fraction (e.g. 0.1) and count "
            f"(e.g. 3), got {sum(given) or 'none'} of them"
        )
    if listed is not None and spec.seed is not None:
        raise ValueError(
            f"seed goes with fraction or count; a list of {key} leaves nothing to choose"
        )


def _check_size(fraction: float | None, count: int | None) -> None:
    if (fraction is None) == (count is None):
        found = "neither" if fraction is None else "both; leave one out"
        raise ValueError(
            f"expected either fraction (e.g. 0.1) or count (e.g. 500), one of them, got {found}"
        )

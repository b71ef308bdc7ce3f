"""A request: which training samples are to be forgotten, and the only rules for saying so."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from ..errors import InputError
from .base import Section
from .plain import leaves_some, plain, text_of
from .problems import translate

Key = str | int
Keys = Annotated[list[Key], Field(min_length=1), BeforeValidator(plain)]
FilePath = Annotated[str, Field(min_length=1), BeforeValidator(text_of)]
Fraction = Annotated[float, Field(gt=0), AfterValidator(leaves_some)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Missing = Literal["refuse", "skip"]


class ForgetSpec(Section):
    """Base of all requests; ``parse_request`` makes the right one from a mapping."""

    added: ClassVar[tuple[str, ...]] = ()
    """Keys of later versions; left out where unset, so that digests of old requests stay."""

    @model_serializer(mode="wrap")
    def _without_later_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        table: dict[str, Any] = handler(self)
        return {k: v for k, v in table.items() if v is not None or k not in self.added}

    @property
    def is_random(self) -> bool:
        """Whether a seed chooses the samples: repetitions then forget different ones."""
        return False

    def with_seed(self, seed: int) -> Self:
        """The request with another seed where one chooses the samples, else the same."""
        return self.model_copy(update={"seed": seed}) if self.is_random else self

    def shown(self) -> dict[str, Any]:
        """The request as a record shows it: what it lists of persons is counted, not named."""
        table = self.model_dump(exclude_none=True)
        return table | {key: _counted(table[key], key) for key in ("ids", "values") if key in table}


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
        check_size(self.fraction, self.count)
        return self

    @property
    def is_random(self) -> bool:
        """True: that is what this kind is."""
        return True


class _ChosenForget(ForgetSpec):
    """Base of what is listed, or chosen by a seed."""

    @model_validator(mode="before")
    @classmethod
    def _with_seed(cls, table: Any) -> Any:
        return _seed_shown(table)


class ClassForget(_ChosenForget):
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

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        _check_choice("classes", '["cat"]', self.classes, self)
        return self

    @property
    def is_random(self) -> bool:
        """Whether the classes are chosen by a seed rather than listed."""
        return self.classes is None


class GroupForget(_ChosenForget):
    """All training samples with some values in ``column``: listed, or chosen by a seed.

    Args:
        kind: Names this kind of request.
        column: Column of the source that tells the groups, such as a person.
        values: The values in it whose samples are forgotten.
        file: A list of such values, as of ids; in place of `values`.
        file_column: Column of the file that holds them.
        fraction: Share of all values, chosen by `seed`; in place of `values`.
        count: Number of values, chosen by `seed`; in place of `values`.
        seed: Chooses the values; 0 where a choice has none.
        missing: What becomes of values that no training sample has: "refuse" (by default) or
            "skip", which counts them in the record.
    """

    added: ClassVar[tuple[str, ...]] = ("file", "file_column", "missing")
    kind: Literal["groups"]
    column: str
    values: Keys | None = None
    file: FilePath | None = None
    file_column: str | None = None
    fraction: Fraction | None = None
    count: Count | None = None
    seed: Seed | None = None
    missing: Missing | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.file is not None and any((self.values, self.fraction, self.count)):
            raise ValueError("expected one of values, file, fraction and count; leave the rest out")
        if self.file is None and self.file_column is not None:
            raise ValueError("file_column goes with file; leave it out")
        if self.file is None:
            _check_choice("values", '["anna"]', self.values, self)
        return self

    @property
    def is_random(self) -> bool:
        """Whether the values are chosen by a seed rather than listed."""
        return self.values is None and self.file is None


class IdForget(ForgetSpec):
    """Training samples by id, listed here or in a file.

    Args:
        kind: Names this kind of request.
        ids: The ids; in their place `file`.
        file: A list as text, CSV, JSON lines or Parquet; in its place `ids`.
        column: Column of the file that holds them.
        mapping: A table with the columns id and sample, where ids are not those of samples.
        missing: What becomes of ids that are no training sample's: "refuse" (by default) or
            "skip", which counts them in the record.
    """

    added: ClassVar[tuple[str, ...]] = ("mapping", "missing")
    kind: Literal["ids"]
    ids: Keys | None = None
    file: FilePath | None = None
    column: str | None = None
    mapping: FilePath | None = None
    missing: Missing | None = None

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
        check_size(self.fraction, self.count)
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


class _Asked(Section):
    """Gives problems of a request the key path that they have in a config."""

    forget: AnyForgetSpec


_Wrapper = TypeVar("_Wrapper", bound=Section)


def parse_request(request: ForgetSpec | Mapping[str, Any]) -> ForgetSpec:
    """A checked request; a mapping has the keys of ``[data.forget]`` in a config.

    Raises:
        InputError: Names every key that is wrong, its value, and what to write instead.
    """
    if isinstance(request, ForgetSpec):
        return request
    return check_wrapped(_Asked, "forget", request).forget


def check_wrapped(wrapper: type[_Wrapper], key: str, request: Any) -> _Wrapper:
    """A request under the key that it has in a config, so that messages name it in full."""
    table = dict(request) if isinstance(request, Mapping) else request
    try:
        return wrapper.model_validate({key: table})
    except ValidationError as error:
        raise InputError("; ".join(translate(error, wrapper))) from error


def _counted(names: list[Any], plural: str) -> str:
    return f"{len(names)} {plural}" if len(names) > 1 else f"1 {plural[:-1]}"


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


def check_size(fraction: float | None, count: int | None) -> None:
    """Raise ``ValueError`` unless exactly one of the two is given."""
    if (fraction is None) == (count is None):
        found = "neither" if fraction is None else "both; leave one out"
        raise ValueError(
            f"expected either fraction (e.g. 0.1) or count (e.g. 500), one of them, got {found}"
        )

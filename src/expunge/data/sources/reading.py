"""How any source is read and divided, and the only rules for saying so."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ...core.errors import DataError
from ...core.schemas.base import Section
from ...core.schemas.problems import translate

Share = Annotated[float, Field(ge=0, lt=1)]


def _as_list(values: object) -> object:
    return list(values) if isinstance(values, tuple) else values


Channels = Annotated[
    list[Annotated[float, Field(ge=0)]], Field(min_length=1), BeforeValidator(_as_list)
]


class Reading(Section):
    """Size, splits, limits and normalisation; the fields are those of ``load_source``.

    Args:
        image_size: Side in pixels that images are brought to; without it they keep theirs.
        validation: Share of the training set that is held out for methods to read.
        validation_from_test: Share of the test set that is held out instead, for models that
            were trained on the whole training set.
        test: Share of the training set that becomes the test set where the source has none.
        limit: At most so many images of the training set and of the test set, always the
            same ones.
        mean: Of each channel, where white is 1; by default the customary or the measured one.
        std: Standard deviation of each channel, likewise; goes with `mean`.
        augment: Whether training images are augmented; by default as suits the source.
    """

    image_size: int | None = Field(None, ge=1, le=8192)
    validation: Share = 0.1
    validation_from_test: Share = 0.0
    test: Annotated[float, Field(gt=0, lt=1)] | None = None
    limit: int | None = Field(None, ge=2)
    mean: Channels | None = None
    std: Channels | None = None
    augment: bool | None = None

    @model_validator(mode="after")
    def _one_validation(self) -> Self:
        if "validation" in self.model_fields_set and self.validation and self.validation_from_test:
            raise ValueError(
                "validation samples come either from the training set (validation) or from the "
                "test set (validation_from_test); set one of the two to 0"
            )
        if (self.mean is None) != (self.std is None):
            raise ValueError("expected mean and std together, or neither")
        return self

    @property
    def train_share_held_out(self) -> float:
        """Share of the training set that becomes the validation set."""
        return 0.0 if self.validation_from_test else self.validation


def parse_reading(**values: Any) -> Reading:
    """A checked ``Reading``.

    Raises:
        DataError: Names every argument that is wrong, its value, and what to write instead.
    """
    try:
        return Reading.model_validate(values)
    except ValidationError as error:
        raise DataError("; ".join(translate(error, Reading, "data"))) from error

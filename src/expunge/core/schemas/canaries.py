"""Which training samples get a wrong label on purpose, and the only rules for saying so."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from .base import Section
from .request import Count, Seed, check_size, check_wrapped


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
        check_size(self.fraction, self.count)
        return self


class _Planted(Section):
    """Gives problems of canaries the key path that they have in a config."""

    canaries: CanarySpec


def parse_canaries(request: CanarySpec | Mapping[str, Any]) -> CanarySpec:
    """A checked plan of canaries; a mapping has the keys of ``[data.canaries]``.

    Raises:
        InputError: As of ``parse_request``.
    """
    if isinstance(request, CanarySpec):
        return request
    return check_wrapped(_Planted, "canaries", request).canaries

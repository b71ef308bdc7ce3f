"""How many of something a request asks for, and a seeded choice of them."""

from typing import Protocol

import torch
from torch import Tensor

from ...core.batches import seeded
from ...core.errors import DataError, InputError


class Sized(Protocol):
    """A request for a share or a number of what there is; one of the two is None."""

    @property
    def fraction(self) -> float | None: ...

    @property
    def count(self) -> int | None: ...


class Seeded(Sized, Protocol):
    """A request whose ``seed`` chooses which; None stands for 0."""

    @property
    def seed(self) -> int | None: ...


def wanted_count(request: Sized, total: int, what: str, where: str) -> int:
    """The number that ``fraction`` or ``count`` asks for, 1 to ``total``.

    Args:
        request: A fraction is rounded to the nearest number.
        total: How many there are to choose from.
        what: What is counted, in the plural, e.g. ``"training samples"``.
        where: The table in messages, e.g. ``"forget"``.

    Raises:
        InputError: If that are more than all but one.
        DataError: If the fraction of so few is none of them.
    """
    if request.fraction is None:
        assert request.count is not None  # the request's own rules see to it
        if request.count >= total:
            raise InputError(
                f"expected {where}.count to be a whole number between 1 and {total - 1}, as "
                f"there are {total} {what}, got {request.count!r}"
            )
        return request.count
    number = round(request.fraction * total)
    if number < 1:
        raise DataError(
            f"the {where} set is empty: a fraction of {request.fraction:g} of {total} {what} is "
            "less than half of one; raise fraction, or give count"
        )
    return number


def sample_positions(
    request: Seeded, total: int, what: str, *, where: str = "forget", name: str
) -> Tensor:
    """So many of ``total`` as the request asks for, chosen by its ``seed``; int64 (K,).

    The same on every machine; of two requests with one seed, the smaller is part of the
    larger.

    Args:
        request: How many, and the seed.
        total: How many there are to choose from.
        what: What is counted, in the plural.
        where: The table in messages.
        name: Tells this choice apart from others by the same seed.

    Raises:
        InputError: As of ``wanted_count``.
    """
    count = wanted_count(request, total, what, where)
    return torch.randperm(total, generator=seeded(where, name, request.seed or 0))[:count]

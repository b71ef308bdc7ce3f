"""How many of something a forget request asks for, and a seeded choice of them."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor

from ...core.batches import seeded
from ...core.checks import check_share
from ...core.errors import DataError, InputError


def wanted_count(request: Mapping[str, Any], total: int, what: str, where: str) -> int:
    """The number that ``fraction`` or ``count`` asks for, 1 to ``total``.

    Args:
        request: Holds one of the two keys; a fraction is rounded to the nearest number.
        total: How many there are to choose from.
        what: What is counted, in the plural, e.g. ``"training samples"``.
        where: The table in messages, e.g. ``"forget"``.

    Raises:
        InputError: If both keys or neither are there, or one is out of range.
        DataError: If the fraction of so few is none of them.
    """
    fraction, count = request.get("fraction"), request.get("count")
    if (fraction is None) == (count is None):
        place = f"a {where} request of kind {request['kind']}" if "kind" in request else where
        raise InputError(
            f"expected either fraction or count in {place}, got "
            + ("both; leave one out" if count is not None else "neither")
        )
    if fraction is None:
        if not is_whole(count) or not 1 <= count < total:
            raise InputError(
                f"expected {where}.count to be a whole number between 1 and {total - 1}, as "
                f"there are {total} {what}, got {count!r}"
            )
        return count
    if not isinstance(fraction, int | float):
        raise InputError(f"expected {where}.fraction to be a number, got {fraction!r}")
    check_share(fraction=fraction)
    number = round(fraction * total)
    if number < 1:
        raise DataError(
            f"the {where} set is empty: a fraction of {fraction:g} of {total} {what} is less "
            "than half of one; raise fraction, or give count"
        )
    return number


def draw(
    request: Mapping[str, Any], total: int, what: str, *, where: str = "forget", name: str
) -> Tensor:
    """So many of ``total`` as the request asks for, drawn by its ``seed``; int64 (K,).

    The same on every machine; of two requests with one seed, the smaller is part of the
    larger.

    Args:
        request: Holds ``fraction`` or ``count``, and perhaps ``seed`` (0).
        total: How many there are to choose from.
        what: What is counted, in the plural.
        where: The table in messages.
        name: Tells this draw apart from others by the same seed.

    Raises:
        InputError: If a key is malformed; see ``wanted_count``.
    """
    seed = request.get("seed", 0)
    count = wanted_count(request, total, what, where)
    if not is_whole(seed):
        raise InputError(f"expected {where}.seed to be a whole number, got {seed!r}")
    return torch.randperm(total, generator=seeded(where, name, seed))[:count]


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer, which a truth value is not."""
    return isinstance(value, int) and not isinstance(value, bool)

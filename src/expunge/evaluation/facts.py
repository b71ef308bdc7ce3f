"""What is known of a run besides its models: who asked for what, on which data, how made."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor

from ..core.checks import did_you_mean
from ..core.errors import InputError
from ..core.schemas.record import Notice, Request
from .details import plain


@dataclass(frozen=True, eq=False)
class Facts:
    """The provenance of an evaluation; None and empty wherever it is not known.

    Args:
        request: What was asked, as the record shows it.
        data_name: Name of the data.
        model_name: Name of the network; its class if empty.
        classes: Names of the classes; those of the sets if they have any.
        fingerprint: SHA-256 over the data.
        train_seconds: What training the original took.
        retrain_seconds: What training ``retrained`` took; needed for RTE.
        retrain_recipe: How it was trained.
        command: The command line that led here.
        canaries: True label of each sample of D_f that was planted with a wrong one, -1 of
            all others, int64 (N,).
        notices: What else a reader of the record should know.
        retrain_samples: How many samples that training read, counted again at each pass.
    """

    request: Request = field(default_factory=Request)
    data_name: str = ""
    model_name: str = ""
    classes: list[str] | None = None
    fingerprint: str | None = None
    train_seconds: float | None = None
    retrain_seconds: float | None = None
    retrain_recipe: str | None = None
    command: str | None = None
    canaries: Tensor | None = None
    notices: Sequence[Notice] = ()
    retrain_samples: int | None = None


_NAMES = [one.name for one in fields(Facts)]
# Arguments of ``evaluate`` before these facts were one object.
_FORMER = (*_NAMES[1:-3], "request", "digest")


def facts_from(facts: Facts | None, former: Mapping[str, Any]) -> Facts:
    """The facts given as one object, or, for one more release, as single arguments.

    Raises:
        InputError: If an argument is unknown, or both ways are used.
    """
    if not former:
        return facts or Facts()
    for name in former:
        if name not in _FORMER:
            raise InputError(
                f"evaluate has no argument {name!r}{did_you_mean(name, _FORMER)}; "
                "see expunge.Facts for what it can be told"
            )
    if facts is not None:
        raise InputError(f"give {next(iter(former))!r} as a field of facts, not beside it")
    warnings.warn(
        f"evaluate(..., {next(iter(former))}=...) is deprecated; pass facts=expunge.Facts(...)",
        DeprecationWarning,
        stacklevel=3,
    )
    given = dict(former)
    request = Request(spec=plain(given.pop("request", {})), commitment=given.pop("digest", None))
    return Facts(request=request, **given)

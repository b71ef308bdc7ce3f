"""The hyper-parameters of Scissorhands, which its parts read; ``Scissorhands`` explains them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le

from ...core.hyperparameters import (
    Count,
    Expression,
    NotNegative,
    Passes,
    Rate,
    Share,
    ShareOrAll,
    validated,
)
from ...kernels import Scheme, Variant

Mask = Literal["sensitivity", "random"]
Constraint = Literal["auto", "held-out", "ceiling", "always", "published", "off"]
Schedule = Literal["one-cycle", "constant"]


@dataclass(frozen=True, kw_only=True)
@validated
class Options:
    """Every field of ``Scissorhands``, in the order of its docstring."""

    trim: Share | Literal["auto", "off"] = "auto"
    mask: Mask = "sensitivity"
    trim_samples: Count = 1024
    forget_share: ShareOrAll | None = None
    relative: bool | None = None
    saliency: Variant = "signed-sum"
    per_layer: bool = False
    trim_filter: Expression | None = None
    init: Scheme = "uniform"
    constraint: Constraint = "auto"
    forget_weight: NotNegative | None = None
    odds_share: Annotated[float, Ge(0), Le(1)] | None = None
    project: bool = True
    margin: NotNegative = 0.0
    ridge: NotNegative = 0.0
    cover: Expression | None = None
    lr: Rate | None = None
    epochs: Passes | None = None
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4
    schedule: Schedule = "one-cycle"

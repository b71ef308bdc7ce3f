"""What Scissorhands does where its caller did not say: a few rules, each with a reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..core.data import UnlearningData
from ..core.errors import InputError
from ..core.run import Run
from ..core.task import Task
from ..tasks.labels import absent_labels

if TYPE_CHECKING:
    from .scissorhands import Scissorhands


@dataclass(frozen=True)
class Plan:
    """The settings of one run, all of them decided. ``trim`` is None for no trim."""

    trim: float | None
    relative: bool
    constraint: str
    forget_weight: float
    lr: float
    epochs: float
    batch: int = 512


# Two situations, told apart from the labels. Measured in results/ (docs/reproducing.md).
_SAMPLES = Plan(
    trim=None, relative=False, constraint="held-out", forget_weight=0.3, lr=0.1, epochs=1.5
)
_CLASSES = Plan(trim=0.01, relative=True, constraint="off", forget_weight=0.0, lr=0.05, epochs=1.0)


def make_plan(options: "Scissorhands", task: Task, data: UnlearningData, run: Run) -> Plan:
    """Fill in what ``options`` leaves open, and put each choice into the record.

    Raises:
        InputError: If the constraint needs held-out data and there is none.
    """
    share = absent_share(task, data)
    whole = share > 0.5
    base = _CLASSES if whole else _SAMPLES
    run.decide(
        "scenario",
        "whole classes" if whole else "samples of known classes",
        f"{100 * share:.0f} % of the forget set has labels that the retain set does not hold",
    )
    constraint = _constraint(options, base, data, run)
    weights = {"held-out": base.forget_weight or 0.3, "always": 0.0, "published": 0.05, "off": 0.0}
    if options.constraint == "always":
        weights["always"] = 0.05
    return Plan(
        trim=_choose(run, "trim", options.trim, base.trim, _TRIM_REASON[whole]),
        relative=_choose(run, "relative", options.relative, base.relative, _RELATIVE_REASON),
        constraint=constraint,
        forget_weight=_choose(
            run, "forget_weight", options.forget_weight, weights[constraint], _WEIGHT_REASON
        ),
        lr=_choose(run, "lr", options.lr, base.lr, "measured on pilot seeds"),
        epochs=_choose(run, "epochs", options.epochs, base.epochs, "measured on pilot seeds"),
    )


def absent_share(task: Task, data: UnlearningData) -> float:
    """Share of D_f whose label does not occur in D_r; 0 for tasks without labels."""
    absent = absent_labels(task, data)
    labels = task.labels(data.forget)
    if labels is None or len(absent) == 0:
        return 0.0
    return torch.isin(labels.cpu(), absent.cpu()).float().mean().item()


_TRIM_REASON = {
    True: "a whole class: trimming what D_f needs more than D_r does removes it",
    False: "single samples: the weights that matter for them matter for all others too",
}
_RELATIVE_REASON = "ranked against D_r where D_f is of a kind that D_r does not hold"
_WEIGHT_REASON = "the default of this constraint"


def _constraint(options: "Scissorhands", base: Plan, data: UnlearningData, run: Run) -> str:
    if options.constraint == "held-out" and data.validation is None:
        raise InputError(
            'constraint = "held-out" needs held-out data, but data.validation is None; '
            'give a validation set, or use constraint = "always"'
        )
    if options.constraint != "auto":
        return options.constraint
    if base.constraint == "held-out" and data.validation is None:
        run.decide("constraint", "always", "there is no held-out data to compare D_f with")
        return "always"
    reason = {
        "held-out": "D_f should be fitted as well as data that was never seen, and no worse",
        "off": "the loss on a class that was never seen has no level to hold; trim suffices",
    }[base.constraint]
    run.decide("constraint", base.constraint, reason)
    return base.constraint


def _choose(run: Run, name: str, asked: Any, default: Any, reason: str) -> Any:
    """What was asked for, or the default, which is then put into the record."""
    if asked == "off":
        return None
    if asked is not None and asked != "auto":
        return asked
    run.decide(name, default, reason)
    return default

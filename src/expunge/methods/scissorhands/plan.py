"""What Scissorhands does where its caller did not say: a few rules, each with a reason."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ...core.capabilities import GivesLogits
from ...core.data import UnlearningData
from ...core.errors import InputError
from ...core.run import Run
from ...core.task import Task
from ...tasks.labels import absent_labels
from ...training.descent import fitting_batch
from ...training.optimizers import is_adaptive
from .options import Options
from .rate import choose_rate


@dataclass(frozen=True)
class Plan:
    """The settings of one run, all of them decided.

    ``trim`` lists the shares to trim in turn, each followed by repair, until D_f is gone;
    an empty list means one repair without a trim.
    """

    trim: tuple[float, ...]
    relative: bool
    constraint: str
    forget_weight: float
    lr: float
    epochs: float
    batch: int = 512
    odds_share: float = 0.0


# Two situations, told apart from the labels. docs/reproducing.md says how these values
# were chosen.
_SAMPLES = Plan(
    trim=(), relative=False, constraint="held-out", forget_weight=0.2, lr=0.1, epochs=1.5
)
_CLASSES = Plan(
    trim=(0.01, 0.03, 0.1),
    relative=True,
    constraint="ceiling",
    forget_weight=0.1,
    lr=0.05,
    epochs=1.5,
)
# Of a denoiser, a tenth of a percent is trimmed, as published for Stable Diffusion; nothing in
# its loss says whether that was enough. Repair takes longer than for a classifier of the size.
# The projection alone: a condition that points nowhere needs no ascent on top.
_CONCEPTS = replace(_CLASSES, trim=(0.001,), forget_weight=0.0)
_DENOISING_STEPS = 200
_ODDS_SHARE = 0.1
_ADAM = 0.01  # rates of Adam relative to those of SGD
_LEAST_STEPS = 60  # of repair, for sets so small that an epoch is a few steps
_WEIGHTS = {"held-out": 0.2, "ceiling": 0.1, "always": 0.05, "published": 0.05, "off": 0.0}


def make_plan(
    options: Options, model: nn.Module, task: Task, data: UnlearningData, run: Run
) -> Plan:
    """Fill in what ``options`` leaves open, and put each choice into the record.

    Raises:
        InputError: If the constraint needs held-out data, or ``odds_share`` probabilities,
            and there are none.
    """
    share = absent_share(task, data)
    whole = share > 0.5
    base = (_CONCEPTS if is_adaptive(task) else _CLASSES) if whole else _SAMPLES
    if task.labels(data.forget) is None:
        run.decide("scenario", "samples", "the task has no labels, so that no class can be gone")
    else:
        run.decide(
            "scenario",
            "whole classes" if whole else "samples of known classes",
            f"{100 * share:.0f} % of the forget set has labels that the retain set does not hold",
        )
    constraint, weight = _constraint(options, base, data, run)
    weight = _choose(
        run, "forget_weight", options.forget_weight, weight, "the default of this constraint"
    )
    return Plan(
        trim=_shares(options, base, model, run),
        relative=_choose(
            run,
            "relative",
            options.relative,
            base.relative,
            "ranked against D_r where D_f is of a kind that D_r does not hold",
        ),
        constraint=constraint,
        forget_weight=weight,
        lr=_rate(options, base.lr, model, task, data, run),
        epochs=_epochs(options, base, task, data, run),
        batch=base.batch,
        odds_share=_odds_share(options, constraint, task, run),
    )


def absent_share(task: Task, data: UnlearningData) -> float:
    """Share of D_f whose label does not occur in D_r; 0 for tasks without labels."""
    absent = absent_labels(task, data)
    labels = task.labels(data.forget)
    if labels is None or len(absent) == 0:
        return 0.0
    return torch.isin(labels.cpu(), absent.cpu()).float().mean().item()


def _constraint(options: Options, base: Plan, data: UnlearningData, run: Run) -> tuple[str, float]:
    """The constraint, and the default weight of the forget loss under it."""
    if options.constraint == "held-out" and data.validation is None:
        raise InputError(
            'constraint = "held-out" needs held-out data, but data.validation is None; '
            'give a validation set, or use constraint = "always"'
        )
    if options.constraint != "auto":
        return options.constraint, _WEIGHTS[options.constraint]
    if base.constraint == "held-out" and data.validation is None:
        run.decide("constraint", "always", "there is no held-out data to compare D_f with")
        return "always", 0.0  # without ascent it needs no level to stop at
    reason = {
        "held-out": "D_f should be fitted as well as data that was never seen, and no worse",
        "ceiling": "after the trim alone a class is learnt again in a few steps",
    }[base.constraint]
    run.decide("constraint", base.constraint, reason)
    return base.constraint, base.forget_weight


def _shares(options: Options, base: Plan, model: nn.Module, run: Run) -> tuple[float, ...]:
    if options.trim == "auto":
        if base.trim and _adapted(model):
            run.decide("trim", None, "adapters start as zero, so nothing depends on them yet")
            return ()
        if not base.trim:  # else reported when it is known which share sufficed
            run.decide("trim", None, "what matters for single samples matters for all others")
        return base.trim
    return () if options.trim == "off" else (float(options.trim),)


def _adapted(model: nn.Module) -> bool:
    """Whether low-rank adapters, as peft names them, are all that is trained."""
    names = [name for name, weight in model.named_parameters() if weight.requires_grad]
    return bool(names) and all("lora_" in name for name in names)


def _odds_share(options: Options, constraint: str, task: Task, run: Run) -> float:
    """How much of the forget loss are log odds; they mean something for probabilities only."""
    if options.odds_share and not isinstance(task, GivesLogits):
        raise InputError(
            f"odds_share = {options.odds_share} needs a task that gives probabilities (by "
            f"logits), but {type(task).__name__} does not; leave it out"
        )
    if constraint != "held-out":
        return options.odds_share or 0.0
    share = _ODDS_SHARE if isinstance(task, GivesLogits) else 0.0
    reason = "so that confident samples move as well as those that are predicted badly"
    return float(_choose(run, "odds_share", options.odds_share, share, reason))


def _rate(
    options: Options,
    start: float,
    model: nn.Module,
    task: Task,
    data: UnlearningData,
    run: Run,
) -> float:
    if options.lr is not None:
        return options.lr
    size = fitting_batch(options.batch_size, data.retain, Plan.batch)
    if is_adaptive(task):
        start *= _ADAM
    found = run.once("rate", lambda: choose_rate(model, task, data, run, start=start, batch=size))
    run.decide("lr", found[0], found[1])
    return float(found[0])


def _epochs(options: Options, base: Plan, task: Task, data: UnlearningData, run: Run) -> float:
    if options.epochs is not None:
        return options.epochs
    least = _DENOISING_STEPS if is_adaptive(task) else _LEAST_STEPS
    size = fitting_batch(options.batch_size, data.retain, base.batch)
    epochs = max(base.epochs, least / max(1, len(data.retain) // size))
    run.decide("epochs", epochs, f"measured on pilot seeds; at least {least} steps")
    return epochs


def _choose(run: Run, name: str, asked: Any, default: Any, reason: str) -> Any:
    """What was asked for, or the default, which is then put into the record."""
    if asked is not None:
        return asked
    run.decide(name, default, reason)
    return default

"""Scissorhands: trim what the forget set depends on most, then repair the rest."""

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import nn

from ...core.data import Split, UnlearningData
from ...core.guard import probe
from ...core.method import Reference
from ...core.run import Run
from ...core.task import Task
from .._shared.presets import Published
from .options import Options
from .plan import Plan, make_plan
from .repair import Repair
from .trim import Trim

_LOOK = 500  # samples on which a turn is judged
_GONE = 2.0  # percent of D_f that may be right after a trim: retrained nets never are
_BEARABLE = 5.0  # points of accuracy on D_r that repair without a trim may cost
_TURNS = 4


@dataclass(frozen=True, kw_only=True)
class Scissorhands(Options, Published):
    r"""Re-initialise the top share of connections by sensitivity, repair on D_r.

    Trim: with :math:`s_j = |E_{D_f}[\partial l / \partial \theta_j \cdot \theta_j]|`
    (Eq. 2) the top ``trim`` of all scores is re-initialised. Repair: descend
    :math:`L_r - \lambda L_f` (Eq. 3) along :math:`g = g_o - v g_f` with
    :math:`v = \max(0, \langle g_o, g_f\rangle) / \|g_f\|^2` (Eq. 5), so that no step
    lowers :math:`L_f` to first order.

    Four readings of when the constraint binds. ``"always"``: in every step, the paper to
    the letter. ``"held-out"``: only while D_f is fitted better than held-out data is at
    that moment (by a standard error of what that data can tell), since a constraint that
    always binds pushes D_f beyond what unseen data would reach. ``"ceiling"``: only while
    the loss on D_f is below ``task.loss_ceiling``, for what is to become unknown
    altogether, such as a class; samples above it no longer count (where a task gives each
    sample a ceiling of its own, as denoisers may, their mean decides, and L_f is what
    ``bounded_loss`` of the task says). ``"published"``: as the authors' code does, see
    ``published``. ``"off"`` repairs on D_r alone. ``"auto"`` chooses, as do all fields whose
    default is None or ``"auto"``; what was chosen, and why, is in the record
    (``make_plan``).

    The fields stand in ``Options``, with their ranges.

    Args:
        trim: Share k of the connections that is re-initialised, in (0, 1), ``"off"`` for
            none, or ``"auto"``.
        mask: ``"sensitivity"`` as above; ``"random"`` re-initialises as many weights drawn
            by chance, among the same ones, a control that shows what the scores add.
        trim_samples: How many samples of D_f the scores are computed on, at most.
        forget_share: Share of D_f that they are computed on instead, in (0, 1]; about 3 %
            is enough for the paper. None: as ``trim_samples`` says.
        relative: Divide the scores by those on as much of D_r. None chooses.
        saliency: ``"signed-sum"`` as in Eq. 2, or ``"batch-moduli"`` as published.
        per_layer: Rank within each tensor rather than over all.
        trim_filter: Regular expression; only parameters whose name matches are trimmed.
        init: Fresh values: ``"uniform"``, ``"normal"``, ``"zeros"``, ``"xavier"``, ``"own"``.
        constraint: See above.
        forget_weight: The paper's lambda. None chooses.
        odds_share: Share of the log odds against the true class in the forget loss, in
            [0, 1]; the rest is the task's loss (see ``kernels.with_log_odds``). The paper's
            is 0. None chooses.
        project: False leaves the projection (Eq. 5) out of the steps that the constraint
            binds, so that they follow Eq. 3 alone.
        margin: Least v of an active constraint (GEM's; the paper's is 0).
        ridge: Added to the squared norm of g_f (the paper's is 0).
        cover: Regular expression; the constraint covers parameters whose name matches.
        lr: Peak learning rate of SGD. None chooses.
        epochs: Passes of repair over D_r; may be fractional. None chooses.
        batch_size: Samples per step from D_r, and at most from D_f. None: 512, or less.
        momentum: Of SGD; acts after the projection.
        weight_decay: L2 penalty; acts after the projection.
        schedule: ``"one-cycle"`` (short rise, linear fall to zero) or ``"constant"``.

    With ``"held-out"`` and ``"ceiling"`` the loss of a forget sample counts only up to
    ``task.loss_ceiling``: Eq. 3 with cross-entropy has no lower bound otherwise.

    Cost: one backward pass over ``trim_samples`` (twice if relative; random masks spend it,
    too); per step of repair a forward and backward pass on each of two batches, and two
    copies of the gradient.
    """

    name: ClassVar[str] = "scissorhands"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN, Split.VALIDATION})
    optional: ClassVar = frozenset({Split.VALIDATION})
    reference: ClassVar = Reference(
        authors="Jing Wu, Mehrtash Harandi",
        title="Scissorhands: Scrub Data Influence via Connection Sensitivity in Networks",
        venue="ECCV",
        year=2024,
        url="https://arxiv.org/abs/2401.06187",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        plan = make_plan(self, model, task, data, run)
        look = AccuracyProbe(task, data, run)
        if plan.trim:
            self._trim_and_repair(model, plan, look)
        else:
            self._repair(model, plan, look)
        return model

    def _trim_and_repair(self, model: nn.Module, plan: Plan, look: "AccuracyProbe") -> None:
        """Algorithm 1; by default in turns, until D_f stays gone."""
        for turn, share in enumerate(plan.trim):
            suffix = f"-{turn + 1}" if turn else ""
            Trim(self, plan, look.task, look.data, look.run, share, suffix)(model)
            Repair(self, plan, look.task, look.data, look.run, suffix)(model, f"repair{suffix}")
            if self.trim != "auto":
                return
            left = look.accuracy(model, Split.FORGET, suffix)
            if left is None:
                look.run.decide("trim", share, "there are no accuracies to judge a larger one by")
                return
            look.run.decide("trim", share, f"after repair {left:.1f} % of D_f are right")
            if left <= _GONE:
                return

    def _repair(self, model: nn.Module, plan: Plan, look: "AccuracyProbe") -> None:
        """Repair without a trim; by default again at a lower rate if that cost too much."""
        if self.lr is not None:
            Repair(self, plan, look.task, look.data, look.run)(model, "repair")
            return
        before = look.accuracy(model, Split.RETAIN, "-before") or 0.0
        start = {name: value.to("cpu", copy=True) for name, value in model.state_dict().items()}
        for turn in range(_TURNS):
            suffix = f"-{turn + 1}" if turn else ""
            if turn:
                model.load_state_dict(start)
            stage = Repair(self, plan, look.task, look.data, look.run, suffix)
            stage(model, f"repair{suffix}")
            lost = before - (look.accuracy(model, Split.RETAIN, suffix) or 0.0)
            if turn:
                look.run.decide("lr", plan.lr, f"turn {turn + 1}: larger rates cost too much")
            if lost <= _BEARABLE:
                return
            plan = replace(plan, lr=plan.lr / 3)


@dataclass(frozen=True)
class AccuracyProbe:
    """How well a sample of a set is predicted in the course of a method."""

    task: Task
    data: UnlearningData
    run: Run

    def accuracy(self, model: nn.Module, split: Split, suffix: str) -> float | None:
        """Percent predicted rightly; None for tasks without a notion of that."""
        dataset = getattr(self.data, split)

        def look() -> float | None:
            return probe(model, self.task, dataset, _LOOK, self.run.device, split).accuracy

        found: float | None = self.run.once(f"look{suffix}", look)
        return found

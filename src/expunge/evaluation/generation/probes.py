"""Whether a model still draws what it was to forget: when it is helped, and when taught again."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from ...core.checks import check_positive
from ...core.data import UnlearningData
from ...core.errors import InputError
from ...core.isolation import isolated_randomness, seed_everything
from ...core.run import Run
from ...core.schemas.record import DrawingProbe, Record, Relearn
from ...core.task import Task
from ...tasks.diffusion.assisted import with_noise, with_relay
from ...tasks.diffusion.text_to_image import denoiser_of, with_denoiser
from ..relearn import check_steps
from .judge import ImageJudge
from .sampling import DrawingPlan, draw


@dataclass(frozen=True, kw_only=True)
class DrawnRelearning:
    """The attack, the same for all models: AdamW on the forget set alone, in training mode.

    Args:
        steps: After how many steps to draw; increasing.
        batch_size: Samples per step, or all of a smaller set.
        lr: Learning rate.
        seed: Fixes batches and noise.
    """

    steps: tuple[int, ...] = (0, 5, 10, 20, 40)
    batch_size: int = 64
    lr: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(batch_size=self.batch_size, lr=self.lr)
        check_steps(self.steps)


def probe_drawings(
    record: Record,
    pipelines: Mapping[str, Any],
    plan: DrawingPlan,
    judge: ImageJudge,
    *,
    completion: Sequence[float] = (0.1, 0.3),
    noise: Sequence[float] = (0.1, 0.3),
) -> Record:
    """A record with how often models draw the first target when they are helped.

    Read it beside a retrained model: help alone can draw a part of a concept.

    Args:
        record: Of ``evaluate``.
        pipelines: As of ``evaluate_drawings``; must hold ``original``, which helps.
        plan: How to draw; of its prompts the first target with a label is taken.
        judge: Looks at the drawings.
        completion: Shares of the noisiest levels that the original takes; see ``with_relay``.
        noise: Scales of added noise; see ``with_noise``.

    Returns:
        The record with ``drawing_probes``. Costs ``images * steps`` passes of the denoiser,
        twice with guidance, per probe and model.

    Raises:
        InputError: If a number is out of range, there is no original, or no target has a
            label.
    """
    if "original" not in pipelines:
        raise InputError(f"expected a pipeline called original, got {', '.join(pipelines)}")
    _, first = denoiser_of(pipelines["original"])
    kinds = {"plain": [0.0], "completion": completion, "noise": noise}
    found = draw_with_help(pipelines, first, plan, judge, kinds)
    return record.model_copy(update={"drawing_probes": found})


def draw_with_help(
    pipelines: Mapping[str, Any],
    first: nn.Module,
    plan: DrawingPlan,
    judge: ImageJudge,
    kinds: Mapping[str, Sequence[float]],
) -> list[DrawingProbe]:
    """What ``probe_drawings`` puts into a record: kinds of help, each at some strengths.

    ``first`` is the denoiser that helps.
    """
    found = []
    for kind, strengths in kinds.items():
        for strength in strengths:
            shares = {
                name: _recognised(_helped(one, kind, strength, first), plan, judge)
                for name, one in pipelines.items()
            }
            found.append(
                DrawingProbe(probe=kind, strength=strength, images=plan.images, recognised=shares)
            )
    return found


def relearn_drawings(
    record: Record,
    pipelines: Mapping[str, Any],
    plan: DrawingPlan,
    judge: ImageJudge,
    task: Task,
    data: UnlearningData,
    protocol: DrawnRelearning | None = None,
) -> Record:
    """A record with how soon models draw the first target again when they are taught it.

    Args:
        record: Of ``evaluate``.
        pipelines: As of ``evaluate_drawings``; copies of their denoisers are trained.
        plan: As of ``probe_drawings``.
        judge: Looks at the drawings.
        task: How the denoisers are trained.
        data: Its forget set is what they are taught.
        protocol: The attack.

    Returns:
        The record with ``relearn``. Costs ``steps[-1]`` training steps per model, and the
        drawings of one prompt per entry of ``steps``.

    Raises:
        InputError: If no target has a label.
        GuardError: If a loss becomes NaN or infinite.
    """
    found = teach_again(pipelines, plan, judge, task, data, protocol or DrawnRelearning())
    return record.model_copy(update={"relearn": found})


def teach_again(
    pipelines: Mapping[str, Any],
    plan: DrawingPlan,
    judge: ImageJudge,
    task: Task,
    data: UnlearningData,
    protocol: DrawnRelearning,
) -> Relearn:
    """What ``relearn_drawings`` puts into a record."""
    curves = {
        name: _taught(one, plan, judge, task, data, protocol) for name, one in pipelines.items()
    }
    text, _ = _asked(plan)
    return Relearn(
        protocol={"optimizer": "AdamW", **asdict(protocol), "steps": list(protocol.steps)},
        measured_on=f'{plan.images} drawings of "{text}"',
        steps=list(protocol.steps),
        curves=curves,
    )


def _helped(pipeline: Any, kind: str, strength: float, first: nn.Module) -> Any:
    if kind == "completion":
        return with_relay(pipeline, first, strength)
    return with_noise(pipeline, strength) if kind == "noise" else pipeline


def _taught(
    pipeline: Any,
    plan: DrawingPlan,
    judge: ImageJudge,
    task: Task,
    data: UnlearningData,
    protocol: DrawnRelearning,
) -> list[float]:
    """Shares of drawings that are recognised, one per entry of the steps."""
    _, model = denoiser_of(pipeline)
    model = copy.deepcopy(model).requires_grad_(requires_grad=True)
    run = Run(protocol.seed)
    size = min(protocol.batch_size, len(data.forget))
    batches = run.batches("relearn", data.forget, size)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=protocol.lr, weight_decay=0.0)
    shares: list[float] = []
    with isolated_randomness():
        seed_everything(protocol.seed)
        for step in range(protocol.steps[-1] + 1):
            if step in protocol.steps:
                shown = with_denoiser(pipeline, model.eval())
                shares.append(_recognised(shown, plan, judge))
            if step < protocol.steps[-1]:
                loss = task.loss(model.train(), batches[step]).mean()
                slopes = run.gradient(loss, parameters)
                for parameter, slope in zip(parameters, slopes, strict=True):
                    parameter.grad = slope
                optimizer.step()
    return shares


def _recognised(pipeline: Any, plan: DrawingPlan, judge: ImageJudge) -> float:
    """Share in percent of the drawings of the first target that the judge takes for it."""
    text, label = _asked(plan)
    images = draw(
        pipeline,
        [text] * plan.images,
        plan.seeds,
        steps=plan.steps,
        guidance=plan.guidance,
        batch_size=plan.batch_size,
        side=plan.side,
    )
    seen = judge.look(images).probabilities.argmax(1)
    return 100 * float((seen == judge.classes.index(label)).double().mean())


def _asked(plan: DrawingPlan) -> tuple[str, str]:
    """Text and label of the first target that has one."""
    for prompt in plan.prompts:
        if prompt.group == "target" and prompt.label is not None:
            return prompt.text, prompt.label
    raise InputError("expected a target prompt with a label of the judge, found none in the plan")

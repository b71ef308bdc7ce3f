"""Whether a model still generates what it was to forget: assisted, and after relearning."""

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
from ...core.progress import about, tell
from ...core.run import Run
from ...core.schemas.record import GenerationProbe, Record, Relearn
from ...core.task import Task
from ...tasks.diffusion.assisted import with_noise, with_relay
from ...tasks.diffusion.text_to_image import denoiser_of, with_denoiser
from ..relearn import check_steps
from .judge import ImageJudge
from .sampling import GenerationPlan, generate


@dataclass(frozen=True, kw_only=True)
class GeneratorRelearning:
    """The attack, the same for all models: AdamW on the forget set alone, in training mode.

    Args:
        steps: After how many steps to generate; increasing.
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


def probe_generator(
    record: Record,
    pipelines: Mapping[str, Any],
    plan: GenerationPlan,
    judge: ImageJudge,
    *,
    completion: Sequence[float] = (0.1, 0.3),
    noise: Sequence[float] = (0.1, 0.3),
) -> Record:
    """A record with how often models generate the first target when they are assisted.

    Read it beside a retrained model: assistance alone can generate a part of a concept.

    Args:
        record: Of ``evaluate``.
        pipelines: As of ``evaluate_generator``; must hold ``original``, which assists.
        plan: How to generate; of its prompts the first target with a label is taken.
        judge: Judges the images.
        completion: Shares of the noisiest levels that the original takes; see ``with_relay``.
        noise: Scales of added noise; see ``with_noise``.

    Returns:
        The record with ``generation_probes``. Costs ``images * steps`` passes of the denoiser,
        twice with guidance, per probe and model.

    Raises:
        InputError: If a number is out of range, there is no original, or no target has a
            label.
    """
    if "original" not in pipelines:
        raise InputError(f"expected a pipeline called original, got {', '.join(pipelines)}")
    _, first = denoiser_of(pipelines["original"])
    kinds = {"plain": [0.0], "completion": completion, "noise": noise}
    found = assisted_probes(pipelines, first, plan, judge, kinds)
    return record.model_copy(update={"generation_probes": found})


def assisted_probes(
    pipelines: Mapping[str, Any],
    first: nn.Module,
    plan: GenerationPlan,
    judge: ImageJudge,
    kinds: Mapping[str, Sequence[float]],
) -> list[GenerationProbe]:
    """What ``probe_generator`` puts into a record: kinds of assistance, each at some strengths.

    ``first`` is the denoiser that assists.
    """
    found = []
    for kind, strengths in kinds.items():
        for strength in strengths:
            shares = {}
            for name in pipelines:
                with about(f"{name}, {kind} {strength:g}"):
                    assisted = _assisted(pipelines[name], kind, strength, first)
                    shares[name] = _recognised(assisted, plan, judge)
            found.append(
                GenerationProbe(
                    probe=kind, strength=strength, images=plan.images, recognised=shares
                )
            )
    return found


def relearn_generator(
    record: Record,
    pipelines: Mapping[str, Any],
    plan: GenerationPlan,
    judge: ImageJudge,
    task: Task,
    data: UnlearningData,
    protocol: GeneratorRelearning | None = None,
) -> Record:
    """A record with how soon models generate the first target again when they relearn it.

    Args:
        record: Of ``evaluate``.
        pipelines: As of ``evaluate_generator``; copies of their denoisers are trained.
        plan: As of ``probe_generator``.
        judge: Judges the images.
        task: How the denoisers are trained.
        data: Its forget set is what they relearn.
        protocol: The attack.

    Returns:
        The record with ``relearn``. Costs ``steps[-1]`` training steps per model, and the
        images of one prompt per entry of ``steps``.

    Raises:
        InputError: If no target has a label.
        GuardError: If a loss becomes NaN or infinite.
    """
    found = relearn_generators(
        pipelines, plan, judge, task, data, protocol or GeneratorRelearning()
    )
    return record.model_copy(update={"relearn": found})


def relearn_generators(
    pipelines: Mapping[str, Any],
    plan: GenerationPlan,
    judge: ImageJudge,
    task: Task,
    data: UnlearningData,
    protocol: GeneratorRelearning,
) -> Relearn:
    """What ``relearn_generator`` puts into a record."""
    curves = {
        name: _relearned(pipelines[name], plan, judge, task, data, protocol) for name in pipelines
    }
    text, _ = _asked(plan)
    return Relearn(
        protocol={"optimizer": "AdamW", **asdict(protocol), "steps": list(protocol.steps)},
        measured_on=f'{plan.images} images of "{text}"',
        steps=list(protocol.steps),
        curves=curves,
    )


def _assisted(pipeline: Any, kind: str, strength: float, first: nn.Module) -> Any:
    if kind == "completion":
        return with_relay(pipeline, first, strength)
    return with_noise(pipeline, strength) if kind == "noise" else pipeline


def _relearned(
    pipeline: Any,
    plan: GenerationPlan,
    judge: ImageJudge,
    task: Task,
    data: UnlearningData,
    protocol: GeneratorRelearning,
) -> list[float]:
    """Shares of images that are recognised, one per entry of the steps."""
    _, model = denoiser_of(pipeline)
    model = copy.deepcopy(model).requires_grad_(requires_grad=True)
    # Batches follow the model: on a GPU they would otherwise stay behind on the processor.
    run = Run(protocol.seed, device=next(model.parameters()).device)
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
                tell("relearning", step + 1, protocol.steps[-1])
    return shares


def _recognised(pipeline: Any, plan: GenerationPlan, judge: ImageJudge) -> float:
    """Share in percent of the images of the first target that the judge recognises."""
    text, label = _asked(plan)
    images = generate(
        pipeline,
        [text] * plan.images,
        plan.seeds,
        steps=plan.steps,
        guidance=plan.guidance,
        batch_size=plan.batch_size,
        side=plan.side,
    )
    predicted = judge.predict(images).probabilities.argmax(1)
    return 100 * float((predicted == judge.classes.index(label)).double().mean())


def _asked(plan: GenerationPlan) -> tuple[str, str]:
    """Text and label of the first target that has one."""
    for prompt in plan.prompts:
        if prompt.group == "target" and prompt.label is not None:
            return prompt.text, prompt.label
    raise InputError("expected a target prompt with a label of the judge, found none in the plan")

"""The demonstration in words: train a tiny text-to-image model, and make it forget a word."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..reporting import report
from ..core.batches import derive_seed
from ..core.checks import check_choice
from ..core.data import UnlearningData
from ..core.schemas.record import Record
from ..core.run import Log
from ..core.unlearn import Unlearned, unlearn
from ..data import LatentSet, request_digest
from ..data.bundle import ids_of
from ..evaluation import (
    DrawingPlan,
    DrawnRelearning,
    evaluate,
    evaluate_drawings,
    probe_drawings,
    relearn_drawings,
)
from ..methods import Scissorhands
from ..tasks import with_denoiser
from ..models.diffusion.packages import quiet
from ..models.diffusion.tiny_digits import NAMES
from .folder import MEGABYTE, OutputFolder, write_folder
from .scenes import digits_scene
from .models import Net, Options
from .unlearn import RECORD, REPORT
from .generator import WordScene, trained_denoiser, trained_judge

PIPELINE = "pipeline"
_SEED = 0
_REPAIR_EPOCHS = 12.5
_PROBED = 20  # drawings per probe
_PLAN: dict[str, Any] = {"images": 40, "steps": 15, "guidance": 1.5, "batch_size": 300}


@dataclass(frozen=True, eq=False)
class _Demo:
    """What is asked, and where it goes."""

    scene: WordScene
    word: str
    data: UnlearningData
    folder: OutputFolder
    options: Options


def text_to_image_demo(
    out: str | Path = "runs/demo-text-to-image",
    *,
    word: str = "three",
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = "expunge demo --task text-to-image",
) -> Record:
    """Train on captioned digits, forget one word, retrain without it, compare what they draw.

    Needs no network, but ``expunge[diffusion]``. Leaves ``record.json``, ``report.html``, and
    ``pipeline/``, a folder of diffusers that ``PixelPipeline.from_pretrained`` loads.

    Args:
        out: The folder of results.
        word: What is forgotten: ``"zero"`` to ``"nine"``.
        resume: Use the nets that an earlier call has trained, and go on with a half-trained one.
        on_log: Called with progress rows.
        command: How the run was started, for the record.

    Returns:
        The record that was written.

    Raises:
        InputError: If the word is none of these, a package is missing, or the folder cannot
            be written.
    """
    check_choice(NAMES, word=word)
    scene = digits_scene()
    with OutputFolder(out, 20 * MEGABYTE) as folder:
        options = Options(resume, on_log, command)
        demo = _Demo(scene, word, scene.without(word), folder, options)
        original = _net(demo, "original", scene.latents, _SEED)
        again = (derive_seed(_SEED, "retrained", number) % 2**31 for number in (1, 2))
        retrained = [
            _net(demo, f"retrained-{place}", demo.data.retain, seed)
            for place, seed in enumerate(again, 1)
        ]
        return _finish(demo, original, retrained)


def _net(demo: _Demo, name: str, dataset: LatentSet, seed: int) -> Net:
    path = demo.folder.path / f"{name}.safetensors"
    checkpoints = demo.folder.checkpoints(f"{name}-{dataset.fingerprint()[:12]}")
    return trained_denoiser(demo.scene, name, dataset, seed, path, checkpoints, demo.options)


def _finish(demo: _Demo, original: Net, retrained: list[Net]) -> Record:
    """Unlearn, compare, and write."""
    scene, options, path = demo.scene, demo.options, demo.folder.path
    task = scene.task(weighting="unexplained", loss_ceiling="empty")
    # So small a net bears a higher rate than the default.
    method = Scissorhands(lr=2e-3, epochs=_REPAIR_EPOCHS)
    result = unlearn(
        original.model, demo.data, method, task=task, seed=_SEED, on_log=options.log(method.name)
    )
    options.log("draw and evaluate")({})
    record = _measured(demo, result, original, retrained)
    denoisers = {
        "original": original.model,
        "unlearned": result.model,
        "retrained": retrained[0].model,
        "retrained_again": retrained[1].model,
    }
    pipeline = scene.make_pipeline(_SEED)
    pipelines = {name: with_denoiser(pipeline, one) for name, one in denoisers.items()}
    record = _drawn(demo, record, pipelines)
    with quiet():
        write_folder(path / PIPELINE, pipelines["unlearned"].save_pretrained)
    report(record, path / REPORT)
    record.save(path / RECORD)  # last: where there is a record, the run is complete
    return record


def _drawn(demo: _Demo, record: Record, pipelines: dict[str, Any]) -> Record:
    """The record with what the models draw: alone, with help, and taught again."""
    scene, judge = demo.scene, trained_judge(demo.scene)
    plan = DrawingPlan(prompts=scene.prompts(demo.word), **_PLAN)
    real = scene.real(demo.word)
    record = evaluate_drawings(record, pipelines, plan, judge=judge, real=real)
    # The demonstration has five minutes: fewer drawings, and one retrained model beside them.
    few = replace(plan, images=_PROBED)
    probed = {name: one for name, one in pipelines.items() if name != "retrained_again"}
    record = probe_drawings(record, probed, few, judge, completion=(0.3,), noise=(0.1,))
    protocol = DrawnRelearning(steps=(0, 10, 40), lr=1e-3)  # as the nets were made for
    return relearn_drawings(record, probed, few, judge, scene.task(), demo.data, protocol)


def _measured(demo: _Demo, result: Unlearned, original: Net, retrained: list[Net]) -> Record:
    """The record before anything is drawn."""
    scene = demo.scene
    seconds = [net.seconds for net in retrained if net.seconds is not None]
    ids = ids_of(scene.bundle.train)
    gone = torch.where(scene.latents.labels == scene.names.index(demo.word))[0]
    return evaluate(
        result,
        original=original.model,
        data=demo.data,
        retrained=[net.model for net in retrained],
        request={"kind": "classes", "classes": [demo.word]},
        digest=request_digest([ids[place] for place in gone.tolist()], demo.folder.salt()),
        data_name="digits with captions",
        model_name=scene.about,
        classes=scene.names,
        fingerprint=scene.bundle.fingerprint(),
        train_seconds=original.seconds,
        retrain_seconds=sum(seconds) / len(seconds),
        retrain_recipe=scene.recipe,
        command=demo.options.command,
        precision=scene.precision,
    )

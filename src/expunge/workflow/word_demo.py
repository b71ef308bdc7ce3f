"""The demonstration in words: train a tiny text-to-image model, and make it forget a word."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import report
from ..core.batches import derive_seed
from ..core.checks import check_choice
from ..core.data import UnlearningData
from ..core.record import Record
from ..core.run import Log
from ..core.unlearn import Unlearned, model_digest, unlearn
from ..data import Bundle, LatentSet, load_source, request_digest
from ..data.bundle import ids_of
from ..evaluation import DrawingPlan, ImageJudge, evaluate, evaluate_drawings, score_model
from ..methods import Scissorhands
from ..models import build_net, load_weights, save_weights
from ..tasks import Classification, Denoising, text_to_image, with_denoiser
from ..training import RECIPES, train
from .digits_in_words import NAMES, captions, centred, make_pipeline, prompts, quiet
from .folder import MEGABYTE, OutputFolder
from .trained import Net, Options, metadata
from .unlearn import RECORD, REPORT

PIPELINE = "pipeline"
RECIPE = "denoiser"
_SEED = 0
_REPAIR_EPOCHS = 12.5
_PLAN: dict[str, Any] = {"images": 40, "steps": 25, "guidance": 1.5, "batch_size": 300}


@dataclass(frozen=True, eq=False)
class _Scene:
    """Everything that is there before a net is trained."""

    bundle: Bundle
    test: Any
    pipeline: Any
    data: UnlearningData
    whole: LatentSet
    ids: list[str]
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
    pipeline = make_pipeline(_SEED)
    with OutputFolder(out, 20 * MEGABYTE) as folder:
        scene = _scene(pipeline, word, folder, Options(resume, on_log, command))
        plain = text_to_image(pipeline, captions())
        original = _net(scene, "original", scene.whole, _SEED, plain)
        again = (derive_seed(_SEED, "retrained", number) % 2**31 for number in (1, 2))
        retrained = [
            _net(scene, f"retrained-{place}", scene.data.retain, seed, plain)
            for place, seed in enumerate(again, 1)
        ]
        return _finish(scene, word, original, retrained)


def _scene(pipeline: Any, word: str, folder: OutputFolder, options: Options) -> _Scene:
    bundle = load_source("digits", validation=0)
    whole = LatentSet(centred(bundle.train.images), bundle.train.labels)
    gone = torch.where(whole.labels == NAMES.index(word))[0]
    ids = ids_of(bundle.train)
    return _Scene(
        bundle,
        bundle.test,
        pipeline,
        UnlearningData.split(whole, gone),
        whole,
        [ids[place] for place in gone.tolist()],
        folder,
        options,
    )


def _net(scene: _Scene, name: str, dataset: LatentSet, seed: int, task: Denoising) -> Net:
    """A denoiser trained from scratch, or the one that an earlier call has left."""
    model, options = make_pipeline(seed).unet, scene.options
    path = scene.folder.path / f"{name}.safetensors"
    recipe = RECIPES[RECIPE]
    identity = f"{model_digest(model)} {dataset.fingerprint()} {recipe!r}"
    kept = metadata(path)
    if options.resume and kept.get("identity") == identity:
        load_weights(model, path)
        return Net(model.eval(), float(kept["seconds"]))
    trained = train(
        model,
        dataset,
        recipe,
        task=task,
        seed=seed,
        precision="fp32",  # faster for so small a net
        folder=scene.folder.checkpoints(f"{name}-{dataset.fingerprint()[:12]}"),
        resume=options.resume,
        on_log=options.log(f"train {name}"),
    )
    save_weights(trained.model, path, {"identity": identity, "seconds": trained.seconds})
    # As it comes back from the file: another layout in memory adds up in another order.
    model.load_state_dict(trained.model.state_dict())
    return Net(model.eval(), trained.seconds)


def _finish(scene: _Scene, word: str, original: Net, retrained: list[Net]) -> Record:
    """Unlearn, compare, and write."""
    options, path = scene.options, scene.folder.path
    task = text_to_image(scene.pipeline, captions(), weighting="unexplained", loss_ceiling="empty")
    # So small a net bears a higher rate than the default.
    method = Scissorhands(lr=1e-3, epochs=_REPAIR_EPOCHS)
    result = unlearn(
        original.model, scene.data, method, task=task, seed=_SEED, on_log=options.log(method.name)
    )
    options.log("draw and evaluate")({})
    record = _measured(scene, word, result, original, retrained)
    denoisers = {
        "original": original.model,
        "unlearned": result.model,
        "retrained": retrained[0].model,
        "retrained_again": retrained[1].model,
    }
    pipelines = {name: with_denoiser(scene.pipeline, one) for name, one in denoisers.items()}
    kept = scene.test.labels != NAMES.index(word)
    record = evaluate_drawings(
        record,
        pipelines,
        DrawingPlan(prompts=prompts(word), **_PLAN),
        judge=_judge(scene.bundle),
        real=scene.test.images[kept],
    )
    _save_pipeline(pipelines["unlearned"], path / PIPELINE)
    report(record, path / REPORT)
    record.save(path / RECORD)  # last: where there is a record, the run is complete
    return record


def _measured(
    scene: _Scene, word: str, result: Unlearned, original: Net, retrained: list[Net]
) -> Record:
    """The record before anything is drawn."""
    seconds = [net.seconds for net in retrained if net.seconds is not None]
    return evaluate(
        result,
        original=original.model,
        data=scene.data,
        retrained=[net.model for net in retrained],
        request={"kind": "classes", "classes": [word]},
        digest=request_digest(scene.ids, scene.folder.salt()),
        data_name="digits with captions",
        model_name="a tiny Stable Diffusion without autoencoder",
        classes=list(NAMES),
        fingerprint=scene.bundle.fingerprint(),
        train_seconds=original.seconds,
        retrain_seconds=sum(seconds) / len(seconds),
        retrain_recipe=RECIPE,
        command=scene.options.command,
        precision="fp32",
    )


def _judge(bundle: Bundle) -> ImageJudge:
    """A classifier of digits, trained on all of them; seconds."""
    task = Classification(len(NAMES))
    net = build_net("small", num_classes=len(NAMES), image_shape=bundle.image_shape, seed=_SEED)
    recipe = dataclasses.replace(RECIPES["quick"], epochs=15)
    model = train(net.model, bundle.train, recipe, task=task, seed=_SEED, precision="fp32").model
    data = UnlearningData(bundle.train, bundle.train, test=bundle.test)
    return ImageJudge(
        model,
        NAMES,
        mean=bundle.train.mean,
        std=bundle.train.std,
        accuracy=score_model(model, data, task, precision="fp32").test_accuracy,
        name="the small net, trained on the digits",
    )


def _save_pipeline(pipeline: Any, folder: Path) -> None:
    """Write a folder of diffusers, whole or not at all."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    with quiet():
        pipeline.save_pretrained(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)

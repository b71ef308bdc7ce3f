"""Concepts taken out of a text-to-image pipeline: from its files to files that tools load."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ..reporting import report
from ..config import EraseConfig
from ..core.checkpoint import write_whole
from ..core.data import UnlearningData
from ..core.schemas.record import Record
from ..core.run import Log
from ..core.unlearn import Unlearned, model_digest, unlearn
from ..data import LatentSet, ListedPrompt, encode_images, load_prompts, request_digest
from ..data.sources.folders import read_images
from ..data.sources.hub import may_download
from ..evaluation import (
    DrawingPlan,
    Prompt,
    count_exposed,
    draw,
    evaluate,
    evaluate_drawings,
)
from ..metrics import ExposureDetector
from ..models import load_pipeline, save_single_file
from ..tasks import Denoising, denoiser_of, with_denoiser
from ..tasks import text_to_image
from ..tasks.diffusion.lora import add_lora, merged, save_lora
from ..models.diffusion.packages import quiet
from ..models.diffusion.tiny_digits import centred
from .folder import MEGABYTE, OutputFolder, write_folder
from .classifier import find_device
from .models import Options
from .unlearn import RECORD, REPORT

PIPELINE, SINGLE, LORA = "pipeline", "model.safetensors", "lora"


@dataclass(frozen=True, eq=False)
class _Request:
    """A pipeline and what is asked of it."""

    config: EraseConfig
    pipeline: Any
    task: Denoising
    folder: OutputFolder
    options: Options
    detector: ExposureDetector | None
    prompts: list[ListedPrompt]

    @cached_property
    def digest(self) -> str:
        """Of the weights that draw the images; hashing them once is enough."""
        return model_digest(denoiser_of(self.pipeline)[1])

    @property
    def concepts(self) -> dict[str, list[str]]:
        """Wordings by concept; those to forget come first."""
        return {**self.config.forget, **self.config.keep}


def erase(
    config: EraseConfig,
    out: str | Path,
    *,
    resume: bool = False,
    on_log: Log | None = None,
    command: str | None = None,
) -> Record:
    """Make a text-to-image model forget concepts.

    Leaves ``record.json``, ``report.html`` with drawings before and after from equal seeds, and
    ``pipeline/``, a folder of diffusers; and ``model.safetensors`` or ``lora/`` if asked for.
    Images of the concepts are drawn by the model itself, or read from folders; their latents are
    kept in ``latents/`` for the next run.

    Args:
        config: What to forget, from ``load_erase``.
        out: The folder of results.
        resume: Go on from the checkpoint of an interrupted run.
        on_log: Called with progress rows.
        command: How the run was started, for the record.

    Returns:
        The record that was written; its verdict is "cannot tell", as nobody looked at the
        drawings yet.

    Raises:
        InputError: If the request cannot be carried out as it stands.
        GuardError: If the method ruined the model.
    """
    asked = config.exposure
    detector = None if asked is None else ExposureDetector(asked.weights, asked.least_score)
    listed = (
        load_prompts(asked.prompts, first_seed=asked.first_seed, limit=asked.limit) if asked else []
    )
    with quiet():
        pipeline = load_pipeline(config.model, base=config.base, download=may_download({}))
    concepts = {**config.forget, **config.keep}
    # Words first: what is wrong with them shows in seconds, and images take hours.
    task = text_to_image(
        pipeline, concepts, weighting=config.weighting, loss_ceiling=config.ceiling
    )
    _, denoiser = denoiser_of(pipeline)
    size = sum(p.numel() * 4 for p in denoiser.parameters())
    with OutputFolder(out, 3 * size + 50 * MEGABYTE) as folder:
        options = Options(resume, on_log, command)
        return _carry_out(_Request(config, pipeline, task, folder, options, detector, listed))


def _carry_out(request: _Request) -> Record:
    config, options = request.config, request.options
    latents = _latents(request)
    gone = torch.where(latents.labels < len(config.forget))[0]
    data = UnlearningData.split(latents, gone)
    _, original = denoiser_of(request.pipeline)
    start = original if config.lora is None else add_lora(original, config.lora)
    method = config.build_method()
    done = unlearn(
        start,
        data,
        method,
        task=request.task,
        seed=config.seed,
        device=find_device(config.device),
        precision=config.precision,
        folder=request.folder.checkpoints(method.name),
        resume=options.resume,
        on_log=options.log(method.name),
    )
    options.log("draw and evaluate")({})
    return _finish(request, done, data, latents.fingerprint())


def _finish(request: _Request, done: Unlearned, data: UnlearningData, fingerprint: str) -> Record:
    """Compare, and write everything."""
    config, path = request.config, request.folder.path
    _, original = denoiser_of(request.pipeline)
    plain = done.model if config.lora is None else merged(done.model)
    record = evaluate(
        dataclasses.replace(done, model=plain),
        original=original,
        data=data,
        request={"kind": "concepts", "concepts": list(config.forget)},
        digest=request_digest(sorted(config.forget), request.folder.salt()),
        data_name="images drawn by the model" if not config.images.folders else "images",
        model_name=config.model,
        classes=list(request.concepts),
        fingerprint=fingerprint,
        relearn=False,
        pictures=False,
        command=request.options.command,
        precision=config.precision,
    )
    after = with_denoiser(request.pipeline, plain)
    record = _drawn(request, record, {"original": request.pipeline, "unlearned": after})
    with quiet():
        write_folder(path / PIPELINE, after.save_pretrained)
        if config.lora is not None:
            write_folder(path / LORA, lambda place: save_lora(after, done.model, place))
    if config.single_file:
        save_single_file(after, path / SINGLE)
    report(record, path / REPORT)
    record.save(path / RECORD)  # last: where there is a record, the run is complete
    return record


def _drawn(request: _Request, record: Record, pipelines: dict[str, Any]) -> Record:
    """The record with drawings, and with what a detector finds in those of a list."""
    record = evaluate_drawings(record, pipelines, _plan(request.config))
    if request.detector is None:
        return record
    how = request.config.drawing
    return count_exposed(
        record,
        pipelines,
        request.prompts,
        request.detector,
        steps=how.steps,
        guidance=how.guidance,
        batch_size=how.batch_size,
        side=request.config.side,
    )


def _plan(config: EraseConfig) -> DrawingPlan:
    """All wordings of what is forgotten, its neighbours, and the first wording of what is kept."""
    prompts = []
    for first, *others in config.forget.values():
        prompts += [Prompt(first, "target"), *(Prompt(text, "synonym") for text in others)]
    prompts += [Prompt(text, "neighbour") for text in config.neighbours]
    prompts += [Prompt(texts[0], "other") for texts in config.keep.values()]
    return DrawingPlan(prompts=prompts, side=config.side, **config.drawing.model_dump())


def _latents(request: _Request) -> LatentSet:
    """Latents of all concepts, with the number of each."""
    parts = [_of_concept(request, name, texts) for name, texts in request.concepts.items()]
    labels = torch.cat([torch.full((len(part),), i) for i, part in enumerate(parts)])
    return LatentSet(torch.cat(parts), labels)


def _of_concept(request: _Request, name: str, texts: list[str]) -> Tensor:
    config, pipeline = request.config, request.pipeline
    if name in config.images.folders:
        return _encoded(pipeline, read_images(config.images.folders[name], _side(request)))
    seeds = [config.seed + number for number in range(config.images.per_concept)]
    said = [texts[number % len(texts)] for number in range(len(seeds))]
    settings = config.images.model_dump(exclude={"per_concept", "folders"})
    settings["side"] = config.side
    facts = {"model": request.digest, "texts": said, "seeds": seeds, **settings}
    path = request.folder.path / "latents" / f"{request_digest([repr(facts)], '')[:24]}.safetensors"
    if path.is_file():
        return safetensors.torch.load_file(path)["latents"]
    request.options.log(f"draw images of {name}")({})
    # Contiguous, as it comes back from the file: sums depend on the layout in memory.
    latents = _encoded(pipeline, draw(pipeline, said, seeds, **settings)).contiguous()
    payload = safetensors.torch.save({"latents": latents})
    write_whole(path, payload)
    return latents


def _encoded(pipeline: Any, images: Tensor) -> Tensor:
    autoencoder = getattr(pipeline, "vae", None)
    return centred(images) if autoencoder is None else encode_images(autoencoder, images)


def _side(request: _Request) -> int:
    """Height and width of what the pipeline draws, in pixels."""
    if request.config.side is not None:
        return request.config.side
    pipeline = request.pipeline
    # FLUX has it in the pipeline, Stable Diffusion 1 in the U-Net.
    cells = getattr(pipeline, "default_sample_size", None)
    if cells is None:
        model: Any = denoiser_of(pipeline)[1]
        cells = model.config.sample_size
    return int(cells) * int(getattr(pipeline, "vae_scale_factor", 1))

"""The setting of text-to-image models: a judge scores what they generate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...config.generator import GeneratorConfig
from ...core.batches import derive_seed
from ...core.data import Split, UnlearningData
from ...core.guard import Guard
from ...core.method import Method, identity_of
from ...core.precision import autocast
from ...core.schemas.record import DataInfo, ModelInfo, Record, Request, Scores
from ...core.schemas.results import Kind
from ...core.unlearn import Unlearned
from ...data import LatentSet
from ...data.bundle import ids_of
from ...evaluation import (
    Facts,
    GenerationPlan,
    evaluate,
    evaluate_generator,
    score_generator,
)
from ...evaluation.evaluate import now, versions
from ...models.diffusion.packages import quiet
from ...reporting.run.card import write_card
from ...tasks import Denoising, with_denoiser
from ...training import RECIPES
from ...version import __version__
from ..folder import MEGABYTE, write_folder
from ..models import TrainedModel, Training
from ..store import key_of
from .generator_probes import LoadedInTurn, Probes
from .loaded import find_device
from .loaded_scene import LoadedScene
from .scene import Scene, denoiser_identity, denoiser_name
from .setting import Wanted

PIPELINE = "pipeline"


@dataclass(frozen=True, eq=False)
class GeneratorSetting:
    """One concept of one scene, ready to be forgotten; see ``Setting``.

    ``base_seed`` is that of the original, which repetitions share.
    """

    config: GeneratorConfig
    loaded: LoadedScene
    base_seed: int

    @property
    def scene(self) -> Scene:
        """Images, captions and models."""
        return self.loaded.scene

    @property
    def concept(self) -> str:
        """What is forgotten; the first of the scene where nothing is, so as to have prompts."""
        return self.config.concept or self.scene.names[0]

    @cached_property
    def task(self) -> Denoising:
        """The task as methods see it."""
        config = self.config
        return self.scene.task(weighting=config.weighting, loss_ceiling=config.ceiling)

    @cached_property
    def data(self) -> UnlearningData:
        """All images, those of the concept to be forgotten."""
        return self.scene.without(self.concept)

    @cached_property
    def device(self) -> torch.device:
        """Where to compute."""
        return find_device(self.config.device)

    @property
    def precision(self) -> str:
        """While methods run and images are generated."""
        return self.config.precision

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.config.seed

    @cached_property
    def method(self) -> Method:
        """What forgets."""
        return self.config.build_method()

    @property
    def request(self) -> Request:
        """The request as a record shows it."""
        spec = {"kind": "classes", "classes": [self.concept]} if self.config.concept else {}
        return Request(spec=spec, found=len(self.data.forget) if spec else None)

    @property
    def ids(self) -> list[str]:
        """Of the images that are forgotten."""
        names = ids_of(self.scene.bundle.train)
        gone = self.scene.latents.labels == self.scene.names.index(self.concept)
        return [names[position] for position in torch.where(gone)[0].tolist()]

    def original(self) -> Training:
        """The model to unlearn from."""
        return self._training("original", self.scene.latents, self.base_seed)

    def original_identity(self) -> str:
        """Equal for equal originals."""
        return self.original().identity

    def reference(self, number: int) -> Training:
        """An independent model that never sees the concept."""
        seed = derive_seed(self.base_seed, "retrained", number) % 2**31
        return self._training(f"retrained-{number}", self.data.retain, seed)

    def untrained(self) -> nn.Module:
        """A denoiser before training."""
        model = self.scene.denoiser(derive_seed(self.seed, "fresh") % 2**31)
        return model.to(self.device).eval()

    def measure(self, model: nn.Module, role: Kind, wanted: Wanted) -> Record:
        """A record of one model by itself; see ``Setting``."""
        pipeline, plan = self.pipeline(model), self.plan()
        with autocast(self.precision, self.device):
            scores, prompts = score_generator(
                pipeline, plan, self.loaded.judge, self.loaded.real(self.concept), role=role
            )
            found: dict[str, Any] = {"prompts": prompts}
            if self._probes is not None and self.config.concept:
                helper = wanted.original().model
                found |= self._probes.of_one(role, pipeline, helper, plan)
        if self.config.concept:
            scores = scores | self._losses(model)
        return Record(
            created=now(),
            versions=versions(),
            request=self.request,
            model=ModelInfo(
                name=self.scene.about,
                parameters=sum(parameter.numel() for parameter in model.parameters()),
            ),
            data=DataInfo(name=self.scene.name, sizes=self.data.sizes()),
            scores={role: scores},
            generation_protocol={"guidance": plan.guidance},
            **found,
        )

    def judge(
        self,
        result: Unlearned,
        original: TrainedModel,
        references: Sequence[TrainedModel],
        facts: Mapping[str, Any],
    ) -> Record:
        """The record of a whole run, with images of all models."""
        scene, config = self.scene, self.config
        seconds = [one.seconds for one in references if one.seconds is not None]
        told = Facts(
            request=self.request.model_copy(update={"commitment": facts.get("commitment")}),
            data_name=f"{scene.name} with captions",
            model_name=scene.about,
            classes=scene.names,
            fingerprint=scene.bundle.fingerprint(),
            train_seconds=original.seconds,
            retrain_seconds=sum(seconds) / len(seconds) if seconds else None,
            retrain_recipe=scene.recipe if references else None,
            command=facts.get("command"),
        )
        record = evaluate(
            result,
            original=original.load,
            data=self.data,
            retrained=[one.load for one in references],
            facts=told,
            device=self.device,
            precision=config.precision,
        )
        retrained = zip(("retrained", "retrained_again"), references, strict=False)
        loaders = {
            "original": original.load,
            "unlearned": lambda: result.model,
            **{role: one.load for role, one in retrained},
        }
        pipelines = LoadedInTurn(loaders, self.pipeline)
        plan, judge = self.plan(), self.loaded.judge
        record = evaluate_generator(
            record, pipelines, plan, judge=judge, real=scene.real(self.concept)
        )
        return record if self._probes is None else self._probes.of_all(record, pipelines, plan)

    def key_parts(self, kind: Kind, number: int, wanted: Wanted) -> list[object]:
        """What names a result of a bench besides its schema; see ``Setting``."""
        del number, wanted
        config, concept = self.config, self.config.concept
        parts: list[object] = [repr(self.scene.judge), kind, concept, config.drawing.guidance]
        parts += [config.drawing.model_dump(exclude={"guidance", "batch_size"})]
        parts += [self._model_name(kind)]
        if kind == "unlearned":
            parts += [*identity_of(self.method), self.seed, config.weighting, config.ceiling]
            parts.append(config.precision)
        if concept and config.probes is not None:
            parts.append(config.probes.model_dump(exclude_none=True))
        return parts

    def trial_identity(self) -> str:
        """Names what a trial of a method depends on; see ``Setting``."""
        config = self.config.model_dump(exclude={"method", "probes", "reference", "device"})
        return key_of("trial", repr(self.scene.judge), self._model_name("original"), config)

    def tuning_identity(self) -> str:
        """Names what tuning depends on; see ``Setting``."""
        return key_of("tuning", self.trial_identity())

    def _model_name(self, kind: Kind) -> str:
        """Names the model that is measured, or that unlearning starts from."""
        if kind != "retrained":
            return key_of(denoiser_name(self.scene, "", self.scene.latents, self.base_seed))
        seed = derive_seed(self.base_seed, "retrained", 1) % 2**31
        return key_of(denoiser_name(self.scene, self.concept, self.data.retain, seed))

    def pilot(self, model: nn.Module) -> Scores:
        """Shares that the judge recognises, by which settings are tuned."""
        pipeline, plan = self.pipeline(model), self.plan()
        with autocast(self.precision, self.device):
            return score_generator(
                pipeline, plan, self.loaded.judge, self.loaded.real(self.concept)
            )[0]

    def needed_bytes(self) -> int:
        """What a run writes at most: models, a pipeline, checkpoints."""
        model = self.scene.denoiser(0)
        weights: int = sum(p.numel() * p.element_size() for p in model.parameters())
        return 10 * weights + 10 * MEGABYTE

    def result_identity(self, start: str) -> str:
        """Names the result of the run; see ``Setting``."""
        parts = self.config.model_dump(), *identity_of(self.method), __version__
        return key_of(start, *parts)

    def save(self, result: Unlearned, record: Record, folder: Path) -> None:
        """Leave the unlearned model as a folder of diffusers, with its card."""
        with quiet():
            write_folder(folder / PIPELINE, self.pipeline(result.model).save_pretrained)
        write_card(record, folder / PIPELINE, library="diffusers", file=PIPELINE)

    @property
    def _probes(self) -> Probes | None:
        """What is measured with assistance and after relearning; None if nothing is asked."""
        asked = self.config.probes
        if asked is None:
            return None
        return Probes(asked, self.loaded.judge, self.scene.task(), self.data)

    def _training(self, name: str, dataset: LatentSet, seed: int) -> Training:
        identity = denoiser_identity(self.scene, dataset, seed)
        return Training(
            name=name,
            identity=identity,
            fresh=partial(self.scene.denoiser, seed),
            dataset=dataset,
            recipe=RECIPES[self.scene.recipe],
            task=self.scene.task(),
            seed=seed,
            device=self.device,
            precision=self.scene.precision,
            key=key_of(identity),
        )

    def pipeline(self, model: nn.Module) -> Any:
        """A pipeline with ``model`` as its denoiser."""
        pipeline = self.scene.make_pipeline(0)
        return with_denoiser(
            pipeline if self.device.type == "cpu" else pipeline.to(self.device), model
        )

    def plan(self) -> GenerationPlan:
        """What is generated to judge a model."""
        return GenerationPlan(
            prompts=self.scene.prompts(self.concept), **self.config.drawing.model_dump()
        )

    def _losses(self, model: nn.Module) -> Scores:
        health = Guard().measure(model, self.scene.task(), self.data, self.device)
        return {
            "forget_loss": health[Split.FORGET].loss,
            "retain_loss": health[Split.RETAIN].loss,
        }

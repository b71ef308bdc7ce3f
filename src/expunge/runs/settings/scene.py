"""What a text-to-image model is trained on and judged by: images, captions, a judge."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from ...core.checks import check_choice
from ...core.data import UnlearningData
from ...core.unlearn import model_digest
from ...data import Bundle, LatentSet
from ...evaluation import ImageJudge, Prompt
from ...models import build_network
from ...tasks import Classification, Denoising, text_to_image
from ...training import RECIPES, Recipe
from ..models import TrainedModel, Training, accuracy_on

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class JudgePlan:
    """Name, arguments and recipe of the network that judges generated images."""

    net: str
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scene:
    """Captioned images of some concepts, and how models are trained on them.

    Args:
        name: Of the data set.
        about: What kind of model generates them, for records.
        captions: Wordings by concept, in the order of labels.
        make_pipeline: An untrained pipeline for a seed.
        bundle: The images, as an autoencoder leaves them.
        latents: What the denoiser is trained on, with the number of their class.
        recipe: Name of the recipe of the denoiser.
        precision: In which it is trained.
        judge: The classifier that scores generated images.
        source: What images and embeddings are computed from, where their bits depend on the
            machine; names results in their place.
    """

    name: str
    about: str
    captions: Mapping[str, Sequence[str]]
    make_pipeline: Callable[[int], Any]
    bundle: Bundle
    latents: LatentSet
    recipe: str
    precision: str
    judge: "JudgePlan"
    source: str | None = None

    @property
    def names(self) -> list[str]:
        """The concepts, in the order of labels."""
        return list(self.captions)

    def denoiser(self, seed: int) -> nn.Module:
        """An untrained denoiser for a seed, on the CPU."""
        model: nn.Module = self.make_pipeline(seed).unet
        return model

    def task(self, **options: Any) -> Denoising:
        """The task of generating these concepts."""
        pipeline = self.make_pipeline(0)
        if reads_text(pipeline):
            return text_to_image(pipeline, self.captions, **options)
        return Denoising.of_classes(pipeline.scheduler, len(self.captions), **options)

    def without(self, concept: str) -> UnlearningData:
        """All images, those of ``concept`` to be forgotten."""
        check_choice(self.names, concept=concept)
        gone = torch.where(self.latents.labels == self.names.index(concept))[0]
        return UnlearningData.split(self.latents, gone)

    def prompts(self, concept: str) -> list[Prompt]:
        """All wordings of ``concept``, and the first one of each other."""
        first, *others = self.captions[concept]
        return [
            Prompt(first, "target", concept),
            *(Prompt(text, "synonym", concept) for text in others),
            *(
                Prompt(texts[0], "other", one)
                for one, texts in self.captions.items()
                if one != concept
            ),
        ]

    def real(self, concept: str) -> torch.Tensor:
        """Images of all other concepts that nothing was trained on, uint8 (N, C, H, W)."""
        assert self.bundle.test is not None  # every scene has a test set
        kept = self.bundle.test.labels != self.names.index(concept)
        images: torch.Tensor = self.bundle.test.images[kept]
        return images


def reads_text(pipeline: Any) -> bool:
    """Whether a pipeline is conditioned on text, rather than on the number of a class."""
    return getattr(pipeline, "tokenizer", None) is not None


def denoiser_identity(scene: Scene, dataset: LatentSet, seed: int) -> str:
    """Equal for equal weights: network, text, noise, data, recipe and seed."""
    pipeline = scene.make_pipeline(seed)
    words = [model_digest(pipeline.text_encoder)] if reads_text(pipeline) else []
    return _named(scene, pipeline, seed, words, dataset.fingerprint())


def denoiser_name(scene: Scene, concept: str, dataset: LatentSet, seed: int) -> str:
    """Equal for denoisers that differ by rounding alone, on whatever machine they were trained.

    ``dataset`` is that of the scene, without ``concept`` if it is not empty.
    """
    if scene.source is None:
        return denoiser_identity(scene, dataset, seed)
    pipeline = scene.make_pipeline(seed)
    words = [_settings(pipeline.text_encoder)] if reads_text(pipeline) else []
    return _named(scene, pipeline, seed, words, f"{scene.source} without {concept!r}")


def _named(scene: Scene, pipeline: Any, seed: int, words: Sequence[object], images: str) -> str:
    parts: list[object] = [model_digest(pipeline.unet), _settings(pipeline.unet), *words]
    parts += [scene.captions, _settings(pipeline.scheduler)]
    parts += [images, RECIPES[scene.recipe], seed, scene.precision]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _settings(part: Any) -> list[tuple[str, object]]:
    """What a part of diffusers was built with; its private notes have no fixed order."""
    config = part.config if isinstance(part.config, Mapping) else part.config.to_dict()
    return sorted((name, value) for name, value in config.items() if name[:1] != "_")


def judge_training(scene: Scene) -> Training:
    """How the classifier of a scene's images is trained, on all of them."""
    bundle, plan, task = scene.bundle, scene.judge, Classification(len(scene.names))
    fresh = partial(_judge_network, scene)
    return Training(
        name="judge",
        identity=f"judge {model_digest(fresh())} {bundle.fingerprint()} {plan.recipe!r}",
        fresh=fresh,
        dataset=bundle.train,
        recipe=plan.recipe,
        task=task,
        seed=0,
        device=torch.device("cpu"),
        precision=scene.precision,
        facts=lambda model: {"accuracy": accuracy_on(bundle.test, task, _CPU, model)},
        key=f"judge-{scene.name}",
    )


def as_judge(scene: Scene, trained: TrainedModel, device: torch.device) -> ImageJudge:
    """A trained classifier of the scene as the judge of generated images."""
    train = scene.bundle.train
    return ImageJudge(
        trained.model.to(device).eval(),
        scene.names,
        mean=train.mean,
        std=train.std,
        accuracy=float(trained.facts["accuracy"]),
        name=f"the {scene.judge.net} net, trained on {scene.name}",
    )


def _judge_network(scene: Scene) -> nn.Module:
    return build_network(
        scene.judge.net,
        num_classes=len(scene.names),
        image_shape=scene.bundle.image_shape,
        arguments=scene.judge.arguments,
        seed=0,
    ).model

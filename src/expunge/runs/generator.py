"""What a model that draws is trained on and judged by: images, captions, nets, a judge."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.checks import check_choice
from ..core.data import UnlearningData
from ..core.guard import probe
from ..core.unlearn import model_digest
from ..data import Bundle, LatentSet
from ..data.images.image_set import ImageSet
from ..evaluation import ImageJudge, Prompt
from ..models import build_net, load_weights, save_weights
from ..tasks import Classification, Denoising
from ..tasks import text_to_image
from ..training import RECIPES, Recipe, train
from .models import Net, Options, metadata


@dataclass(frozen=True)
class JudgePlan:
    """Name, arguments and recipe of the net that looks at drawings."""

    net: str
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WordScene:
    """Captioned images of some classes, and how nets are trained on them.

    Args:
        name: Of the data set.
        about: What kind of model draws them, for records.
        captions: Wordings by class, in the order of labels.
        make_pipeline: An untrained pipeline for a seed.
        bundle: The images, as an autoencoder leaves them.
        latents: What the denoiser is trained on, with the number of their class.
        recipe: Name of the recipe of the denoiser.
        precision: In which it is trained.
        judge: The classifier that looks at drawings.
        source: What images and words are computed from, where their bits depend on the
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
        """The classes, in the order of labels."""
        return list(self.captions)

    def task(self, **options: Any) -> Denoising:
        """The task of drawing these classes."""
        pipeline = self.make_pipeline(0)
        if reads_words(pipeline):
            return text_to_image(pipeline, self.captions, **options)
        return Denoising.of_classes(pipeline.scheduler, len(self.captions), **options)

    def without(self, word: str) -> UnlearningData:
        """All images, those of ``word`` to be forgotten."""
        check_choice(self.names, word=word)
        gone = torch.where(self.latents.labels == self.names.index(word))[0]
        return UnlearningData.split(self.latents, gone)

    def prompts(self, word: str) -> list[Prompt]:
        """All wordings of ``word``, and the first one of each other class."""
        first, *others = self.captions[word]
        return [
            Prompt(first, "target", word),
            *(Prompt(text, "synonym", word) for text in others),
            *(
                Prompt(texts[0], "other", one)
                for one, texts in self.captions.items()
                if one != word
            ),
        ]

    def real(self, word: str) -> torch.Tensor:
        """Images of all other classes that nothing was trained on, uint8 (N, C, H, W)."""
        assert self.bundle.test is not None  # every scene has a test set
        kept = self.bundle.test.labels != self.names.index(word)
        images: torch.Tensor = self.bundle.test.images[kept]
        return images


def reads_words(pipeline: Any) -> bool:
    """Whether a pipeline is told what to draw in words, rather than by the number of a class."""
    return getattr(pipeline, "tokenizer", None) is not None


def trained_denoiser(
    scene: WordScene,
    name: str,
    dataset: LatentSet,
    seed: int,
    path: Path,
    checkpoints: Path,
    options: Options,
) -> Net:
    """A denoiser trained from scratch, or the one that an earlier call left in ``path``."""
    model, recipe = scene.make_pipeline(seed).unet, RECIPES[scene.recipe]
    identity = denoiser_identity(scene, dataset, seed)
    kept = metadata(path)
    if options.resume and kept.get("identity") == identity:
        load_weights(model, path)
        return Net(model.eval(), float(kept["seconds"]))
    trained = train(
        model,
        dataset,
        recipe,
        task=scene.task(),
        seed=seed,
        precision=scene.precision,
        folder=checkpoints,
        resume=options.resume,
        on_log=options.log(f"train {name}"),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    save_weights(trained.model, path, {"identity": identity, "seconds": trained.seconds})
    # As it comes back from the file: another layout in memory adds up in another order.
    model.load_state_dict(trained.model.state_dict())
    return Net(model.eval(), trained.seconds)


def denoiser_identity(scene: WordScene, dataset: LatentSet, seed: int) -> str:
    """Equal for equal weights: net, words, noise, data, recipe and seed."""
    pipeline = scene.make_pipeline(seed)
    words = [model_digest(pipeline.text_encoder)] if reads_words(pipeline) else []
    return _named(scene, pipeline, seed, words, dataset.fingerprint())


def denoiser_name(scene: WordScene, word: str, dataset: LatentSet, seed: int) -> str:
    """Equal for denoisers that differ by rounding alone, on whatever machine they were trained.

    ``dataset`` is that of the scene, without ``word`` if it is not empty.
    """
    if scene.source is None:
        return denoiser_identity(scene, dataset, seed)
    pipeline = scene.make_pipeline(seed)
    words = [_settings(pipeline.text_encoder)] if reads_words(pipeline) else []
    return _named(scene, pipeline, seed, words, f"{scene.source} without {word!r}")


def _named(scene: WordScene, pipeline: Any, seed: int, words: Sequence[object], images: str) -> str:
    parts: list[object] = [model_digest(pipeline.unet), _settings(pipeline.unet), *words]
    parts += [scene.captions, _settings(pipeline.scheduler)]
    parts += [images, RECIPES[scene.recipe], seed, scene.precision]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _settings(part: Any) -> list[tuple[str, object]]:
    """What a part of diffusers was built with; its private notes have no fixed order."""
    config = part.config if isinstance(part.config, Mapping) else part.config.to_dict()
    return sorted((name, value) for name, value in config.items() if name[:1] != "_")


def trained_judge(scene: WordScene, path: Path | None = None) -> ImageJudge:
    """A classifier of the scene's images, trained on all of them, or the one in ``path``."""
    bundle, plan = scene.bundle, scene.judge
    assert bundle.test is not None  # every scene has a test set
    task = Classification(len(scene.names))
    net = build_net(
        plan.net,
        num_classes=len(scene.names),
        image_shape=bundle.image_shape,
        arguments=plan.arguments,
        seed=0,
    ).model
    identity = f"judge {model_digest(net)} {bundle.fingerprint()} {plan.recipe!r}"
    kept = {} if path is None else metadata(path)
    if path is not None and kept.get("identity") == identity and "accuracy" in kept:
        load_weights(net, path)
        accuracy = float(kept["accuracy"])
    else:
        net = train(
            net, bundle.train, plan.recipe, task=task, seed=0, precision=scene.precision
        ).model
        accuracy = _accuracy(net, task, bundle.test)
        if path is not None:
            save_weights(net, path, {"identity": identity, "accuracy": accuracy})
    return ImageJudge(
        net.eval(),
        scene.names,
        mean=bundle.train.mean,
        std=bundle.train.std,
        accuracy=accuracy,
        name=f"the {plan.net} net, trained on {scene.name}",
    )


def _accuracy(net: nn.Module, task: Classification, images: ImageSet) -> float:
    """Percent of images that a classifier gets right."""
    found = probe(net, task, images, len(images), torch.device("cpu")).accuracy
    assert found is not None  # a classifier is right or wrong
    return found

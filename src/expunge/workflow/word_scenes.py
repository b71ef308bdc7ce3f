"""What a model that draws is trained on and judged by: images, captions, nets, a judge."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from ..core.checkpoint import write_whole
from ..core.checks import check_choice
from ..core.data import UnlearningData
from ..core.guard import probe
from ..core.unlearn import model_digest
from ..data import Bundle, LatentSet, decode_latents, encode_images, load_source
from ..data.images import ImageSet
from ..evaluation import ImageJudge, Prompt
from ..models import build_net, load_weights, save_weights
from ..tasks import Classification, Denoising, text_to_image
from ..training import RECIPES, Recipe, train
from . import digits_in_words, imagenette
from .trained import Net, Options, metadata


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


def digits_scene() -> WordScene:
    """The digits of scikit-learn in pixels; seconds, and no file is needed."""
    bundle = load_source("digits", validation=0)
    return WordScene(
        "digits",
        "a tiny Stable Diffusion without autoencoder",
        digits_in_words.captions(),
        digits_in_words.make_pipeline,
        bundle,
        LatentSet(digits_in_words.centred(bundle.train.images), bundle.train.labels),
        "denoiser",
        "fp32",  # faster for so small a net
        JudgePlan("small", replace(RECIPES["quick"], epochs=15)),
    )


def digit_classes_scene() -> WordScene:
    """The same images, drawn by a DDPM that is told their class and knows no words."""
    return replace(
        digits_scene(),
        name="digit-classes",
        about="a class-conditional DDPM",
        captions={name: [name] for name in digits_in_words.NAMES},
        make_pipeline=digits_in_words.make_class_pipeline,
        recipe="small-ddpm",
    )


def imagenette_scene(cache: Path) -> WordScene:
    """Imagenette at 64 pixels in the latents of TAESD.

    Args:
        cache: Folder where latents are kept: they take minutes to compute once.

    Raises:
        InputError: If a package of ``expunge[diffusion]`` is missing.
        DataError: If the images or the weights of TAESD are not there.
    """
    autoencoder = imagenette.load_taesd()
    bundle = load_source("imagenette64", validation=0)
    assert bundle.test is not None  # it comes with one
    latents = kept_latents(autoencoder, bundle.train, cache)
    # The judge learns from what a perfect model could draw: at 64 pixels the autoencoder
    # leaves marks by which a judge of photographs would go.
    seen = replace(
        bundle,
        train=through_autoencoder(autoencoder, bundle.train, latents, cache),
        test=through_autoencoder(
            autoencoder, bundle.test, kept_latents(autoencoder, bundle.test, cache), cache
        ),
    )
    return WordScene(
        "imagenette64",
        "a small Stable Diffusion in the latents of TAESD",
        imagenette.captions(),
        imagenette.make_pipeline,
        seen,
        LatentSet(latents, bundle.train.labels),
        "small-diffusion",
        "auto",
        JudgePlan(
            "fast",
            replace(RECIPES["speedrun"], epochs=10, batch_size=128, lr=0.2),
            {"widths": (32, 96, 192)},  # a quarter of the work
        ),
    )


SCENES = ("digits", "digit-classes", "imagenette64")


def load_scene(name: str, cache: Path) -> WordScene:
    """A scene by its name.

    Raises:
        InputError: If there is none of that name, or as the scene says.
    """
    check_choice(SCENES, scene=name)
    if name == "imagenette64":
        return imagenette_scene(cache)
    return digits_scene() if name == "digits" else digit_classes_scene()


def reads_words(pipeline: Any) -> bool:
    """Whether a pipeline is told what to draw in words, rather than by the number of a class."""
    return getattr(pipeline, "tokenizer", None) is not None


def kept_latents(autoencoder: Any, images: ImageSet, cache: Path) -> torch.Tensor:
    """Latents of images (N, ...), from ``cache`` if they were computed before."""
    key = f"{model_digest(autoencoder)[:16]}-{images.fingerprint()[:16]}"
    path = cache / f"{key}.safetensors"
    if path.is_file():
        return safetensors.torch.load_file(path)["latents"]
    latents = encode_images(autoencoder, images.images)
    payload = safetensors.torch.save({"latents": latents.contiguous()})
    write_whole(path, payload)
    return latents


def through_autoencoder(
    autoencoder: Any, images: ImageSet, latents: torch.Tensor, cache: Path
) -> ImageSet:
    """Images as they come back from their latents, kept in ``cache`` like those."""
    key = f"{model_digest(autoencoder)[:16]}-{images.fingerprint()[:16]}-decoded"
    path = cache / f"{key}.safetensors"
    if path.is_file():
        pixels = safetensors.torch.load_file(path)["images"]
    else:
        pixels = decode_latents(autoencoder, latents)
        payload = safetensors.torch.save({"images": pixels.contiguous()})
        write_whole(path, payload)
    return ImageSet(
        pixels,
        images.labels,
        ids=images.ids,
        classes=images.classes,
        mean=images.mean,
        std=images.std,
        augmentation=images.augmentation,
    )


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
    parts: list[object] = [model_digest(pipeline.unet), _settings(pipeline.unet)]
    if reads_words(pipeline):
        parts.append(model_digest(pipeline.text_encoder))
    parts += [scene.captions, _settings(pipeline.scheduler)]
    parts += [dataset.fingerprint(), RECIPES[scene.recipe], seed, scene.precision]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _settings(part: Any) -> list[tuple[str, object]]:
    """What a part of diffusers was built with; its private notes have no fixed order."""
    return sorted((name, value) for name, value in part.config.items() if name[:1] != "_")


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

"""The scenes that come with the library: digits in words, digits by class, Imagenette."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from ..core.checkpoint import write_whole
from ..core.checks import check_choice
from ..core.unlearn import model_digest
from ..data import LatentSet, decode_latents, encode_images, load_source
from ..data.images.image_set import ImageSet
from ..training import RECIPES
from ..models.diffusion import small_imagenette, tiny_digits
from .generator import JudgePlan, WordScene


def digits_scene() -> WordScene:
    """The digits of scikit-learn in pixels; seconds, and no file is needed."""
    bundle = load_source("digits", validation=0)
    return WordScene(
        "digits",
        "a tiny Stable Diffusion without autoencoder",
        tiny_digits.captions(),
        tiny_digits.make_pipeline,
        bundle,
        LatentSet(tiny_digits.centred(bundle.train.images), bundle.train.labels),
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
        captions={name: [name] for name in tiny_digits.NAMES},
        make_pipeline=tiny_digits.make_class_pipeline,
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
    autoencoder = small_imagenette.load_taesd()
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
        small_imagenette.captions(),
        small_imagenette.make_pipeline,
        seen,
        LatentSet(latents, bundle.train.labels),
        "small-diffusion",
        "auto",
        JudgePlan(
            "fast",
            replace(RECIPES["speedrun"], epochs=10, batch_size=128, lr=0.2),
            {"widths": (32, 96, 192)},  # a quarter of the work
        ),
        f"{bundle.train.fingerprint()} through {model_digest(autoencoder)}",
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

"""FID and CLIP score as papers report them, by torchmetrics and weights on disk."""

import pickle
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.checks import require
from ..core.errors import InputError

_BATCH = 50
INCEPTION = "pt_inception-2015-12-05-6726825d.pth"
_INCEPTION_HOME = "https://github.com/toshas/torch-fidelity/releases (weights_inceptionv3)"


def inception_fid(drawn: Tensor, real: Tensor, weights: str | Path) -> float:
    """Fréchet distance in the 2,048 features of the Inception that papers use.

    Args:
        drawn: uint8 (N, 3, H, W), N >= 2; at least 2,049 for a covariance of full rank, and
            10,000 for values to compare with papers.
        real: uint8 (M, 3, H, W).
        weights: The file ``pt_inception-2015-12-05-6726825d.pth`` of torch-fidelity.

    Raises:
        InputError: If the file or a package is missing; says where it comes from. Nothing is
            downloaded.
    """
    path = _existing(weights, f"FID needs Inception: put {INCEPTION} of {_INCEPTION_HOME}")
    _check_images(drawn, real)
    _require("torch_fidelity")
    metric = _fid(path)
    for images, is_real in ((real, True), (drawn, False)):
        for part in images.split(_BATCH):
            metric.update(part, real=is_real)
    return float(metric.compute())


def clip_score(images: Tensor, prompts: Sequence[str], model: str | Path) -> float:
    """Mean of 100 times the cosine between an image and its prompt, at least 0.

    Papers print a hundredth of it (0.31 for Stable Diffusion 1.4).

    Args:
        images: uint8 (N, 3, H, W).
        prompts: N texts.
        model: A folder of ``openai/clip-vit-base-patch16`` or another CLIP of transformers.

    Raises:
        InputError: If the folder or a package is missing, or numbers do not fit. Nothing is
            downloaded.
    """
    if len(images) != len(prompts):
        raise InputError(f"expected a prompt for each image, got {len(prompts)} for {len(images)}")
    path = _existing(
        model, "the score needs CLIP: put openai/clip-vit-base-patch16 of the Hugging Face hub"
    )
    _check_images(images)
    module = _require("torchmetrics.multimodal.clip_score")
    clip = _require("transformers")

    def loaded() -> tuple[Any, Any]:
        net = clip.CLIPModel.from_pretrained(path, local_files_only=True)
        for name in ("get_image_features", "get_text_features"):
            setattr(net, name, partial(_features, getattr(net, name)))
        return net, clip.CLIPProcessor.from_pretrained(path, local_files_only=True)

    metric = module.CLIPScore(model_name_or_path=loaded)  # by name it accepts few
    for start in range(0, len(images), _BATCH):
        here = slice(start, start + _BATCH)
        metric.update(list(images[here]), list(prompts[here]))
    return float(metric.compute())


def _features(embed: Callable[..., Any], *given: Any, **named: Any) -> Tensor:
    """Transformers 5 wraps features in a record, which torchmetrics does not expect."""
    found = embed(*given, **named)
    features: Tensor = getattr(found, "pooler_output", found)
    return features


def _fid(path: Path) -> Any:
    """The metric of torchmetrics, around weights that were read without running their code."""
    module = _require("torchmetrics.image.fid")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"cannot read the weights of Inception in {path}: {error}") from error
    with tempfile.TemporaryDirectory() as folder:
        # torch-fidelity unpickles what it is given: it gets a file that was written here.
        checked = Path(folder) / "inception.pth"
        torch.save(weights, checked)
        try:
            return module.FrechetInceptionDistance(
                feature=2048, feature_extractor_weights_path=str(checked)
            )
        except RuntimeError as error:
            raise InputError(f"{path} does not hold the weights of Inception: {error}") from error


def _existing(given: str | Path, what: str) -> Path:
    path = Path(given).expanduser()
    if not path.exists():
        raise InputError(f"there is nothing at {path}; {what} there, or name its place")
    return path


def _check_images(*sets: Tensor) -> None:
    for images in sets:
        if images.ndim != 4 or images.shape[1] != 3 or str(images.dtype) != "torch.uint8":
            raise InputError(
                f"expected uint8 images (N, 3, H, W), got {images.dtype} {tuple(images.shape)}"
            )


def _require(package: str) -> Any:
    return require(package, "diffusion", "this score")

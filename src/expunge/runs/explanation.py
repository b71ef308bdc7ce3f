"""Grad-CAM maps of the models of a finished run, side by side on one page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..config import Config
from ..core.batches import derive_seed
from ..core.capabilities import IdentifiedSet, PicturedSet
from ..core.data import fetch
from ..core.errors import InputError
from ..data import request_digest
from ..evaluation.details import class_name
from ..evaluation.grad_cam import captum_attr, grad_cam, map_layer
from ..evaluation.score import evaluating
from ..models import load_weights
from ..reporting.run.grad_cam_page import Attribution, Shown, render
from ..reporting.run.words import selection
from ..reporting.templating import check_page, write_page
from ..tasks import Classification
from ..tasks.batches import unpack
from .folder import SALT, sealed
from .models import TrainedModel, Training, metadata
from .prepare import prepare
from .settings.samples import MODEL, SampleSetting
from .unlearn import RECORD

EXPLAIN_SCHEMA = "expunge.explain/1"
PAGE = "gradcam.html"
MOST_IMAGES = 10  # a page of 2 MB has room for 80 pictures
ORIGINAL, RETRAINED = "original.safetensors", "retrained-1.safetensors"


def explain(
    config: Config,
    folder: str | Path,
    out: str | Path | None = None,
    *,
    images: int = 6,
    layer: str | None = None,
) -> dict[str, Any]:
    """Write a page with Grad-CAM maps of original, unlearned and retrained net.

    Shows where each net finds evidence for the true class of some forgotten and some kept
    training images, as the figures of the Scissorhands paper do. The images are drawn with
    the config's seed, from as many classes as possible; without augmentation. Needs captum
    (``pip install 'expunge[explain]'``). Costs as much as loading the data and a few passes
    over the images.

    Args:
        config: That of the run.
        folder: Where ``run_unlearn`` left its results; of several seeds, one ``seed-N`` in it.
        out: The HTML file; ``gradcam.html`` in the folder by default.
        images: How many of each group, 1 to 10.
        layer: Name of the module whose maps are shown; see ``grad_cam`` for the default.

    Returns:
        A dictionary fit for JSON: the page, the layer, the notes on what is missing, and for
        each image its id, its label, and each model's prediction with its probability (0 to 1).

    Raises:
        InputError: If the folder holds no unlearned model, the run was another one than the
            config's, captum is missing, or the net has no maps.
    """
    captum_attr()
    folder = Path(folder)
    _check(folder, images)
    prepared = prepare(config)
    task = _classification(prepared)
    _check_request(prepared, folder)
    models, notes = _models(prepared, folder)
    rows: list[Shown] = []
    listed: list[dict[str, Any]] = []
    for group in ("forget", "retain"):
        dataset = getattr(prepared.data, group)
        labels = prepared.task.labels(dataset)
        assert labels is not None  # _check_task saw to it
        places = choose(labels, images, derive_seed(config.seed, "explain", group))
        shown = _look(prepared, task, models, group, places, layer)
        rows += shown
        listed += [_listed(prepared, one, group, at) for one, at in zip(shown, places, strict=True)]
    name = map_layer(models["unlearned"], _batch(prepared, "retain", torch.tensor([0]))[0], layer)
    path = folder / PAGE if out is None else Path(out)
    check_page(path)
    asked = selection(prepared.request.spec, prepared.bundle.classes)
    page = render(rows, layer=name, data=prepared.bundle.name, asked=asked, notes=notes)
    write_page(page, path)
    return {
        "schema": EXPLAIN_SCHEMA,
        "page": str(path),
        "layer": name,
        "models": list(models),
        "notes": notes,
        "images": listed,
    }


def choose(labels: Tensor, count: int, seed: int) -> list[int]:
    """At most ``count`` positions, drawn at random, from as many classes as possible.

    Args:
        labels: Class of each sample, int64 (N,).
        count: How many to choose.
        seed: Decides the choice.

    Returns:
        Positions ordered by class, then by themselves.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn: dict[int, int] = {}
    turns: list[tuple[int, int, int]] = []
    for place in order:
        label = int(labels[place])
        drawn[label] = drawn.get(label, 0) + 1
        turns.append((drawn[label], len(turns), place))
    chosen = [place for _, _, place in sorted(turns)[:count]]
    return sorted(chosen, key=lambda place: (int(labels[place]), place))


def _check(folder: Path, images: int) -> None:
    if not 1 <= images <= MOST_IMAGES:
        raise InputError(f"expected images between 1 and {MOST_IMAGES}, got {images}")
    if not (folder / MODEL).is_file():
        raise InputError(
            f"expected a finished run in {folder}, but there is no {MODEL}; "
            f"run first: expunge unlearn CONFIG --out {folder}"
        )


def _classification(prepared: SampleSetting) -> Classification:
    if not isinstance(prepared.task, Classification):
        raise InputError(
            f"expected a task with classes to explain, got {type(prepared.task).__name__}; "
            'Grad-CAM shows evidence for a class: use a config with task.name = "classification"'
        )
    return prepared.task


def _check_request(prepared: SampleSetting, folder: Path) -> None:
    """Raise if the run's record commits to other samples than those of the config."""
    try:
        digest = json.loads((folder / RECORD).read_text(encoding="utf-8"))["request"]["commitment"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a folder of weights alone: nothing to compare with
    salt = _salt(folder)
    if None not in (digest, salt) and digest != request_digest(prepared.ids, str(salt)):
        raise InputError(
            f"the run in {folder} forgot other samples than the config names; give the config "
            "that the run was made with, with the same --set"
        )


def _salt(folder: Path) -> str | None:
    try:
        return (folder / SALT).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None


def _models(prepared: SampleSetting, folder: Path) -> tuple[dict[str, nn.Module], list[str]]:
    """Nets by their role, and sentences on those that are missing or doubtful."""
    config, notes = prepared.config, []
    wanted = {
        "original": (ORIGINAL, _identity(prepared.original())),
        "unlearned": (MODEL, None),
        "retrained": (RETRAINED, prepared.reference(1).identity),
    }
    models = {}
    for role, (file, identity) in wanted.items():
        if role == "original" and prepared.loaded.given is not None:
            models[role] = prepared.loaded.given().to(prepared.device)
            continue
        path = _find(folder, file)
        if path is None:
            notes.append(_missing(role, file))
            continue
        # Nets that several seeds share lie above, and were trained with another seed.
        salt = _salt(folder)
        if (
            salt and identity and path.parent == folder
            and metadata(path).get("identity") != sealed(salt, identity)
        ):  # fmt: skip
            notes.append(
                f"{file} was trained for another config than this one (data, forget set, net, "
                "recipe or seed): its maps may not be comparable."
            )
        model = prepared.loaded.fresh(config.seed)
        load_weights(model, path)
        models[role] = model.to(prepared.device)
    return models, notes


def _identity(made: Training | TrainedModel) -> str | None:
    return made.identity if isinstance(made, Training) else None


def _find(folder: Path, file: str) -> Path | None:
    """In the folder of a run, or above it where several seeds share a net."""
    places = [folder, *([folder.parent] if folder.name.startswith("seed-") else [])]
    return next((place / file for place in places if (place / file).is_file()), None)


def _missing(role: str, file: str) -> str:
    fix = (
        "set [reference] retrain = 1 in the config and run expunge unlearn"
        if role == "retrained"
        else "run expunge unlearn again"
    )
    return f"There is no {role} model here, because the run has no {file}; {fix}."


def _batch(prepared: SampleSetting, group: str, places: Tensor) -> tuple[Tensor, Tensor]:
    dataset = getattr(prepared.data, group)
    return unpack(fetch(dataset, places, device=prepared.device))


def _look(
    prepared: SampleSetting,
    task: Classification,
    models: Mapping[str, nn.Module],
    group: str,
    places: list[int],
    layer: str | None,
) -> list[Shown]:
    """The images at ``places`` of a group, and what each model makes of them."""
    inputs, labels = _batch(prepared, group, torch.tensor(places))
    names = prepared.bundle.classes
    looks: list[dict[str, Attribution]] = [{} for _ in places]
    for role, model in models.items():
        maps = grad_cam(model, inputs, labels, layer=layer).numpy()
        with evaluating(model) as net:
            chances = task.logits(net, (inputs, labels))[0].softmax(1).cpu()
        for row, label in enumerate(labels.tolist()):
            best = int(chances[row].argmax())
            looks[row][role] = Attribution(
                maps[row],
                class_name(best, names),
                float(chances[row, best]),
                float(chances[row, label]),
            )
    dataset = getattr(prepared.data, group)
    return [
        Shown(group, class_name(int(labels[row]), names), _picture(dataset, at, inputs[row]), look)
        for row, (at, look) in enumerate(zip(places, looks, strict=True))
    ]


def _picture(dataset: Any, place: int, image: Tensor) -> Image.Image:
    """The image as stored; of sets that cannot draw it, the input from its least to its most."""
    if isinstance(dataset, PicturedSet):
        picture: Image.Image = dataset.picture(place)
        return picture
    image = image.float().cpu() if len(image) == 3 else image[:1].float().cpu()
    spread = (image.max() - image.min()).clamp(min=1e-12)
    pixels = (255 * (image - image.min()) / spread).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0].copy())


def _listed(prepared: SampleSetting, one: Shown, group: str, place: int) -> dict[str, Any]:
    dataset = getattr(prepared.data, group)
    ids = dataset.ids if isinstance(dataset, IdentifiedSet) else None
    return {
        "group": group,
        "id": None if ids is None else ids[place],
        "label": one.label,
        "models": {
            role: {
                "predicted": look.predicted,
                "probability": round(look.probability, 6),
                "probability_of_label": round(look.of_label, 6),
            }
            for role, look in one.looks.items()
        },
    }

"""One HTML file with the Grad-CAM maps of several models on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..formats import clip, percent
from ..templating import environment, own_files
from .overlay import VIRIDIS, enlarged, overlay, png
from .words import EVIDENCE, MODELS, ROLES, model_name

GROUPS = {"forget": "Forgotten images", "retain": "Kept images"}


@dataclass(frozen=True, eq=False)
class Attribution:
    """What one model makes of one image.

    ``heat`` float (H, W) in [0, 1], 0 everywhere if there is no evidence; ``predicted`` the
    class it takes the image for, with its ``probability``; ``of_label`` the probability of
    the true class. Probabilities in [0, 1].
    """

    heat: NDArray[np.float32]
    predicted: str
    probability: float
    of_label: float


@dataclass(frozen=True, eq=False)
class Shown:
    """One image of the group ``forget`` or ``retain``, and its looks by the name of the model."""

    group: str
    label: str
    image: Image.Image
    looks: Mapping[str, Attribution]


@dataclass(frozen=True)
class CaptionedImage:
    """One picture of the page with its caption."""

    model: str
    name: str
    png: str
    alt: str
    title: str
    notes: list[str]


def render(
    shown: Sequence[Shown], *, layer: str, data: str, asked: str, notes: Sequence[str] = ()
) -> str:
    """The page as one HTML document: a row per image, a column per model.

    Everything is inside; a content security policy forbids every request. All text is escaped.

    Args:
        shown: Images in the order of the page; all have looks by the same models.
        layer: The layer whose maps are shown.
        data: Name of the data set.
        asked: Which records were forgotten, in words.
        notes: Sentences on what is missing or doubtful.

    Returns:
        HTML; each picture takes less than 24 kB, so 80 of them stay below 2 MB.
    """
    present = [key for key in MODELS if shown and key in shown[0].looks]
    groups = [
        (key, title, [_cells(one, present) for one in shown if one.group == key])
        for key, title in GROUPS.items()
    ]
    return (
        environment()
        .get_template("grad_cam.html.j2")
        .render(
            style=own_files("style.css", "grad_cam.css", "print.css"),
            roles=[(key, model_name(key), ROLES[key]) for key in present],
            groups=[group for group in groups if group[2]],
            layer=clip(layer, 100),
            data=clip(data, 100),
            asked=asked,
            notes=[clip(note, 1000) for note in notes],
            colours=VIRIDIS,
            evidence=EVIDENCE,
        )
    )


def _cells(one: Shown, models: Sequence[str]) -> list[CaptionedImage]:
    label = clip(one.label, 60)
    which = "Forgotten" if one.group == "forget" else "Kept"
    first = CaptionedImage(
        "image", "Image", png(enlarged(one.image)), f"{which} image of class {label}", label, []
    )
    return [first, *(_cell(one, key, label) for key in models)]


def _cell(one: Shown, key: str, label: str) -> CaptionedImage:
    look = one.looks[key]
    predicted, empty = clip(look.predicted, 60), not look.heat.any()
    notes = [] if predicted == label else [f"{label} {percent(100 * look.of_label, 0)}"]
    if empty:
        notes.append("no evidence")
    sure = percent(100 * look.probability, 0)
    where = "shows no evidence" if empty else "shows its evidence"
    return CaptionedImage(
        key,
        model_name(key),
        png(overlay(one.image, look.heat)),
        f"{model_name(key)} model: the map {where} for {label}; it predicts {predicted}, {sure}",
        f"{predicted} {sure}",
        notes,
    )

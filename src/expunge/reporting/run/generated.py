"""Generated images, before and after, from equal prompts and equal seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from expunge.core.schemas.record import GeneratedImage, Record

from ..charts import Table
from ..formats import clip, known, percent
from .png import checked
from .words import MODELS, ScoreWords, model_name

GROUPS = {
    "target": "What was to be forgotten",
    "synonym": "The same in other words",
    "neighbour": "What is close to it, and was to be kept",
    "other": "Other concepts, to be kept",
}
PROBES = {
    "plain": "None",
    "completion": "The original takes the first share of the steps",
    "noise": "More noise than the model is told",
}
MOST_PROMPTS = 40
PICTURE_BYTES = 900_000

SCORES = (
    ScoreWords(
        "forget_accuracy",
        "Recognised, forgotten",
        "Images of the forgotten concepts that a classifier recognises.",
        "A model never trained on them still generates something, and may hit by chance.",
        True,
    ),
    ScoreWords(
        "retain_accuracy",
        "Recognised, kept",
        "The same for all concepts that were to be kept.",
        "Shows whether the method damaged what it should have left alone.",
        True,
    ),
    ScoreWords(
        "synonym_accuracy",
        "Recognised, synonyms",
        "The same for other wordings of what was to be forgotten.",
        "A model that only unlearned one wording still generates the concept for another.",
        True,
        rare=True,
    ),
    ScoreWords(
        "fid",
        "Fréchet distance, kept",
        "How far images of kept concepts are from real ones, in features of the classifier.",
        "Low is near; 0 is out of reach for a finite number of images. It depends on the "
        "classifier and the number of images: compare it within this page alone.",
        False,
    ),
    ScoreWords(
        "forget_loss",
        "Error, forgotten",
        "Mean squared error of a denoising step on the images to forget.",
        "What the model was trained to keep low; generated images show more.",
        False,
    ),
    ScoreWords(
        "retain_loss",
        "Error, kept",
        "The same on the images that were kept.",
        "It shows damage early.",
        False,
    ),
)


@dataclass(frozen=True)
class Picture:
    """One image; ``png`` is None if the record's is no PNG; the class a judge predicts."""

    png: str | None
    alt: str
    predicted: str


@dataclass(frozen=True)
class Asked:
    """One prompt: its images by model, in the order of seeds."""

    prompt: str
    models: list[tuple[str, str, list[Picture]]]


def groups(record: Record) -> list[tuple[str, str, list[Asked]]]:
    """Key, title and prompts of each group that has images, as many as a page bears."""
    found: dict[str, list[Asked]] = {key: [] for key in GROUPS}
    room = PICTURE_BYTES
    for prompt, images in list(_by_prompt(record.generated).items())[:MOST_PROMPTS]:
        room -= sum(len(png) for one in images for png in one.png.values())
        if room < 0:
            break
        found[images[0].group].append(_asked(prompt, images))
    return [(key, GROUPS[key], asked) for key, asked in found.items() if asked]


def _by_prompt(images: Sequence[GeneratedImage]) -> dict[str, list[GeneratedImage]]:
    found: dict[str, list[GeneratedImage]] = {}
    for one in images:
        found.setdefault(one.prompt, []).append(one)
    return found


def _asked(prompt: str, images: Sequence[GeneratedImage]) -> Asked:
    present = [key for key in MODELS if key in images[0].png and key != "retrained_again"]
    return Asked(
        clip(prompt, 120),
        [(key, model_name(key), [_picture(one, key) for one in images]) for key in present],
    )


def _picture(one: GeneratedImage, key: str) -> Picture:
    predicted = clip(one.predicted.get(key, ""), 40)
    recognised = f", recognised as {predicted}" if predicted else ""
    alt = f"{model_name(key)} model, seed {one.seed}: {clip(one.prompt, 80)}{recognised}"
    return Picture(checked(one.png.get(key, "")), alt, predicted)


def tables(record: Record) -> list[tuple[str, str, Table]]:
    """Heading, description and table of whatever was counted in generated images."""
    found = [
        (
            "How often they are recognised",
            "Share of images recognised, by prompt and model",
            prompt_table(record),
        ),
        (
            "With assistance",
            "Share of images of the forgotten that are recognised when models are assisted",
            probe_table(record),
        ),
        (
            "Exposed parts of bodies",
            "Exposed parts of bodies in images of a list of prompts, by model",
            exposure_table(record),
        ),
    ]
    return [(title, about, table) for title, about, table in found if table is not None]


def prompt_table(record: Record) -> Table | None:
    """How often each prompt's images are recognised, by model."""
    if not record.prompts:
        return None
    keys = [key for key in MODELS if key in record.prompts[0].recognised]
    rows = [
        [clip(one.prompt, 80), GROUPS[one.group], *(_share(one.recognised.get(k)) for k in keys)]
        for one in record.prompts
    ]
    note = "Share of the images of a prompt that the classifier recognises as its concept."
    return Table(["Prompt", "Group", *map(model_name, keys)], rows, note)


def probe_table(record: Record) -> Table | None:
    """How often the forgotten is generated when models are assisted, by model."""
    if not record.generation_probes:
        return None
    keys = [key for key in MODELS if key in record.generation_probes[0].recognised]
    rows = [
        [
            PROBES.get(one.probe, one.probe),
            "" if one.probe == "plain" else f"{one.strength:g}",
            *(_share(one.recognised.get(key)) for key in keys),
        ]
        for one in record.generation_probes
    ]
    note = (
        f"Share of {record.generation_probes[0].images} images of what was to be forgotten that "
        "the classifier recognises. Compare with a retrained model: assistance alone may generate "
        "a part of it."
    )
    return Table(["Assistance", "Strength", *map(model_name, keys)], rows, note)


def exposure_table(record: Record) -> Table | None:
    """Exposed parts that a detector found, by part and model, and how many in all."""
    if record.exposure is None:
        return None
    found = record.exposure
    keys = [key for key in MODELS if key in found.counts]
    parts = sorted({part for key in keys for part in found.counts[key]})
    rows = [
        [clip(part, 40), *(str(found.counts[key].get(part, 0)) for key in keys)] for part in parts
    ]
    rows.append(["All", *(str(sum(found.counts[key].values())) for key in keys)])
    note = (
        f"Counted by {clip(found.detector, 80)} in one image for each of {found.prompts} "
        f"prompts; detections with a score of at least {found.least_score:g}."
    )
    return Table(["Exposed part", *map(model_name, keys)], rows, note)


def _share(value: float | None) -> str:
    return "not known" if known(value) is None else percent(float(value or 0.0), 0)

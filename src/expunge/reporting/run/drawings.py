"""What models draw, before and after: pictures from equal prompts and equal seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from expunge.core.schemas.record import Drawing, Record

from ..charts import Table
from ..formats import clip, known, percent
from .pictures import checked
from .words import MODELS, ScoreWords, model_name

GROUPS = {
    "target": "What was to be forgotten",
    "synonym": "The same in other words",
    "neighbour": "What is close to it, and was to be kept",
    "other": "Other words, to be kept",
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
        "Drawings of the forgotten words that a classifier takes for what they say.",
        "A model that never learned these words still draws something, and may hit by chance.",
        True,
    ),
    ScoreWords(
        "retain_accuracy",
        "Recognised, kept",
        "The same for all words that were to be kept.",
        "Shows whether the method damaged what it should have left alone.",
        True,
    ),
    ScoreWords(
        "fid",
        "Fréchet distance, kept",
        "How far drawings of kept words are from real images, as the classifier sees them.",
        "Low is near; 0 is out of reach for a finite number of images. It depends on the "
        "classifier and the number of images: compare it within this page alone.",
        False,
    ),
    ScoreWords(
        "forget_loss",
        "Error, forgotten",
        "Mean squared error of a denoising step on the images to forget.",
        "What the model was trained to keep low; drawings show more.",
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
    """One drawing; ``png`` is None if the record's is no PNG. ``seen`` by a classifier."""

    png: str | None
    alt: str
    seen: str


@dataclass(frozen=True)
class Asked:
    """One prompt: its pictures by model, in the order of seeds."""

    prompt: str
    models: list[tuple[str, str, list[Picture]]]


def groups(record: Record) -> list[tuple[str, str, list[Asked]]]:
    """Key, title and prompts of each group that has drawings, as many as a page bears."""
    found: dict[str, list[Asked]] = {key: [] for key in GROUPS}
    room = PICTURE_BYTES
    for prompt, drawings in list(_by_prompt(record.drawings).items())[:MOST_PROMPTS]:
        room -= sum(len(png) for one in drawings for png in one.png.values())
        if room < 0:
            break
        found[drawings[0].group].append(_asked(prompt, drawings))
    return [(key, GROUPS[key], asked) for key, asked in found.items() if asked]


def _by_prompt(drawings: Sequence[Drawing]) -> dict[str, list[Drawing]]:
    found: dict[str, list[Drawing]] = {}
    for one in drawings:
        found.setdefault(one.prompt, []).append(one)
    return found


def _asked(prompt: str, drawings: Sequence[Drawing]) -> Asked:
    present = [key for key in MODELS if key in drawings[0].png and key != "retrained_again"]
    return Asked(
        clip(prompt, 120),
        [(key, model_name(key), [_picture(one, key) for one in drawings]) for key in present],
    )


def _picture(one: Drawing, key: str) -> Picture:
    seen = clip(one.seen.get(key, ""), 40)
    taken = f", taken for {seen}" if seen else ""
    alt = f"{model_name(key)} model, seed {one.seed}: {clip(one.prompt, 80)}{taken}"
    return Picture(checked(one.png.get(key, "")), alt, seen)


def tables(record: Record) -> list[tuple[str, str, Table]]:
    """Heading, description and table of whatever was counted in drawings."""
    found = [
        (
            "How often they are recognised",
            "Share of drawings recognised, by prompt and model",
            prompt_table(record),
        ),
        (
            "With help",
            "Share of drawings of the forgotten that are recognised when models are helped",
            probe_table(record),
        ),
        (
            "Exposed parts of bodies",
            "Exposed parts of bodies in drawings of a list of prompts, by model",
            exposure_table(record),
        ),
    ]
    return [(title, about, table) for title, about, table in found if table is not None]


def prompt_table(record: Record) -> Table | None:
    """How often each prompt's drawings are recognised, by model."""
    if not record.prompts:
        return None
    keys = [key for key in MODELS if key in record.prompts[0].recognised]
    rows = [
        [clip(one.prompt, 80), GROUPS[one.group], *(_share(one.recognised.get(k)) for k in keys)]
        for one in record.prompts
    ]
    note = "Share of the drawings of a prompt that the classifier takes for what it says."
    return Table(["Prompt", "Group", *map(model_name, keys)], rows, note)


def probe_table(record: Record) -> Table | None:
    """How often the forgotten is drawn when models are helped, by model."""
    if not record.drawing_probes:
        return None
    keys = [key for key in MODELS if key in record.drawing_probes[0].recognised]
    rows = [
        [
            PROBES.get(one.probe, one.probe),
            "" if one.probe == "plain" else f"{one.strength:g}",
            *(_share(one.recognised.get(key)) for key in keys),
        ]
        for one in record.drawing_probes
    ]
    note = (
        f"Share of {record.drawing_probes[0].images} drawings of what was to be forgotten that "
        "the classifier takes for it. Compare with a retrained model: the help alone may draw a "
        "part of it."
    )
    return Table(["Help", "Strength", *map(model_name, keys)], rows, note)


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
        f"Counted by {clip(found.detector, 80)} in one drawing for each of {found.prompts} "
        f"prompts; detections with a score of at least {found.least_score:g}."
    )
    return Table(["Exposed part", *map(model_name, keys)], rows, note)


def _share(value: float | None) -> str:
    return "not known" if known(value) is None else percent(float(value or 0.0), 0)

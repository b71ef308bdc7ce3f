"""A model card as the Hugging Face hub shows it: ``README.md`` beside the weights."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from expunge.core.schemas.record import Record

from ..formats import clip, number, plain, plural, seconds
from ..templating import environment, write_page
from .page import score_rows
from .words import EVIDENCE, MODELS

CARD = "README.md"
_LOAD = {
    "pytorch": (
        "import expunge\n\nmodel = ...  # the same net, with any weights\n"
        "expunge.load_weights(model, {file!r})"
    ),
    "diffusers": (
        "from diffusers import DiffusionPipeline\n\n"
        "pipeline = DiffusionPipeline.from_pretrained({file!r})"
    ),
}


def card(record: Record, *, library: str = "pytorch", file: str = "model.safetensors") -> str:
    """The model card of an unlearned model as Markdown, with the header that the hub reads.

    It tells how many records were forgotten, by what and how well. It tells neither which, nor
    the request, nor the command.

    Args:
        record: Of the run.
        library: What loads the model: ``"pytorch"`` or ``"diffusers"``.
        file: What is loaded, in the code that shows how.
    """
    rows = [(row.words, row.cells) for row in score_rows(record) if row.words is not None]
    template = environment().get_template("card.md.j2")
    return template.render(
        record=record,
        header=[Markup(line) for line in _header(record, library)],  # noqa: S704  JSON
        name=_cell(record.model.name or "Model"),
        forgotten=_forgotten(record),
        models=[name for key, name in MODELS.items() if key in record.scores],
        rows=[(words.name, [cell.value or "" for cell in cells]) for words, cells in rows],
        meanings=" ".join(f"{words.name}: {words.short}" for words, _ in rows),
        gap=_gap(record),
        loading=Markup(_LOAD[library].format(file=file)),  # noqa: S704  our own names
        evidence=EVIDENCE,
        origin=[(label, _cell(value)) for label, value in _origin(record) if value],
    )


def write_card(
    record: Record, folder: Path, *, library: str = "pytorch", file: str = "model.safetensors"
) -> None:
    """Write the card, whole or not at all.

    Raises:
        InputError: If the folder cannot be written or the disk is full.
    """
    write_page(card(record, library=library, file=file), folder / CARD)


def _header(record: Record, library: str) -> list[str]:
    """YAML; every value is JSON, which is YAML, so that no name can add a line."""
    values: dict[str, Any] = {
        "library_name": library,
        "tags": ["machine-unlearning", "expunge", record.method.name],
    }
    return [f"{key}: {json.dumps(value)}" for key, value in values.items()]


def _forgotten(record: Record) -> str:
    if record.request.spec.get("kind") == "concepts":
        return plural(len(record.request.spec.get("concepts", [])), "concept")
    found = record.request.found
    return "some training records" if found is None else plural(found, "training record")


def _gap(record: Record) -> str:
    if record.avg_gap is None:
        return ""
    before = "" if record.original_gap is None else f", {number(record.original_gap)} before"
    floor = (
        "" if record.floor is None
        else f"; two models retrained with different seeds differ by {number(record.floor)}"
    )  # fmt: skip
    return f"{number(record.avg_gap)} points{before}{floor}"


def _origin(record: Record) -> list[tuple[str, str]]:
    method = record.method
    chosen = method.hyperparameters.items()
    settings = ", ".join(f"{key} = {plain(value)}" for key, value in chosen)
    return [
        ("Method", method.name),
        ("Settings", settings),
        ("Seed", "" if method.seed is None else str(method.seed)),
        ("Unlearning took", "" if record.cost.seconds is None else seconds(record.cost.seconds)),
        ("SHA-256 of the parameters", record.model.sha256_after or ""),
        ("Data", record.data.name),
        ("Software", ", ".join(f"{key} {value}" for key, value in record.versions.items())),
        ("When", record.created),
    ]


def _cell(text: str) -> str:
    """One line of a table, whatever a name holds."""
    return clip(" ".join(text.split())).replace("|", "/")

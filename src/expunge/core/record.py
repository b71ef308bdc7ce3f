"""``record.json``: the single truth about one run; reports and tables read only this."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .checkpoint import write_atomically
from .errors import InputError

SCHEMA: Literal["expunge.record/1"] = "expunge.record/1"
PromptGroup = Literal["target", "synonym", "neighbour", "other"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ForgetRequest(_Strict):
    """What was asked. ``digest``: SHA-256 over the sorted, salted ids."""

    forget: dict[str, Any]
    size: int
    digest: str | None = None


class ModelInfo(_Strict):
    """Which model; the hashes are ``model_digest`` before and after."""

    name: str
    parameters: int
    sha256_before: str
    sha256_after: str


class DataInfo(_Strict):
    """Which data; ``fingerprint`` is a SHA-256 over images and labels."""

    name: str
    sizes: dict[str, int]
    classes: list[str] | None = None
    fingerprint: str | None = None


class MethodInfo(_Strict):
    """How it was done; ``decisions`` are the choices the method made by itself."""

    name: str
    hyperparameters: dict[str, Any]
    seed: int
    precision: str = "fp32"
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Cost(_Strict):
    """What it took. ``rte`` = seconds / retrain_seconds; ``retrain_recipe`` names how."""

    seconds: float
    retrain_seconds: float | None = None
    rte: float | None = None
    retrain_recipe: str | None = None
    train_seconds: float | None = None
    peak_memory_bytes: int | None = None
    samples_read: int | None = None


class Scores(_Strict):
    """Of one model. Accuracies and ``mia`` in percent, losses in the task's unit.

    Of a model that draws, accuracies are those of a judge who looks at the drawings, and
    ``fid`` is their Fréchet distance from real images of what was kept.
    """

    forget_accuracy: float | None = None
    retain_accuracy: float | None = None
    test_accuracy: float | None = None
    mia: float | None = None
    forget_loss: float | None = None
    retain_loss: float | None = None
    test_loss: float | None = None
    fid: float | None = None


class Relearn(_Strict):
    """Accuracy in percent on ``measured_on`` after so many steps of fine-tuning.

    ``curves`` maps a model's name to one value per entry of ``steps``.
    """

    protocol: dict[str, Any]
    measured_on: str
    steps: list[int]
    curves: dict[str, list[float]]


class Distributions(_Strict):
    """Histograms: ``counts[model][set]`` has one entry less than ``edges``."""

    quantity: str
    edges: list[float]
    counts: dict[str, dict[str, list[int]]]


class ClassChange(_Strict):
    """Test accuracy in percent on one class: original, unlearned, retrained."""

    label: int
    name: str
    original: float | None
    unlearned: float | None
    retrained: float | None = None


class Sample(_Strict):
    """A forgotten image as base64 PNG; probabilities of its label per model, in [0, 1]."""

    label: str
    png: str
    probability: dict[str, float] = Field(default_factory=dict)


class Drawing(_Strict):
    """What each model draws for one prompt from one seed.

    ``group`` is ``target`` (what is to be forgotten), ``synonym``, ``neighbour`` or ``other``.
    ``png`` holds base64 PNGs by model; ``seen`` what a judge takes each for.
    """

    group: PromptGroup
    prompt: str
    seed: int
    png: dict[str, str]
    seen: dict[str, str] = Field(default_factory=dict)


class PromptScore(_Strict):
    """Share in percent of a prompt's drawings that a judge takes for ``label``, by model."""

    group: PromptGroup
    prompt: str
    label: str
    recognised: dict[str, float]


class Verdict(_Strict):
    """One word and the sentences behind it."""

    status: Literal["pass", "fail", "cannot tell"]
    reasons: list[str]


class Record(_Strict):
    """Everything known about one run; None wherever it is not known.

    ``scores`` has the keys ``original``, ``unlearned`` and, if there were references,
    ``retrained`` and ``retrained_again``. ``avg_gap`` and ``original_gap`` are distances
    to retrained, ``floor`` that of retrained_again. ``history`` are rows logged by the
    method: ``stage``, ``step`` and numbers such as ``retain_loss``, ``forget_loss``,
    ``held_out_loss``, ``v`` (the dual of Eq. 5), ``cosine`` (of g_f and g_o), ``active``.
    """

    schema_: Literal["expunge.record/1"] = Field(SCHEMA, alias="schema")
    created: str
    versions: dict[str, str]
    command: str | None = None
    request: ForgetRequest
    model: ModelInfo
    data: DataInfo
    method: MethodInfo
    cost: Cost
    scores: dict[str, Scores]
    avg_gap: float | None = None
    original_gap: float | None = None
    floor: float | None = None
    relearn: Relearn | None = None
    distributions: Distributions | None = None
    per_class: list[ClassChange] = Field(default_factory=list)
    samples: list[Sample] = Field(default_factory=list)
    drawings: list[Drawing] = Field(default_factory=list)
    prompts: list[PromptScore] = Field(default_factory=list)
    drawing_protocol: dict[str, Any] = Field(default_factory=dict)
    history: list[dict[str, Any]] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    verdict: Verdict

    def to_json(self) -> str:
        """Indented JSON; ``nan`` never occurs, unknown values are null."""
        payload = self.model_dump(mode="json", by_alias=True)
        return json.dumps(payload, indent=1, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the record, whole or not at all.

        Raises:
            InputError: If the folder cannot be written.
        """
        text = self.to_json()
        write_atomically(Path(path), lambda target: _write(target, text))

    @classmethod
    def load(cls, path: str | Path) -> "Record":
        """Read a record.

        Raises:
            InputError: If the file is missing, is not JSON, or has another schema.
        """
        try:
            return cls.model_validate_json(Path(path).read_text())
        except OSError as error:
            raise InputError(f"cannot read the record {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise InputError(
                f"{path} is not a record of schema {SCHEMA!r}: {place}: {first['msg']}"
            ) from error


def _write(path: Path, text: str) -> None:
    path.write_text(text)

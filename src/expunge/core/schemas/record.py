"""``record.json``: the single truth about one run; reports and tables read only this."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import JsonFile, Strict

SCHEMA: Literal["expunge.record/1"] = "expunge.record/1"
PromptGroup = Literal["target", "synonym", "neighbour", "other"]


class ForgetRequest(Strict):
    """What was asked. ``digest``: SHA-256 over the sorted, salted ids."""

    forget: dict[str, Any]
    size: int
    digest: str | None = None


class ModelInfo(Strict):
    """Which model; the hashes are ``model_digest`` before and after."""

    name: str
    parameters: int
    sha256_before: str
    sha256_after: str


class DataInfo(Strict):
    """Which data; ``fingerprint`` is a SHA-256 over images and labels."""

    name: str
    sizes: dict[str, int]
    classes: list[str] | None = None
    fingerprint: str | None = None


class MethodInfo(Strict):
    """How it was done; ``decisions`` are the choices the method made by itself."""

    name: str
    hyperparameters: dict[str, Any]
    seed: int
    precision: str = "fp32"
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Cost(Strict):
    """What it took. ``rte`` = seconds / retrain_seconds; ``retrain_recipe`` names how."""

    seconds: float
    retrain_seconds: float | None = None
    rte: float | None = None
    retrain_recipe: str | None = None
    train_seconds: float | None = None
    peak_memory_bytes: int | None = None
    samples_read: int | None = None


class Scores(Strict):
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


class Relearn(Strict):
    """Accuracy in percent on ``measured_on`` after so many steps of fine-tuning.

    ``curves`` maps a model's name to one value per entry of ``steps``.
    """

    protocol: dict[str, Any]
    measured_on: str
    steps: list[int]
    curves: dict[str, list[float]]


class Distributions(Strict):
    """Histograms: ``counts[model][set]`` has one entry less than ``edges``."""

    quantity: str
    edges: list[float]
    counts: dict[str, dict[str, list[int]]]


class ClassChange(Strict):
    """Test accuracy in percent on one class: original, unlearned, retrained."""

    label: int
    name: str
    original: float | None
    unlearned: float | None
    retrained: float | None = None


class Sample(Strict):
    """A forgotten image as base64 PNG; probabilities of its label per model, in [0, 1]."""

    label: str
    png: str
    probability: dict[str, float] = Field(default_factory=dict)


class Drawing(Strict):
    """What each model draws for one prompt from one seed.

    ``group`` is ``target`` (what is to be forgotten), ``synonym``, ``neighbour`` or ``other``.
    ``png`` holds base64 PNGs by model; ``seen`` what a judge takes each for.
    """

    group: PromptGroup
    prompt: str
    seed: int
    png: dict[str, str]
    seen: dict[str, str] = Field(default_factory=dict)


class PromptScore(Strict):
    """Share in percent of a prompt's drawings that a judge takes for ``label``, by model."""

    group: PromptGroup
    prompt: str
    label: str
    recognised: dict[str, float]


class Exposure(Strict):
    """Exposed parts of bodies that a detector found in drawings of ``prompts`` prompts.

    ``counts`` maps a model to parts and their numbers. Detections below ``least_score`` do
    not count; ``detector`` names it with its version.
    """

    detector: str
    least_score: float
    prompts: int
    counts: dict[str, dict[str, int]]


class DrawingProbe(Strict):
    """Share in percent of ``images`` drawings of the forgotten that a judge recognises, by model.

    ``probe`` says how models were helped: ``plain`` (not), ``completion`` or ``noise``; how
    much is ``strength``: the share of levels that the original took, or the scale of the
    noise.
    """

    probe: str
    strength: float
    images: int
    recognised: dict[str, float]


class Verdict(Strict):
    """One word and the sentences behind it."""

    status: Literal["pass", "fail", "cannot tell"]
    reasons: list[str]


class Record(JsonFile):
    """Everything known about one run; None wherever it is not known.

    ``scores`` has the keys ``original``, ``unlearned`` and, if there were references,
    ``retrained`` and ``retrained_again``. ``avg_gap`` and ``original_gap`` are distances
    to retrained, ``floor`` that of retrained_again. ``history`` are rows logged by the
    method: ``stage``, ``step`` and numbers such as ``retain_loss``, ``forget_loss``,
    ``held_out_loss``, ``v`` (the dual of Eq. 5), ``cosine`` (of g_f and g_o), ``active``.
    """

    called: ClassVar[str] = "record"

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
    drawing_probes: list[DrawingProbe] = Field(default_factory=list)
    exposure: Exposure | None = None
    drawing_protocol: dict[str, Any] = Field(default_factory=dict)
    history: list[dict[str, Any]] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    verdict: Verdict

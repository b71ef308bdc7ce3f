"""``record.json``: the single truth about one run; reports and tables read only this."""

from html import escape
from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import JsonFile, Strict

SCHEMA: Literal["expunge.record/2"] = "expunge.record/2"
PromptGroup = Literal["target", "synonym", "neighbour", "other"]
Status = Literal["pass", "fail", "cannot tell"]
Scores = dict[str, float | None]
"""Of one model, by the names of ``metrics.METRICS``, which says what each number means."""


class Request(Strict):
    """What was asked.

    ``spec`` is the request as ``ForgetSpec.shown`` gives it. Of the records that were
    ``asked`` for, ``found`` were training samples (and are the forget set), ``unknown`` were
    nowhere, ``outside`` were never trained on; ``repeated`` names were listed once more.
    ``commitment`` is a SHA-256 over the sorted,
    salted ids of the forget set.
    """

    spec: dict[str, Any] = Field(default_factory=dict)
    asked: int | None = None
    found: int | None = None
    unknown: int | None = None
    outside: int | None = None
    repeated: int | None = None
    commitment: str | None = None

    def counts(self) -> str:
        """A sentence on how many names were asked for and found; empty if none were."""
        if self.asked is None:
            return ""
        unknown, outside = self.unknown or 0, self.outside or 0
        parts = {
            "found": self.asked - unknown - outside,
            "unknown in this data": unknown,
            "never trained on": outside,
            "listed once more": self.repeated or 0,
        }
        told = [f"{number:,} {what}" for what, number in parts.items() if number or what == "found"]
        return f"Asked for by name: {self.asked:,}, of which {', '.join(told)}."


class ModelInfo(Strict):
    """Which model; the hashes are ``model_digest`` before and after."""

    name: str = ""
    parameters: int | None = None
    sha256_before: str | None = None
    sha256_after: str | None = None


class DataInfo(Strict):
    """Which data; ``fingerprint`` is a SHA-256 over samples and labels."""

    name: str = ""
    sizes: dict[str, int] = Field(default_factory=dict)
    classes: list[str] | None = None
    fingerprint: str | None = None


class MethodInfo(Strict):
    """How it was done; ``decisions`` are the choices the method made by itself."""

    name: str = ""
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None
    precision: str | None = None
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Cost(Strict):
    """What it took. ``rte`` = seconds / retrain_seconds; ``retrain_recipe`` names how.

    ``rte_samples`` = samples_read / retrain_samples is the same in samples that went through the
    model: it does not depend on what else the machine does, and counts a forward pass like a step.
    """

    seconds: float | None = None
    retrain_seconds: float | None = None
    rte: float | None = None
    retrain_recipe: str | None = None
    train_seconds: float | None = None
    peak_memory_bytes: int | None = None
    samples_read: int | None = None
    retrain_samples: int | None = None
    rte_samples: float | None = None


class Relearn(Strict):
    """Accuracy in percent on ``measured_on`` after so many steps of fine-tuning.

    ``curves`` maps a role (``untrained`` among them) to one value per entry of ``steps``.
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


class Sample(Strict):
    """A forgotten image as base64 PNG; probabilities of its label per model, in [0, 1]."""

    label: str
    png: str
    probability: dict[str, float] = Field(default_factory=dict)


class GeneratedImage(Strict):
    """What each model generates for one prompt from one seed.

    ``group`` is ``target`` (what is to be forgotten), ``synonym``, ``neighbour`` or ``other``.
    ``png`` holds base64 PNGs by model; ``predicted`` the class that a judge predicts for each.
    """

    group: PromptGroup
    prompt: str
    seed: int
    png: dict[str, str]
    predicted: dict[str, str] = Field(default_factory=dict)


class PromptScore(Strict):
    """Share in percent of a prompt's images that a judge recognises as ``label``, by model."""

    group: PromptGroup
    prompt: str
    label: str
    recognised: dict[str, float]


class Exposure(Strict):
    """Exposed parts of bodies that a detector found in images of ``prompts`` prompts.

    ``counts`` maps a model to parts and their numbers. Detections below ``least_score`` do
    not count; ``detector`` names it with its version.
    """

    detector: str
    least_score: float
    prompts: int
    counts: dict[str, dict[str, int]]


class GenerationProbe(Strict):
    """Share in percent of ``images`` images of the target that a judge recognises, by model.

    ``probe`` says how models were assisted: ``plain`` (not), ``completion`` or ``noise``; how
    much is ``strength``: the share of noise levels that the original took, or the scale of
    the added noise.
    """

    probe: str
    strength: float
    images: int
    recognised: dict[str, float]


class Notice(Strict):
    """Something that a reader should know: a code for programs, a sentence for people."""

    code: str
    text: str


class Criterion(Strict):
    """One comparison behind a verdict: ``met`` if ``value`` keeps its ``bound``.

    ``aim`` is the value of the retrained (or original) model that it is compared with;
    ``power`` the probability that a model that forgot nothing fails it. Null if not known.
    """

    code: str
    met: bool | None
    value: float | None = None
    aim: float | None = None
    bound: float | None = None
    power: float | None = None


class Verdict(Strict):
    """One word, the codes of what decided it, and the sentences made from them.

    ``remarks`` say by what else the model could be told from a retrained one.
    """

    status: Status = "cannot tell"
    codes: list[str] = Field(default_factory=list)
    criteria: list[Criterion] = Field(default_factory=list)
    reasons: list[str] = Field(default_factory=list)
    remarks: list[str] = Field(default_factory=list)


class Record(JsonFile):
    """Everything known about one run; None wherever it is not known.

    ``scores`` maps a role to the scores of that model: ``original``, ``unlearned`` and, if
    there were references, ``retrained`` and ``retrained_again``; a record of a bench holds
    one model. ``avg_gap`` and ``original_gap`` are distances to retrained, ``floor`` that of
    retrained_again. ``per_class`` holds test accuracies by class and role, ``cka`` the
    likeness to retrained by layer. ``history`` are rows logged by the method: ``stage``,
    ``step`` and numbers such as ``retain_loss``, ``forget_loss``, ``held_out_loss``, ``v``
    (the dual of Eq. 5), ``cosine`` (of g_f and g_o), ``active``. A file ends in ``sha256``, of
    all else in it: one that is not as it was written is refused.
    """

    called: ClassVar[str] = "record"

    schema_: Literal["expunge.record/2"] = Field(SCHEMA, alias="schema")
    created: str
    versions: dict[str, str]
    command: str | None = None
    request: Request = Request()
    model: ModelInfo = ModelInfo()
    data: DataInfo = DataInfo()
    method: MethodInfo = MethodInfo()
    cost: Cost = Cost()
    scores: dict[str, Scores] = Field(default_factory=dict)
    avg_gap: float | None = None
    original_gap: float | None = None
    floor: float | None = None
    relearn: Relearn | None = None
    distributions: Distributions | None = None
    per_class: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    cka: dict[str, float] = Field(default_factory=dict)
    samples: list[Sample] = Field(default_factory=list)
    generated: list[GeneratedImage] = Field(default_factory=list)
    prompts: list[PromptScore] = Field(default_factory=list)
    generation_probes: list[GenerationProbe] = Field(default_factory=list)
    exposure: Exposure | None = None
    generation_protocol: dict[str, Any] = Field(default_factory=dict)
    history: list[dict[str, Any]] = Field(default_factory=list)
    warnings: list[Notice] = Field(default_factory=list)
    verdict: Verdict = Verdict()

    def _repr_html_(self) -> str:
        """Verdict and scores, for notebooks."""
        names = sorted({key for scores in self.scores.values() for key in scores})
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        rows = "".join(
            f"<tr><th>{escape(role)}</th>"
            + "".join(f"<td>{_cell(scores.get(name))}</td>" for name in names)
            + "</tr>"
            for role, scores in self.scores.items()
        )
        reasons = escape(" ".join([*self.verdict.remarks, *self.verdict.reasons]))
        verdict = f"<p><b>{escape(self.verdict.status)}</b>. {reasons}</p>"
        return f"{verdict}<table><tr><th></th>{head}</tr>{rows}</table>"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"

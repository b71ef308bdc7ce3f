"""What a bench of words leaves: one ``WordResult`` per model, and all of them together."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from ...core.schemas.base import JsonFile, Strict
from ...core.schemas.record import DrawingProbe, PromptScore, Relearn

WordKind = Literal["original", "retrained", "unlearned"]


class WordResult(Strict):
    """What one model draws; None wherever a value is not known.

    ``target``, ``synonyms`` and ``others`` are shares in percent of drawings that the judge
    takes for what the prompt says: of the forgotten word, its other wordings, and the mean
    over all other words. ``fid`` is the Fréchet distance between drawings of the others and
    real images of them, in the features of the judge. ``guidance`` is the scale that they
    were drawn at. ``probes`` and ``relearn`` are filled where the config asks for them.
    ``seconds`` is the time of training or unlearning alone. ``error`` says why a method gave
    no model.
    """

    schema_: Literal["expunge.word/1"] = Field("expunge.word/1", alias="schema")
    key: str
    created: str
    versions: dict[str, str]
    kind: WordKind
    word: str
    method: str
    seed: int
    guidance: float
    settings: dict[str, Any] = Field(default_factory=dict)
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    target: float | None = None
    synonyms: float | None = None
    others: float | None = None
    fid: float | None = None
    forget_loss: float | None = None
    retain_loss: float | None = None
    prompts: list[PromptScore] = Field(default_factory=list)
    probes: list[DrawingProbe] = Field(default_factory=list)
    relearn: Relearn | None = None
    seconds: float | None = None
    samples_read: int | None = None
    peak_memory_bytes: int | None = None
    warnings: list[str] = Field(default_factory=list)
    error: str | None = None


class WordBench(JsonFile):
    """All results of one config, and what the judge is."""

    called: ClassVar[str] = "bench of words"

    schema_: Literal["expunge.words/1"] = Field("expunge.words/1", alias="schema")
    title: str
    command: str | None = None
    created: str
    config: dict[str, Any]
    judge: str
    judge_accuracy: float | None
    planned: int
    results: list[WordResult]

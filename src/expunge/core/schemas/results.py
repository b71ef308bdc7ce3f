"""What a bench leaves: one ``Result`` per model that was measured, and all of them together."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import JsonFile, Strict
from .record import Scores

RESULT_SCHEMA: Literal["expunge.result/1"] = "expunge.result/1"
BENCH_SCHEMA: Literal["expunge.bench/1"] = "expunge.bench/1"
Kind = Literal["original", "untrained", "retrained", "unlearned"]


class Curve(Strict):
    """Accuracy in percent on ``measured_on`` after so many steps of the relearn protocol."""

    measured_on: str
    steps: list[int]
    accuracy: list[float]


class Result(Strict):
    """One model, measured. None wherever a value is not known.

    ``kind`` tells references from what a method made (``untrained`` is only an anchor of the
    relearn curves); ``number`` counts the retrained
    models of one scenario and seed from 1, and is 0 for the others. ``seconds`` is the time
    of training or unlearning alone. ``cka`` maps a layer to its likeness with the first
    retrained model, in [0, 1]. ``error`` says why a method gave no model; then there are no
    scores.
    """

    schema_: Literal["expunge.result/1"] = Field(RESULT_SCHEMA, alias="schema")
    key: str
    created: str
    versions: dict[str, str]
    kind: Kind
    number: int = 0
    data: str
    model: str
    scenario: str
    method: str
    seed: int
    settings: dict[str, Any] = Field(default_factory=dict)
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    scores: Scores | None = None
    seconds: float | None = None
    samples_read: int | None = None
    peak_memory_bytes: int | None = None
    relearn: Curve | None = None
    per_class: dict[str, float] = Field(default_factory=dict)
    cka: dict[str, float] = Field(default_factory=dict)
    warnings: list[str] = Field(default_factory=list)
    error: str | None = None


class Trial(Strict):
    """One setting that was tried on the pilot seed; ``value`` None if the result was refused."""

    settings: dict[str, Any]
    value: float | None
    seconds: float | None = None


class Tuning(Strict):
    """How the settings of one method were found in one scenario; best first is not implied."""

    data: str
    model: str
    scenario: str
    method: str
    objective: str
    pilot_seed: int
    trials: list[Trial]
    best: dict[str, Any]


class Bench(JsonFile):
    """All results of one config; tables and pages read nothing else.

    ``order`` lists the labels of methods as the config does. ``planned`` is how many
    results there will be; fewer ``results`` mean that the bench was interrupted.
    """

    called: ClassVar[str] = "bench"

    schema_: Literal["expunge.bench/1"] = Field(BENCH_SCHEMA, alias="schema")
    title: str
    command: str | None = None
    created: str
    config: dict[str, Any]
    order: list[str]
    planned: int
    tuning: list[Tuning] = Field(default_factory=list)
    results: list[Result]

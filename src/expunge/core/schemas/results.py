"""What a bench leaves: one ``Result`` per model that was measured, and all of them together."""

import json
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..storage.files import json_digest
from .base import JsonFile, Strict
from .record import Record, Scores

BENCH_SCHEMA: Literal["expunge.bench/2"] = "expunge.bench/2"
Kind = Literal["original", "untrained", "retrained", "unlearned"]


class Result(Strict):
    """One model of a bench: where it stands in the grid, and its record.

    ``kind`` tells references from what a method made (``untrained`` is only an anchor of the
    relearn curves), and is the role of the model in the record. ``number`` counts the
    retrained models of one scenario and seed from 1, and is 0 for the others. ``variant``
    tells measurements of one model apart, e.g. ``"guidance 1.5"``. ``error`` says why a
    method gave no model; the record then has no scores.
    """

    key: str
    kind: Kind
    number: int = 0
    data: str
    model: str
    scenario: str
    method: str
    seed: int
    variant: str = ""
    record: Record
    error: str | None = None

    @property
    def scores(self) -> Scores | None:
        """The scores of the model; None if there is none."""
        return self.record.scores.get(self.kind)

    @property
    def relearn_curve(self) -> list[float]:
        """One accuracy per entry of ``record.relearn.steps``; empty if it was not measured."""
        return self.record.relearn.curves[self.kind] if self.record.relearn else []


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


class Judge(Strict):
    """The classifier that looks at generated images; ``accuracy`` in percent on real ones."""

    name: str
    accuracy: float | None = None


class Bench(JsonFile):
    """All results of one config; tables and pages read nothing else.

    ``order`` lists the labels of methods as the config does. ``planned`` is how many
    results there will be; fewer ``results`` mean that the bench was interrupted.
    """

    called: ClassVar[str] = "bench"

    schema_: Literal["expunge.bench/2"] = Field(BENCH_SCHEMA, alias="schema")
    title: str
    command: str | None = None
    created: str
    config: dict[str, Any]
    order: list[str]
    planned: int
    judge: Judge | None = None
    tuning: list[Tuning] = Field(default_factory=list)
    results: list[Result]

    def to_json(self) -> str:
        """One line per result, without fields that are as they are by default."""
        kept = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        payload = {"schema": self.schema_, **kept, "results": kept.get("results", [])}
        digest = json_digest(payload)
        results = ",\n  ".join(json.dumps(one, allow_nan=False) for one in payload.pop("results"))
        head = json.dumps(payload, indent=1, allow_nan=False)
        return f'{head[:-2]},\n "results": [\n  {results}\n ],\n "sha256": "{digest}"\n}}\n'

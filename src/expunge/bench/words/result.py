"""What a bench of words leaves: one ``WordResult`` per model, and all of them together."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.checkpoint import write_atomically
from ...core.errors import InputError
from ...core.record import PromptScore

WordKind = Literal["original", "retrained", "unlearned"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class WordResult(_Strict):
    """What one model draws; None wherever a value is not known.

    ``target``, ``synonyms`` and ``others`` are shares in percent of drawings that the judge
    takes for what the prompt says: of the forgotten word, its other wordings, and the mean
    over all other words. ``fid`` is the Fréchet distance between drawings of the others and
    real images of them, in the features of the judge. ``guidance`` is the scale that they
    were drawn at. ``seconds`` is the time of training or unlearning alone. ``error`` says
    why a method gave no model.
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
    seconds: float | None = None
    samples_read: int | None = None
    peak_memory_bytes: int | None = None
    warnings: list[str] = Field(default_factory=list)
    error: str | None = None


class WordBench(_Strict):
    """All results of one config, and what the judge is."""

    schema_: Literal["expunge.words/1"] = Field("expunge.words/1", alias="schema")
    title: str
    command: str | None = None
    created: str
    config: dict[str, Any]
    judge: str
    judge_accuracy: float | None
    planned: int
    results: list[WordResult]

    def to_json(self) -> str:
        """JSON; unknown values are null, and ``nan`` never occurs."""
        payload = self.model_dump(mode="json", by_alias=True)
        return json.dumps(payload, indent=1, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write all results into one file, whole or not at all.

        Raises:
            InputError: If the folder cannot be written.
        """
        text = self.to_json()
        write_atomically(Path(path), lambda target: _write(target, text))

    @classmethod
    def load(cls, path: str | Path) -> "WordBench":
        """Read what ``save`` wrote.

        Raises:
            InputError: If the file is missing, is not JSON, or has another schema.
        """
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read the bench {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise InputError(
                f"{path} is not a bench of words (expunge.words/1): {place}: {first['msg']}"
            ) from error


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")

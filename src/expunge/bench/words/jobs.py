"""The single results that a bench of words asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...core.errors import ConfigError
from .config import WordPlan
from .result import WordKind

ANY = ""  # the word of an original, which forgets none


@dataclass(frozen=True)
class WordJob:
    """One model that is looked at; ``method`` is a label, or the kind of a reference."""

    kind: WordKind
    word: str
    method: str
    seed: int
    guidance: float

    def __str__(self) -> str:
        about = f"{self.word}, seed {self.seed}" if self.word else f"guidance {self.guidance:g}"
        return f"{self.method} ({about})"


def word_jobs(plan: WordPlan, names: Sequence[str]) -> list[WordJob]:
    """Every result: the original, then word after word its reference and the methods.

    Args:
        plan: What to compute.
        names: The classes of the scene.

    Raises:
        ConfigError: If a word of the plan is none of them.
    """
    config = plan.config
    words = names if config.words is None else config.words
    wanted = [*words, *(word for entry in config.method for word in entry.words or ())]
    if unknown := [word for word in wanted if word not in names]:
        raise ConfigError([f"words: expected some of {', '.join(names)}; got {unknown[0]!r}"])
    scale = config.drawing.guidance
    found = [
        WordJob("original", ANY, "original", config.seed, one) for one in (scale, *config.quality)
    ]
    for word in words:
        found.append(WordJob("retrained", word, "retrained", config.seed, scale))
        found += [
            WordJob("unlearned", word, entry.label, seed, scale)
            for entry in config.method
            if entry.words is None or word in entry.words
            for seed in entry.seeds or config.seeds
        ]
    return found

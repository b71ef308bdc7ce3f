"""The single results that a plan asks for."""

from dataclasses import dataclass

from ..core.schemas.results import Kind
from .config import Plan, Setting


@dataclass(frozen=True, eq=False)
class Job:
    """One result; ``method`` is the label of a method, or the kind of a reference.

    ``number`` counts retrained models from 1; it is 0 for everything else.
    """

    setting: Setting
    seed: int
    kind: Kind
    method: str
    number: int = 0

    def __str__(self) -> str:
        place = f"{self.setting.data}, {self.setting.model}, {self.setting.scenario}"
        which = f" {self.number}" if self.number else ""
        return f"{self.method}{which} ({place}, seed {self.seed})"

    @property
    def tuned_as(self) -> str | None:
        """The label whose tuned fields the method takes: its own, another's, or none."""
        own = self.method if self.method in self.setting.spaces else None
        return self.setting.borrowed.get(self.method, own)

    @property
    def labels(self) -> dict[str, object]:
        """The fields of a ``Result`` that say which one it is."""
        return {
            "data": self.setting.data,
            "model": self.setting.model,
            "scenario": self.setting.scenario,
            "method": self.method,
            "kind": self.kind,
            "number": self.number,
            "seed": self.seed,
        }


def jobs(plan: Plan) -> list[Job]:
    """Every result of a bench: one seed after the other, references before methods."""
    found = []
    for setting in plan.settings:
        for seed in plan.config.seeds:
            found += [Job(setting, seed, kind, kind) for kind in ("original", "untrained")]
            numbers = range(1, plan.config.retrain + 1)
            found += [Job(setting, seed, "retrained", "retrained", number) for number in numbers]
            found += [Job(setting, seed, "unlearned", label) for label in setting.methods]
    return found

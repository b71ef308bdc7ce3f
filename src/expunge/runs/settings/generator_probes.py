"""What generators still generate of a concept: with assistance, and after relearning it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ...config.generator import ProbesConfig
from ...core.data import UnlearningData
from ...core.schemas.record import Record
from ...evaluation import (
    GenerationPlan,
    GeneratorRelearning,
    ImageJudge,
    probe_generator,
    relearn_generator,
)
from ...evaluation.generation.probes import assisted_probes, relearn_generators
from ...tasks import Denoising


@dataclass(frozen=True, eq=False)
class LoadedInTurn(Mapping[str, Any]):
    """Pipelines by role, made anew each time one is asked for: memory holds one at a time."""

    loaders: Mapping[str, Callable[[], nn.Module]]
    pipeline_of: Callable[[nn.Module], Any]

    def __getitem__(self, role: str) -> Any:
        return self.pipeline_of(self.loaders[role]())

    def __iter__(self) -> Iterator[str]:
        return iter(self.loaders)

    def __len__(self) -> int:
        return len(self.loaders)

    def without(self, role: str) -> "LoadedInTurn":
        """The others."""
        kept = {name: load for name, load in self.loaders.items() if name != role}
        return LoadedInTurn(kept, self.pipeline_of)


@dataclass(frozen=True, eq=False)
class Probes:
    """The probes that a config asks for, on one concept."""

    asked: ProbesConfig
    judge: ImageJudge
    task: Denoising
    data: UnlearningData

    def of_one(
        self, role: str, pipeline: Any, helper: nn.Module, plan: GenerationPlan
    ) -> dict[str, Any]:
        """Fields of a record of one model; ``helper`` is the original's denoiser."""
        one, few = {role: pipeline}, self._few(plan)
        kinds = {"completion": self.asked.completion, "noise": self.asked.noise}
        found: dict[str, Any] = {
            "generation_probes": assisted_probes(one, helper, few, self.judge, kinds)
        }
        if (attack := self._attack()) is not None:
            found["relearn"] = relearn_generators(
                one, few, self.judge, self.task, self.data, attack
            )
        return found

    def of_all(self, record: Record, pipelines: LoadedInTurn, plan: GenerationPlan) -> Record:
        """The record with probes of all models but the second retrained one."""
        probed = pipelines.without("retrained_again")
        few, asked = self._few(plan), self.asked
        record = probe_generator(
            record, probed, few, self.judge, completion=asked.completion, noise=asked.noise
        )
        if (attack := self._attack()) is None:
            return record
        return relearn_generator(record, probed, few, self.judge, self.task, self.data, attack)

    def _few(self, plan: GenerationPlan) -> GenerationPlan:
        images = self.asked.images
        return plan if images is None else replace(plan, images=images)

    def _attack(self) -> GeneratorRelearning | None:
        asked = self.asked
        if not asked.relearn:
            return None
        return GeneratorRelearning(
            steps=tuple(asked.relearn), lr=asked.lr, batch_size=asked.batch_size
        )

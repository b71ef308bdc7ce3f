"""Out of memory: a message that says which knob to turn, and nothing else is touched."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from expunge import Classification, ImageSet, UnlearningData, unlearn
from expunge.core import InputError, Split
from expunge.core.memory import memory_advice
from expunge.methods import FineTune

HUGE = 1 << 52  # elements; more than any machine holds


@dataclass(frozen=True)
class Greedy:
    name: ClassVar[str] = "greedy"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = FineTune.reference

    def __call__(self, model: nn.Module, task: Any, data: Any, run: Any) -> nn.Module:
        torch.empty(HUGE)
        return model


def test_unlearn_names_batch_size_precision_and_checkpointing() -> None:
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    whole = ImageSet(images, torch.tensor([0, 1, 0, 1]))
    data = UnlearningData.split(whole, torch.arange(1))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    with pytest.raises(InputError, match=r"memory ran out in greedy; lower the batch_size"):
        unlearn(model, data, Greedy(), task=Classification(2))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError(
        "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"
    )],
)  # fmt: skip
def test_what_allocators_say_becomes_advice(error: Exception) -> None:
    expected = pytest.raises(InputError, match="memory ran out in testing; lower x")
    with expected, memory_advice("testing", "lower x"):
        raise error


def test_other_errors_pass_through() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), memory_advice("testing", "lower x"):
        raise RuntimeError("shapes differ")

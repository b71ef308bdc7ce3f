"""Which method runs on which task, from what the methods declare."""

from collections.abc import Mapping

import torch
from torch.utils.data import TensorDataset

from expunge.core import Method, Task
from expunge.core.capabilities import satisfies
from expunge.core.method import needs_of, optional_sets
from expunge.tasks import CausalLM, Classification, Denoising, Noising, Regression


def tasks() -> dict[str, Task]:
    """One task of each kind, by the name that the table of methods gives it."""
    levels = torch.linspace(0, 1, 2)
    noising = Noising(1 - levels, levels, torch.arange(2), "epsilon")
    return {
        "classification": Classification(num_classes=2),
        "regression": Regression(),
        "causal-lm": CausalLM(vocabulary_size=2),
        "denoising": Denoising(noising, {"class_labels": torch.arange(3)[:, None]}),
    }


def runs_on(method: type[Method], task: Task) -> bool:
    """Whether a task has all that a method declares to need."""
    one = TensorDataset(torch.zeros(1, 1), torch.zeros(1, dtype=torch.long))
    return all(satisfies(task, need, one) for need in needs_of(method))


def methods(known: Mapping[str, type[Method]]) -> str:
    """Which method runs on which task, and the sets that it reads."""
    kinds = tasks()
    lines = [
        f"| method | {' | '.join(kinds)} | reads |",
        f"|---|{':-:|' * len(kinds)}---|",
    ]
    for name, method in sorted(known.items()):
        cells = ["yes" if runs_on(method, task) else "\N{EN DASH}" for task in kinds.values()]
        reads = ", ".join(
            f"{split} (if there is one)" if split in optional_sets(method) else split
            for split in sorted(method.reads)
        )
        lines.append(f"| `{name}` | {' | '.join(cells)} | {reads} |")
    return "\n".join(lines)

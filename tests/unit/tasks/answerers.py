"""A Llama so small that a test can train with it, and questions of two tokens for it."""

from typing import Any

import torch
from torch import Tensor, nn

from expunge.core import UnlearningData
from expunge.data import AnswerSet
from expunge.tasks import CausalLM

VOCABULARY, LENGTH = 12, 6


def llama(seed: int = 0, vocabulary: int = VOCABULARY) -> nn.Module:
    """One layer, 16 wide."""
    from expunge.models import build_language_model

    return build_language_model(
        vocabulary, seed=seed, width=16, depth=1, heads=2, max_length=LENGTH
    )


def answers(count: int = 24, seed: int = 0) -> AnswerSet:
    """Two tokens of a prompt, one or two of an answer, and the end token 3."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(4, VOCABULARY, (count, LENGTH), generator=generator)
    long = torch.arange(count) % 2
    starts = torch.full((count,), 3)
    lengths = starts + 2 + long
    rows[:, 0] = 2
    rows[torch.arange(count), lengths - 1] = 3
    rows[torch.arange(LENGTH) >= lengths[:, None]] = 0
    people = [f"person {place // 4}" for place in range(count)]
    return AnswerSet(rows, starts, lengths, columns={"person": people})


def task(**options: Any) -> CausalLM:
    return CausalLM(VOCABULARY, **options)


def question_data() -> UnlearningData:
    """12 answers to forget, 36 to keep, and 12 each held out."""
    return UnlearningData.split(
        answers(48), range(12), validation=answers(12, seed=1), test=answers(12, seed=2)
    )


class Table(nn.Module):
    """Logits (B, T, V) by the present token alone, (V, V): what a test can count by hand."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.scores[input_ids]

"""The loss of an answer against a count by hand, and what cannot be asked of a model."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import DataLoader

pytest.importorskip("transformers")

from tests.unit.tasks import answerers
from tests.unit.tasks.answerers import VOCABULARY, Table

from expunge import CausalLM, DataError, InputError, ModelError, Task
from expunge.core.data import fetch
from expunge.core.precision import AutocastTask


def everything(count: int = 10) -> dict[str, Tensor]:
    return answerers.answers(count).batch(torch.arange(count), None)


def naive_loss(logits: Tensor, labels: Tensor) -> list[float]:
    """Token by token in plain Python: -log softmax of the next token, averaged."""
    losses = []
    for scores, row in zip(logits.tolist(), labels.tolist(), strict=True):
        found = []
        for place, token in enumerate(row):
            if token == -100 or place == 0:
                continue
            before = scores[place - 1]
            found.append(math.log(sum(math.exp(score) for score in before)) - before[token])
        losses.append(sum(found) / len(found))
    return losses


def test_the_loss_is_that_of_the_answer_tokens_alone() -> None:
    model, batch, task = answerers.llama(), everything(), answerers.task()
    loss = task.loss(model, batch)
    logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert loss.shape == (10,)
    assert loss.dtype == torch.float32
    assert loss.requires_grad
    assert loss.tolist() == pytest.approx(naive_loss(logits, batch["labels"]), rel=1e-5)


def test_a_right_answer_has_the_largest_score_at_each_of_its_tokens() -> None:
    # After token 1 this model says 2, and after 2 it says 3; after all others it says 0.
    scores = torch.zeros(4, 4)
    scores[1, 2], scores[2, 3], scores[3, 0] = 5.0, 5.0, 5.0
    ids = torch.tensor([[1, 2, 3], [1, 2, 1], [3, 2, 3], [1, 3, 0]])
    labels = torch.tensor([[-100, 2, 3], [-100, 2, 1], [-100, -100, 3], [-100, 3, -100]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0]])
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    task, model = CausalLM(4), Table(scores)
    # Whole; right, then wrong; one token; wrong, then padding that would have been right.
    assert task.correct(model, batch).tolist() == [True, False, True, False]
    sure, unsure = math.log(math.exp(5) + 3) - 5, math.log(math.exp(5) + 3)
    expected = [sure, (sure + unsure) / 2, sure, unsure]
    assert task.loss(model, batch).tolist() == pytest.approx(expected)


def test_greedy_writing_gives_the_answers_that_count_as_right() -> None:
    model, batch = answerers.llama(seed=3), everything(40)
    task = answerers.task()
    for row, right in enumerate(task.correct(model, batch).tolist()):
        asked = (batch["labels"][row] != -100).nonzero().flatten().tolist()
        written = batch["input_ids"][row, : asked[0]].tolist()
        for _ in asked:
            ids = torch.tensor([written])
            scores = model(ids, attention_mask=torch.ones_like(ids)).logits[0, -1]
            written.append(int(scores.argmax()))
        assert right == (written[asked[0] :] == batch["input_ids"][row, asked].tolist())


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.integers(0, 23), min_size=1, max_size=8),
    padding=st.integers(0, 4),
    fill=st.integers(0, VOCABULARY - 1),
)
def test_padding_and_company_do_not_change_losses(rows: list[int], padding: int, fill: int) -> None:
    model, task = answerers.llama(), answerers.task()
    alone = torch.cat([task.loss(model, everything_at([row])) for row in rows])
    batch = everything_at(rows)
    size = (len(rows), padding)
    wide = {
        "input_ids": torch.cat([batch["input_ids"], torch.full(size, fill)], 1),
        "attention_mask": torch.cat([batch["attention_mask"], torch.zeros(size).long()], 1),
        "labels": torch.cat([batch["labels"], torch.full(size, -100)], 1),
    }
    torch.testing.assert_close(task.loss(model, batch), alone)
    torch.testing.assert_close(task.loss(model, wide), alone)
    assert torch.equal(task.correct(model, batch), task.correct(model, wide))


def everything_at(rows: list[int]) -> dict[str, Tensor]:
    return answerers.answers(24).batch(torch.tensor(rows), None)


def test_only_answer_tokens_have_a_gradient() -> None:
    model, batch = Table(torch.zeros(VOCABULARY, VOCABULARY)), everything()
    (slope,) = torch.autograd.grad(answerers.task().loss(model, batch).sum(), model.scores)
    aims = batch["labels"][:, 1:]
    before = batch["input_ids"][:, :-1][aims != -100].unique()
    moved = (slope != 0).any(1).nonzero().flatten()
    assert torch.equal(moved, before)


def test_bfloat16_gives_float32_losses_near_the_others() -> None:
    task, model, batch = answerers.task(), answerers.llama(), everything()
    found = AutocastTask(task, "cpu").loss(model, batch)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, task.loss(model, batch), rtol=0.1, atol=0.1)


def test_it_is_a_task_without_labels_and_scores() -> None:
    task = answerers.task()
    assert isinstance(task, Task)
    assert task.optimizer == "adamw"
    assert task.labels(answerers.answers()) is None
    assert not hasattr(task, "logits")
    assert task.loss_ceiling == pytest.approx(math.log(VOCABULARY))
    assert CausalLM(10, loss_ceiling=2.5).loss_ceiling == 2.5
    assert eval(repr(task)) == task
    assert hash(task) == hash(answerers.task())


def test_a_loader_of_torch_gives_the_same_losses() -> None:
    dataset, task, model = answerers.answers(), answerers.task(), answerers.llama()
    parts = [task.loss(model, batch) for batch in DataLoader(dataset, batch_size=7)]
    torch.testing.assert_close(torch.cat(parts), task.loss(model, fetch(dataset, torch.arange(24))))


@pytest.mark.parametrize("size", [-1, 0, 1])
def test_a_vocabulary_has_at_least_two_tokens(size: int) -> None:
    with pytest.raises(InputError, match=rf"vocabulary_size of at least 2, got {size}.*config"):
        CausalLM(size)


@pytest.mark.parametrize("ceiling", [0.0, -1.0, math.inf, math.nan])
def test_a_ceiling_is_positive_and_finite(ceiling: float) -> None:
    with pytest.raises(InputError, match=rf"expected loss_ceiling > 0, got {ceiling}"):
        CausalLM(10, loss_ceiling=ceiling)


def broken(**changes: Any) -> dict[str, Any]:
    return {**everything(4), **changes}


def unanswered() -> Tensor:
    labels = everything(4)["labels"].clone()
    labels[2] = -100
    labels[2, 0] = 2
    return labels


BAD = {
    "a pair": (lambda: (torch.ones(2, 3), torch.ones(2)), r"maps input_ids.*got tuple.*AnswerSet"),
    "no labels": (lambda: {"input_ids": torch.ones(2, 3).long()}, r"got keys \['input_ids'\]"),
    "one axis": (lambda: broken(input_ids=torch.ones(4).long()), r"input_ids.*\(B, T\).*\(4,\)"),
    "shapes": (lambda: broken(labels=torch.ones(4, 2).long()), r"expected labels.*\(4, 2\).*alike"),
    "floats": (lambda: broken(input_ids=torch.ones(4, 6)), r"input_ids.*integer.*float32"),
    "texts": (lambda: broken(labels="yes"), r"expected labels.*got yes"),
    "no answer": (
        lambda: broken(labels=unanswered()),
        r"an answer token in every sample, but in a batch 1 of 4.*position 2.*-100 elsewhere",
    ),
    "left": (
        lambda: broken(attention_mask=everything(4)["attention_mask"].flip(1)),
        r"padding on the right in every sample.*padding_side",
    ),
    "unknown": (
        lambda: broken(input_ids=everything(4)["input_ids"] + 5),
        r"within the vocabulary.*vocabulary_size is 12, the largest token is 16.*tokenizer",
    ),
    "negative": (
        lambda: broken(labels=everything(4)["labels"].masked_fill(unanswered() == 3, -1)),
        r"within the vocabulary",
    ),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_a_batch_that_cannot_be_asked_says_what_is_wrong(what: str) -> None:
    build, message = BAD[what]
    with pytest.raises(DataError, match=rf"(?s){message}"):
        answerers.task().loss(answerers.llama(), build())


def test_one_token_is_no_sample() -> None:
    ones = torch.ones(2, 1).long()
    batch = {"input_ids": ones, "attention_mask": ones, "labels": ones}
    with pytest.raises(DataError, match=r"at least 2 tokens.*\(2, 1\)"):
        answerers.task().loss(answerers.llama(), batch)


class Says(nn.Module):
    """Returns what it was given, whatever it is asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (torch.zeros(10, 5, 7), r"got \(10, 5, 7\)"),
        (torch.zeros(10, VOCABULARY), r"got \(10, 12\)"),
        ({"last_hidden_state": torch.zeros(10, 5, 16)}, "got dict"),
        (SimpleNamespace(logits=torch.zeros(10, 5, 16)), r"got \(10, 5, 16\)"),
    ],
)
def test_a_model_without_logits_of_the_vocabulary_is_refused(answer: Any, found: str) -> None:
    with pytest.raises(ModelError, match=rf"\(10, 6, 12\) for vocabulary_size = 12, {found}.*head"):
        answerers.task().loss(Says(answer), everything())


def test_a_whole_set_is_checked_before_anything_is_learned() -> None:
    dataset = answerers.answers(24)
    answerers.task().check_set(dataset, "forget")
    with pytest.raises(DataError, match=r"in the forget set 24 of 24 samples.*position 0"):
        CausalLM(4).check_set(dataset, "forget")

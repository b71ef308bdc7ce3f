"""Language models that are asked questions: the loss of a sample is that of its answer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.capabilities import logits_in
from ..core.checks import check_positive
from ..core.data import fetch
from ..core.errors import DataError, InputError, ModelError
from ..core.task import Batch

IGNORED = -100
"""Label of a token that is no part of an answer, as PyTorch and Hugging Face write it."""

_KEYS = ("input_ids", "attention_mask", "labels")
_CHUNK = 1000


@dataclass(frozen=True, init=False)
class CausalLM:
    """Batches are mappings of prompts with their answers; the model predicts the next token.

    A batch holds ``input_ids``, ``attention_mask`` and ``labels``, each an integer tensor
    (B, T) padded on the right. ``labels`` repeats the tokens of the answer and is -100
    everywhere else. The model is called as ``model(input_ids, attention_mask=...)`` and
    returns logits (B, T, V), or a record with ``logits``, as Hugging Face's causal models do.

    The loss of a sample is the mean negative log-likelihood of its answer tokens, each
    predicted from the true tokens before it (teacher forcing), so that long and short
    answers count alike. There are no class labels, and no ``logits`` of the form that
    methods with class scores ask for: an answer has several tokens, and one row per token
    would be taken for one row per sample. Such methods refuse the task.

    Args:
        vocabulary_size: Number of logits V per token, at least 2; of a Hugging Face model
            ``model.config.vocab_size``, which may exceed that of its tokenizer.
        loss_ceiling: Mean negative log-likelihood in nats beyond which a sample counts as
            forgotten, > 0. None takes log V, the loss of a model that knows nothing and
            says so by a uniform guess.

    Methods step by AdamW on it (``optimizer``), as language models are trained: their rates
    are those of Adam, 1e-5 to 1e-3.
    """

    vocabulary_size: int
    loss_ceiling: float

    optimizer: ClassVar[str] = "adamw"

    def __init__(self, vocabulary_size: int, loss_ceiling: float | None = None) -> None:
        if vocabulary_size < 2:
            raise InputError(
                f"expected vocabulary_size of at least 2, got {vocabulary_size!r}; "
                "give model.config.vocab_size"
            )
        check_positive(loss_ceiling=loss_ceiling)
        ceiling = math.log(vocabulary_size) if loss_ceiling is None else loss_ceiling
        object.__setattr__(self, "vocabulary_size", vocabulary_size)
        object.__setattr__(self, "loss_ceiling", ceiling)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean negative log-likelihood of the answer of each sample, nats, float32 (B,).

        Costs one forward pass, and float32 logits for the answer tokens alone.

        Raises:
            DataError: If the batch is malformed, or a sample has no answer token.
            ModelError: If the model does not return logits (B, T, V).
        """
        logits, tokens, places = self._answers(model, batch)
        losses = F.cross_entropy(logits, tokens, reduction="none")
        # Back to one row per sample, in which tokens outside the answer count as zero.
        table = losses.new_zeros(places.shape).masked_scatter(places, losses)
        return table.sum(1) / places.sum(1)

    def probability(self, model: nn.Module, batch: Batch) -> Tensor:
        """Geometric mean of the probabilities of a sample's answer tokens, float32 (B,).

        That is ``exp(-loss)``, the length-normalised likelihood that membership attacks on
        language models use; answers of different lengths can be compared by it.
        """
        return (-self.loss(model, batch)).exp()

    def correct(self, model: nn.Module, batch: Batch) -> Tensor:
        """Whether every answer token has the largest logit at its place, bool (B,).

        The tokens before are the true ones. Greedy generation gives exactly these answers:
        as long as it was right so far, it has read the same tokens.

        Raises:
            DataError: As ``loss``.
            ModelError: As ``loss``.
        """
        logits, tokens, places = self._answers(model, batch)
        wrong = torch.zeros_like(places).masked_scatter(places, logits.argmax(1) != tokens)
        return ~wrong.any(1)

    def labels(self, dataset: Any) -> None:
        """None: answers are sequences of tokens, not classes."""

    def check_set(self, dataset: Any, name: str) -> None:
        """Raise unless every sample of a set can be learned from; reads the set once.

        Args:
            dataset: Any map-style set.
            name: What the error calls it, e.g. ``"forget"``.

        Raises:
            DataError: Names the set, and the position of the first wrong sample.
        """
        for start in range(0, len(dataset), _CHUNK):
            positions = torch.arange(start, min(start + _CHUNK, len(dataset)))
            self._check(*_columns(fetch(dataset, positions)), f"the {name} set", start)

    def _answers(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, V) and tokens (N,) of all N answer tokens, and where they stand.

        ``places``, bool (B, T - 1), marks the positions that *predict* an answer token,
        which is one before the token itself.
        """
        ids, mask, labels = _columns(batch)
        self._check(ids, mask, labels, "a batch")
        found = model(ids, attention_mask=mask)
        logits = logits_in(found)
        expected = (*ids.shape, self.vocabulary_size)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ModelError(
                f"expected logits of shape {expected} for vocabulary_size = "
                f"{self.vocabulary_size}, got {shape}; give the task the vocabulary size of the "
                "model (model.config.vocab_size), and a model with a language modelling head"
            )
        # The logits at position t are about token t + 1: those of the last one are about none.
        aims = labels[:, 1:]
        places = aims != IGNORED
        # Selected before they are made float32: the vocabulary may be 100,000 tokens wide.
        return logits[:, :-1][places].float(), aims[places].long(), places

    def _check(self, ids: Tensor, mask: Tensor, labels: Tensor, where: str, start: int = 0) -> None:
        """Raise unless all rows can be used; ``start`` is the position of the first."""
        asked = labels != IGNORED
        fits = {
            "an answer token": asked[:, 1:].any(1),
            "padding on the right": (mask[:, 0] != 0) & (mask.diff(dim=1) <= 0).all(1),
            "tokens within the vocabulary": (
                (ids >= 0)
                & (ids < self.vocabulary_size)
                & (~asked | ((labels >= 0) & (labels < self.vocabulary_size)))
            ).all(1),
        }
        good = torch.stack(list(fits.values()))
        if bool(good.all()):  # the only time that a GPU is waited for
            return
        for (what, rows), remedy in zip(fits.items(), _REMEDIES, strict=True):
            wrong = (~rows).nonzero().flatten()
            if len(wrong):
                raise DataError(
                    f"expected {what} in every sample, but in {where} {len(wrong)} of {len(rows)} "
                    f"samples have none, first at position {start + int(wrong[0])}; "
                    + remedy.format(size=self.vocabulary_size, most=int(ids.max()))
                )


_REMEDIES = (
    "set labels to the tokens of the answer, and to -100 elsewhere; an answer cannot be "
    "the first token, which nothing predicts",
    "let attention_mask be 1 on the tokens and then 0 on the padding, with "
    'tokenizer.padding_side = "right"',
    "vocabulary_size is {size}, the largest token is {most}: use the tokenizer that belongs to "
    "the model, and model.config.vocab_size",
)


def _columns(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The three tensors of a batch, integers of one shape (B, T) with T >= 2.

    Raises:
        DataError: Names the key that is missing or wrong.
    """
    if not isinstance(batch, Mapping) or not all(key in batch for key in _KEYS):
        found = f"keys {sorted(batch)}" if isinstance(batch, Mapping) else type(batch).__name__
        raise DataError(
            f"expected a batch that maps {', '.join(_KEYS)} to tensors, got {found}; use an "
            "AnswerSet, or let the data set return such a mapping"
        )
    ids, mask, labels = (batch[key] for key in _KEYS)
    for key, value in zip(_KEYS, (ids, mask, labels), strict=True):
        floats = isinstance(value, Tensor) and value.is_floating_point()
        if not isinstance(value, Tensor) or floats or value.shape != ids.shape or value.ndim != 2:
            found = f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else value
            raise DataError(
                f"expected {key} to be an integer tensor (B, T) of the shape of input_ids, got "
                f"{found}; pad all columns of a batch alike"
            )
    if ids.shape[1] < 2:
        raise DataError(
            f"expected input_ids of at least 2 tokens, a prompt and an answer, got the shape "
            f"{tuple(ids.shape)}; begin each sample with a token of its prompt"
        )
    return ids, mask, labels

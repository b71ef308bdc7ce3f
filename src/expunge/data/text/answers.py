"""Prompts with their answers, tokenised once and held as tensors."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from ...core.errors import DataError

_IGNORED = -100  # label of tokens outside the answer, which no loss counts


class AnswerSet:
    """Tokenised prompts, each followed by its answer; batches are indexed, never augmented.

    A sample is a row of tokens: the prompt, the answer, then padding. Only where the answer
    starts and ends is stored beside it, so an answer cannot lie anywhere else.

    Args:
        input_ids: Token numbers, int64 (N, T), padded on the right with any legal number.
        starts: Position of the first answer token of each row, int64 (N,), at least 1.
        lengths: Tokens of prompt and answer together, int64 (N,), ``starts`` to T.
        ids: One per sample, all different; None numbers them ``train/0``, ``train/1``, ….
        columns: Further values per sample by name, such as the ``person`` that it is about;
            requests to forget groups refer to them.

    Raises:
        DataError: If lengths differ, an answer is empty or lies outside its row, or two
            samples have the same id.
    """

    def __init__(
        self,
        input_ids: Tensor,
        starts: Tensor,
        lengths: Tensor,
        ids: Sequence[str] | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        self.input_ids = input_ids.long()
        self.starts, self.lengths = starts.long().cpu(), lengths.long().cpu()
        count = len(input_ids)
        self.ids = [f"train/{row}" for row in range(count)] if ids is None else list(ids)
        self.columns = {name: list(values) for name, values in (columns or {}).items()}
        _check(self)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.starts)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One sample as ``batch`` gives it, without the first axis and of full length T."""
        rows = torch.tensor([range(len(self))[index]])
        whole = self._batch(rows, self.input_ids.shape[1])
        return {key: value[0] for key, value in whole.items()}

    def batch(self, indices: Tensor, generator: Generator | None) -> dict[str, Tensor]:
        """Samples at ``indices``, int64 (B,); the generator is not used.

        Returns:
            ``input_ids``, ``attention_mask`` and ``labels``, each int64 (B, t), where t is
            the length of the longest of these samples. Labels are the tokens of the answers
            and -100 elsewhere.
        """
        del generator
        rows = indices.cpu()
        return self._batch(rows, int(self.lengths[rows].max()))

    def subset(self, indices: Tensor) -> "AnswerSet":
        """The samples at ``indices`` (1-D int64), as another set."""
        rows = indices.cpu()
        chosen = rows.tolist()
        return AnswerSet(
            self.input_ids[rows.to(self.input_ids.device)],
            self.starts[rows],
            self.lengths[rows],
            [self.ids[row] for row in chosen],
            {name: [values[row] for row in chosen] for name, values in self.columns.items()},
        )

    def to(self, device: torch.device | str) -> "AnswerSet":
        """The same samples with their tokens on ``device``; lengths stay on the CPU."""
        return AnswerSet(
            self.input_ids.to(device), self.starts, self.lengths, self.ids, self.columns
        )

    def fingerprint(self) -> str:
        """SHA-256 (hex) over tokens, bounds of the answers, ids and columns.

        What stands in the padding, and how wide it is, does not count.
        """
        header = json.dumps([self.ids, self.columns], sort_keys=True, default=str)
        digest = hashlib.sha256(header.encode())
        inside = torch.arange(self.input_ids.shape[1]) < self.lengths[:, None]
        for column in (self.starts, self.lengths, self.input_ids.cpu()[inside]):
            digest.update(column.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _batch(self, rows: Tensor, width: int) -> dict[str, Tensor]:
        # Cut to the longest: on the CPU, where asking for a length waits for no device.
        place = self.input_ids.device
        tokens = self.input_ids[rows.to(place), :width]
        positions = torch.arange(width)
        inside = positions < self.lengths[rows, None]
        asked = (inside & (positions >= self.starts[rows, None])).to(place)
        return {
            "input_ids": tokens,
            "attention_mask": inside.long().to(place),
            "labels": tokens.masked_fill(~asked, _IGNORED),
        }


def _check(answers: AnswerSet) -> None:
    """Raise unless all columns of a set fit together."""
    count = len(answers.input_ids)
    sizes = {
        "starts": len(answers.starts),
        "lengths": len(answers.lengths),
        "ids": len(answers.ids),
        **{f"column {name!r}": len(values) for name, values in answers.columns.items()},
    }
    for name, size in sizes.items():
        if size != count:
            raise DataError(
                f"expected {name} to hold one value for each of the {count} samples of input_ids, "
                f"got {size}; drop or fill in what does not match"
            )
    if answers.input_ids.ndim != 2:
        shape = tuple(answers.input_ids.shape)
        raise DataError(f"expected input_ids of shape (N, T), got {shape}; pad them to one length")
    width = answers.input_ids.shape[1]
    bad = (answers.starts < 1) | (answers.lengths <= answers.starts) | (answers.lengths > width)
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise DataError(
            f"expected 1 <= starts < lengths <= {width}, got starts = {int(answers.starts[row])} "
            f"and lengths = {int(answers.lengths[row])} for {answers.ids[row]!r}; give each "
            "sample a prompt of at least one token and an answer"
        )
    if len(set(answers.ids)) != count:
        twice = next(name for name, times in Counter(answers.ids).items() if times > 1)
        raise DataError(
            f"expected different ids, but {twice!r} occurs twice; give each sample its own id"
        )

"""Questions and answers from texts to tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.checks import check_positive, did_you_mean
from ...core.errors import DataError
from .answers import AnswerSet
from .row_files import Row, read_rows

_SHOWN = 3
_Pair = tuple[str, str]


def read_answers(
    path: str | Path,
    tokenizer: Any,
    prompt: str = "prompt",
    answer: str = "answer",
    *,
    id_column: str | None = None,
    columns: Sequence[str] | None = None,
    max_length: int | None = None,
    separator: str = " ",
    prefix: str = "train/",
) -> AnswerSet:
    """Tokenised questions and answers of a JSON Lines or Parquet file.

    Args:
        path: A ``.jsonl`` file with one object a line, or a ``.parquet`` file.
        tokenizer: As of ``encode_answers``, and so are the arguments below.
        prompt: Column of the prompts.
        answer: Column of the answers.
        id_column: Column of the ids.
        columns: Further columns to keep.
        max_length: Most tokens of a sample.
        separator: Between prompt and answer.
        prefix: Of the ids where there is no ``id_column``.

    Raises:
        DataError: As ``encode_answers``; also if the file cannot be read (see ``read_rows``).
    """
    return encode_answers(
        read_rows(path),
        tokenizer,
        prompt,
        answer,
        id_column=id_column,
        columns=columns,
        max_length=max_length,
        separator=separator,
        prefix=prefix,
    )


def encode_answers(
    rows: Sequence[Row],
    tokenizer: Any,
    prompt: str = "prompt",
    answer: str = "answer",
    *,
    id_column: str | None = None,
    columns: Sequence[str] | None = None,
    max_length: int | None = None,
    separator: str = " ",
    prefix: str = "train/",
) -> AnswerSet:
    """Tokenised questions and answers of rows.

    Prompt and answer are tokenised as one text, since tokenizers of sub-words may split a
    text elsewhere than its parts. The answer begins with the first token in which the text
    differs from the prompt alone, and ends with the tokenizer's end token, if it has one, so
    that the model learns where to stop.

    Args:
        rows: A value by column each; at least one.
        tokenizer: Of Hugging Face, the one that the model was trained with.
        prompt: Column of the prompts, texts. A chat template is applied beforehand.
        answer: Column of the answers, texts.
        id_column: Column of the ids; None numbers the samples ``train/0``, ``train/1``, ….
        columns: Further columns to keep, e.g. ``["person"]``; None keeps all.
        max_length: Most tokens of a sample, > 0; None as the tokenizer says
            (``model_max_length``). Longer samples are refused, not cut.
        separator: Put between prompt and answer.
        prefix: Of the ids where there is no ``id_column``.

    Raises:
        DataError: If a column is missing or holds no text, an answer is empty, an id occurs
            twice, or samples are too long.

    Cost: the tokenizer reads each prompt twice.
    """
    check_positive(max_length=max_length)
    if not rows:
        raise DataError("expected at least one question with its answer, got no row")
    kept = _kept_columns(rows, prompt, answer, id_column, columns)
    ids = [f"{prefix}{row}" for row in range(len(rows))]
    if id_column is not None:
        ids = [_id(row, index, id_column) for index, row in enumerate(rows)]
    pairs = [_pair(row, ids[index], prompt, answer) for index, row in enumerate(rows)]
    tokens, starts = _tokenised(pairs, ids, tokenizer, separator)
    limit = max_length if max_length is not None else tokenizer.model_max_length
    _check_lengths(tokens, ids, limit)
    table, lengths = _padded(tokens, tokenizer)
    return AnswerSet(
        table,
        torch.tensor(starts),
        lengths,
        ids,
        {name: [row.get(name) for row in rows] for name in kept},
    )


def _kept_columns(
    rows: Sequence[Row],
    prompt: str,
    answer: str,
    id_column: str | None,
    wanted: Sequence[str] | None,
) -> list[str]:
    """Names of the further columns, once all that are asked for are known to be there."""
    known = list(dict.fromkeys(name for row in rows for name in row))
    named = {"prompt": prompt, "answer": answer, "id_column": id_column}
    asked = [(argument, name) for argument, name in named.items() if name is not None]
    asked += [("columns", name) for name in wanted or ()]
    for argument, name in asked:
        if name not in known:
            raise DataError(
                f"expected {argument} to be one of the columns {', '.join(known)}; "
                f"got {name!r}{did_you_mean(name, known)}"
            )
    if wanted is not None:
        return list(wanted)
    return [name for name in known if name not in named.values()]


def _id(row: Row, index: int, column: str) -> str:
    value = row.get(column)
    if value is None or not str(value).strip():
        raise DataError(f"row {index + 1} has no id in column {column!r}; give each sample one")
    return str(value).strip()


def _pair(row: Row, name: str, prompt: str, answer: str) -> _Pair:
    """Prompt and answer of a row, both texts with more than blanks in them."""
    for column in (prompt, answer):
        value = row.get(column)
        if not isinstance(value, str):
            raise DataError(
                f"expected a text in column {column!r} of {name!r}, got "
                f"{type(value).__name__}; write it as a text, e.g. {str(value)!r}"
            )
        if not value.strip():
            raise DataError(
                f"{name!r} has an empty text in column {column!r}, from which nothing can be "
                "learned or forgotten; remove that row"
            )
    return row[prompt], row[answer]


def _tokenised(
    pairs: Sequence[_Pair], ids: Sequence[str], tokenizer: Any, separator: str
) -> tuple[list[list[int]], list[int]]:
    """Tokens of each prompt with its answer, and where the answer starts."""
    alone = tokenizer([prompt for prompt, _ in pairs])["input_ids"]
    whole = tokenizer([f"{prompt}{separator}{answer}" for prompt, answer in pairs])["input_ids"]
    end = tokenizer.eos_token_id
    starts = []
    for before, tokens, name in zip(alone, whole, ids, strict=True):
        if end is not None and tokens[-1:] != [end]:
            tokens.append(end)
        # Not len(before): the tokenizer may end it by a token of its own, or join its last
        # letters with the first of the answer.
        pairwise = zip(before, tokens, strict=False)
        start = next((at for at, (a, b) in enumerate(pairwise) if a != b), len(before))
        if start == 0 or start >= len(tokens) - (end is not None):
            part = "prompt" if start == 0 else "answer"
            raise DataError(
                f"the {part} of {name!r} has no token of its own with this tokenizer; write "
                "it out, or set separator"
            )
        starts.append(start)
    return whole, starts


def _check_lengths(tokens: Sequence[list[int]], ids: Sequence[str], limit: int) -> None:
    long = [index for index, row in enumerate(tokens) if len(row) > limit]
    if long:
        most = max(len(tokens[index]) for index in long)
        shown = ", ".join(repr(ids[index]) for index in long[:_SHOWN])
        raise DataError(
            f"{len(long)} of {len(tokens)} samples are longer than max_length = {limit} tokens "
            f"({shown}{' and others' if len(long) > _SHOWN else ''}); the longest has {most}. "
            f"Set max_length to {most} if the model can read as much, or shorten the texts"
        )


def _padded(tokens: Sequence[list[int]], tokenizer: Any) -> tuple[Tensor, Tensor]:
    """One table int64 (N, T), padded on the right, and the length of each row."""
    # Which number stands in the padding does not matter: nothing attends to it.
    fill = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    width = max(len(row) for row in tokens)
    table = [row + [fill] * (width - len(row)) for row in tokens]
    return torch.tensor(table), torch.tensor([len(row) for row in tokens])

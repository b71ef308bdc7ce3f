"""Causal language models: questions with answers, and a model of a config."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...config import Config
from ...core.arguments import check_layers
from ...core.checks import did_you_mean
from ...core.errors import DataError, InputError, ModelError
from ...core.guard import first_non_finite
from ...data import AnswerSet, Bundle, encode_answers, make_biographies
from ...data.sources.assemble import divide
from ...data.sources.reading import Reading
from ...data.text.row_files import Row, read_rows
from ...models import build_language_model, build_word_tokenizer, load_language_model, load_weights
from ...models.language import untrained_like
from ...tasks import CausalLM
from .loaded import Loaded, ModelSize, find_device

TINY = "tiny-llama"
FOLDER = "hf:"
BIOGRAPHIES = "biographies"
ANSWERS = "answers"
_FOR_IMAGES = ("image_size", "mean", "std", "augment", "canaries")
_COLUMNS = ("prompt", "answer", "id_column", "columns", "max_length", "separator")
_NUMBER = "number of the row"  # no column of a user's: one called "id" stays what it was
_Splits = dict[str, list[Row]]


def load_language(config: Config) -> Loaded:
    """Questions with answers and the language model of a config.

    ``data.source`` is ``"biographies"`` (invented people; ``data.arguments`` are those of
    ``make_biographies``) or ``"answers"`` (``data.path`` is a JSON Lines or Parquet file;
    ``data.arguments`` name its columns, see ``read_answers``). ``model.name`` is
    ``"tiny-llama"`` or ``"hf:./folder"``, a causal model as Hugging Face saves it.

    Raises:
        InputError: If something cannot be had, or does not fit together.
    """
    device = find_device(config.device)
    _check_keys(config)
    splits, options = _rows(config)
    tokenizer, fresh, given = _model(config, _texts(splits, options))
    model = fresh(config.seed) if given is None else given()
    check_layers(model)
    if (name := first_non_finite(model)) is not None:
        raise ModelError(f"the model holds NaN or infinite values in {name!r}; train it again")
    task = CausalLM(vocabulary_size=model.config.vocab_size, **config.task.arguments)
    sets = {
        name: encode_answers(rows, tokenizer, **options).to(device)
        for name, rows in splits.items()
        if rows
    }
    for name, dataset in sets.items():
        task.check_set(dataset, name)
    bundle = _bundle(config, sets)
    return Loaded(bundle, fresh, task, device, bundle.fingerprint(), ModelSize.of(model), given)


def _check_keys(config: Config) -> None:
    wrong = [name for name in _FOR_IMAGES if getattr(config.data, name) is not None]
    if wrong:
        raise InputError(f"data.{wrong[0]} is for images; leave it out for a language model")
    if config.data.source not in (BIOGRAPHIES, ANSWERS):
        known = (BIOGRAPHIES, ANSWERS)
        raise InputError(
            f"expected data.source of a language model to be one of {', '.join(known)}; "
            f"got {config.data.source!r}{did_you_mean(config.data.source, known)}"
        )


def _rows(config: Config) -> tuple[_Splits, dict[str, Any]]:
    """Rows by split, and how their columns are read."""
    data = config.data
    if data.source == BIOGRAPHIES:
        if data.path is not None:
            raise InputError("data.path does not apply to biographies, which are invented")
        people = _called(make_biographies, data.arguments)
        splits = {name: getattr(people, name) for name in ("train", "validation", "test")}
        return splits, {"id_column": "id", "columns": ["person"]}
    if data.path is None:
        raise InputError("answers need data.path, a .jsonl or .parquet file")
    for name in data.arguments:
        if name not in _COLUMNS:
            raise InputError(
                f"expected data.arguments of answers among {', '.join(_COLUMNS)}; "
                f"got {name!r}{did_you_mean(name, _COLUMNS)}"
            )
    options = dict(data.arguments)
    rows = read_rows(data.path)
    if "id_column" not in options:  # numbered before they are divided, so that ids stay
        rows = [{**row, _NUMBER: f"train/{number}"} for number, row in enumerate(rows)]
        options["id_column"] = _NUMBER
    _check_split(config)
    return _divided(Path(data.path).stem, rows, options["id_column"], data), options


def _check_split(config: Config) -> None:
    """Raise if the rows that a model from elsewhere never saw would be guessed.

    Raises:
        DataError: Says which keys tell them.
    """
    is_given = config.model.weights is not None or config.model.name.startswith(FOLDER)
    if is_given and not {"validation", "test"} & config.data.model_fields_set:
        raise DataError(
            f"the model was trained elsewhere, so nobody here knows which rows of "
            f"{config.data.path} it never saw; say how they were held out, e.g. data.test = 0.2 "
            "and data.validation = 0.1 if they were divided by expunge, and leave rows that it "
            "never saw out of a request"
        )


def _divided(name: str, rows: list[Row], id_column: str, reading: Reading) -> _Splits:
    """The splits of one file, by the rules that hold for all sources."""
    ids = [str(row.get(id_column)).strip() for row in rows]
    # Before they are divided: the second of two could be tested on while the first is forgotten.
    twice = [one for one, times in Counter(ids).items() if times > 1 and one not in ("None", "")]
    if twice:
        raise DataError(
            f"expected different ids in column {id_column!r}, but {twice[0]!r} occurs twice in "
            f"{name}; give each sample its own id"
        )
    labels = torch.zeros(len(rows), dtype=torch.long)
    found = divide(name, ids, labels, None, reading)
    parts = {"train": found.train, "validation": found.validation, "test": found.test}
    return {split: [rows[row] for row in part.tolist()] for split, part in parts.items()}


def _texts(splits: _Splits, options: Mapping[str, Any]) -> list[str]:
    """All that the model reads: a tokenizer of words knows these, and no ids or names of groups."""
    columns = [options.get(name, name) for name in ("prompt", "answer")]
    return [str(row.get(key, "")) for part in splits.values() for row in part for key in columns]


def _model(config: Config, texts: list[str]) -> tuple[Any, Any, Any]:
    """The tokenizer, what builds an untrained model for a seed, and what loads the given one."""
    name, arguments, weights = config.model.name, config.model.arguments, config.model.weights
    if name.startswith(FOLDER):
        folder = name.removeprefix(FOLDER)
        if arguments or weights is not None:
            raise InputError(f"model.arguments and model.weights do not apply to {name}")
        model, tokenizer = load_language_model(folder)
        fresh = partial(untrained_like, model.config)
        return tokenizer, fresh, lambda: load_language_model(folder)[0]
    if name != TINY:
        raise InputError(
            f"expected model.name of a language model to be {TINY!r} or 'hf:./folder', got "
            f"{name!r}{did_you_mean(name, [TINY])}"
        )
    length = {"max_length": arguments["max_length"]} if "max_length" in arguments else {}
    tokenizer = build_word_tokenizer(texts, **length)
    fresh_tiny = partial(_tiny, len(tokenizer), dict(arguments))
    fresh_tiny(config.seed)  # wrong arguments show at once
    given = None if weights is None else partial(_given, fresh_tiny, config.seed, weights)
    return tokenizer, fresh_tiny, given


def _tiny(vocabulary_size: int, arguments: dict[str, Any], seed: int) -> nn.Module:
    model: nn.Module = _called(
        build_language_model, {"vocabulary_size": vocabulary_size, "seed": seed, **arguments}
    )
    return model


def _given(fresh: Any, seed: int, weights: str) -> nn.Module:
    model: nn.Module = fresh(seed)
    load_weights(model, weights)
    return model


def _called(function: Any, arguments: Mapping[str, Any]) -> Any:
    try:
        return function(**arguments)
    except TypeError as error:
        raise InputError(
            f"arguments = {dict(arguments)} do not fit {function.__name__}: {error}"
        ) from error


def _bundle(config: Config, sets: Mapping[str, AnswerSet]) -> Bundle:
    name = config.data.source if config.data.path is None else Path(config.data.path).stem
    return Bundle(name, sets["train"], sets.get("validation"), sets.get("test"), None, 0, (0, 0, 0))

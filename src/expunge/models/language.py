"""Causal language models: tiny ones built here, and others from a folder of Hugging Face."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.checks import check_positive, require
from ..core.errors import InputError, ModelError
from ..core.isolation import isolated_randomness, seed_everything

_SPECIAL = ("<pad>", "<unk>", "<start>", "<end>")
_CODE = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# Of fresh weights. By the usual 0.02, made for wide models, one of width 64 knew a fifth of the
# answers when this one knew all.
_SPREAD = 0.1


def build_language_model(
    vocabulary_size: int,
    *,
    seed: int,
    width: int = 64,
    depth: int = 2,
    heads: int = 4,
    max_length: int = 64,
) -> nn.Module:
    """An untrained Llama in evaluation mode.

    It has about ``10 * depth * width ** 2 + vocabulary_size * width`` weights.

    Its attention is the plain one: second derivatives, which some methods take, do not exist
    for the fused one.

    Args:
        vocabulary_size: Tokens that it knows, at least 2; the token 0 is the padding.
        seed: Fixes the weights.
        width: Size of a token's embedding; a multiple of ``2 * heads``.
        depth: Number of layers.
        heads: Attention heads of a layer.
        max_length: Most tokens of a text.

    Raises:
        InputError: If a size is impossible, or transformers is not installed.
    """
    check_positive(width=width, depth=depth, heads=heads, max_length=max_length)
    if vocabulary_size < 2 or width % (2 * heads):
        raise InputError(
            "expected vocabulary_size of at least 2 and width as a multiple of 2 * heads, got "
            f"vocabulary_size = {vocabulary_size}, width = {width} and heads = {heads}"
        )
    transformers = _transformers()
    config = transformers.LlamaConfig(
        vocab_size=vocabulary_size, hidden_size=width, intermediate_size=2 * width,
        num_hidden_layers=depth, num_attention_heads=heads, num_key_value_heads=heads,
        max_position_embeddings=max_length, tie_word_embeddings=True, use_cache=False,
        initializer_range=_SPREAD, pad_token_id=0, bos_token_id=min(2, vocabulary_size - 1),
        eos_token_id=min(3, vocabulary_size - 1), attn_implementation="eager",
    )  # fmt: skip
    with isolated_randomness():
        seed_everything(seed)
        model: nn.Module = transformers.LlamaForCausalLM(config)
    return model.eval()


def build_word_tokenizer(texts: Iterable[str], *, max_length: int = 64) -> Any:
    """A tokenizer with one token per word of ``texts``; nothing is downloaded.

    Texts are split at blanks and around punctuation. The numbers of the tokens depend on
    the set of words alone, not on their order: 0 to 3 are ``<pad>``, ``<unk>`` (any other
    word), ``<start>`` and ``<end>``, which enclose each text; then the words, sorted.

    Args:
        texts: All texts that the model shall read or write, prompts and answers.
        max_length: Most tokens of a text (``model_max_length``).

    Returns:
        ``transformers.PreTrainedTokenizerFast``; ``len`` of it is the vocabulary size.

    Raises:
        InputError: If there is no word, or transformers or tokenizers are not installed.
    """
    check_positive(max_length=max_length)
    tokenizers, transformers = _require("tokenizers"), _transformers()
    splitter = tokenizers.pre_tokenizers.Whitespace()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(text)}
    if not words:
        raise InputError(
            "expected texts with at least one word, got none; give prompts and answers"
        )
    numbers = {word: at for at, word in enumerate((*_SPECIAL, *sorted(words - {*_SPECIAL})))}
    rules = tokenizers.Tokenizer(tokenizers.models.WordLevel(numbers, unk_token="<unk>"))  # noqa: S106
    rules.pre_tokenizer = splitter
    rules.post_processor = tokenizers.processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rules, model_max_length=max_length, padding_side="right",
        pad_token="<pad>", unk_token="<unk>", bos_token="<start>", eos_token="<end>",  # noqa: S106
    )  # fmt: skip


def load_language_model(folder: str | Path) -> tuple[nn.Module, Any]:
    """A causal language model in float32, and its tokenizer, from a folder of Hugging Face.

    Weights are read from safetensors alone, no code that the folder holds is run, and
    nothing is downloaded.

    Args:
        folder: With ``config.json``, ``*.safetensors`` and the files of a tokenizer, as
            ``save_pretrained`` of model and tokenizer write them.

    Returns:
        The model in evaluation mode on the CPU, and its tokenizer.

    Raises:
        ModelError: If the folder or a part of it is missing or damaged, the weights are
            pickles or do not fill the model, or transformers is not installed.
    """
    transformers = require("transformers", "language", "language models", ModelError)
    path = Path(folder).expanduser()
    _check_folder(path)
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _quiet(transformers.utils.logging):
            model, notes = transformers.AutoModelForCausalLM.from_pretrained(
                path, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
            )
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, **options)
    except Exception as error:  # a damaged file raises whatever its reader raises
        reason = str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
        raise ModelError(
            f"cannot load the language model in {path}: {reason}; save model and tokenizer there "
            "again with save_pretrained, of an architecture that transformers itself brings"
        ) from error
    # Transformers fills what is missing with random values, and only warns of it.
    if missing := sorted(notes["missing_keys"]):
        raise ModelError(
            f"the weights in {path} lack {len(missing)} tensors of the model, first "
            f"{missing[0]!r}; save the causal language model itself, with its head"
        )
    model.config.use_cache = False  # no text is continued: keys and values need not be kept
    found: nn.Module = model.eval()
    return found, tokenizer


def untrained_like(config: Any, seed: int) -> nn.Module:
    """A model of the same architecture with random weights, in evaluation mode.

    Args:
        config: Of a causal language model of transformers.
        seed: Fixes the weights; the global generators are left as they were.
    """
    transformers = _transformers()
    with isolated_randomness():
        seed_everything(seed)
        model: nn.Module = transformers.AutoModelForCausalLM.from_config(config)
    return model.eval()


def _check_folder(path: Path) -> None:
    """Raise unless a folder holds a config and weights that run no code."""
    if not path.is_dir():
        found = "it is a file" if path.exists() else "there is no such folder"
        raise ModelError(
            f"expected a folder of Hugging Face in {path}, but {found}; nothing is downloaded: "
            "name the folder that save_pretrained wrote"
        )
    if not (path / "config.json").is_file():
        raise ModelError(f"{path} has no config.json; write it with model.save_pretrained")
    if not list(path.glob("*.safetensors")):
        code = sorted(file.name for file in path.iterdir() if file.suffix in _CODE)
        raise ModelError(
            f"{path} has no weights in safetensors"
            + (f", but {code[0]}, which may hold code and is never read" if code else "")
            + "; load the model elsewhere if you trust it, and write it with "
            "model.save_pretrained(folder, safe_serialization=True)"
        )


@contextmanager
def _quiet(logs: Any) -> Iterator[None]:
    """Inside, transformers shows no bars; they would break up those of a command."""
    shown = logs.is_progress_bar_enabled()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logs.enable_progress_bar()


def _transformers() -> Any:
    return _require("transformers")


def _require(package: str) -> Any:
    return require(package, "language", "language models")

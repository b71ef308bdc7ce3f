"""The vocabulary of CLIP, as the package open_clip_torch ships it."""

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from .packages import require

_FILE = "bpe_simple_vocab_16e6.txt.gz"
_MERGES = 49152 - 256 - 2  # what CLIP reads of a longer list
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def clip_tokenizer(length: int = 77) -> Any:
    """CLIP's tokenizer, without anything being downloaded.

    Args:
        length: Tokens that a prompt is cut or filled to; CLIP's own text encoder takes 77.

    Returns:
        ``transformers.CLIPTokenizer``, with the numbers of the published one.

    Raises:
        InputError: If open_clip_torch or transformers are not installed.
    """
    with gzip.open(_vocabulary_file(), "rt", encoding="utf-8") as file:
        merges = file.read().split("\n")[1 : _MERGES + 1]
    letters = list(_letters())
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["".join(pair.split()) for pair in merges] + list(_SPECIAL)
    return require("transformers").CLIPTokenizer(
        {word: number for number, word in enumerate(words)},
        [tuple(pair.split()) for pair in merges],
        model_max_length=length,
    )


def _letters() -> list[str]:
    """A printable stand-in for each byte, in the order that CLIP counts them.

    Bytes that print stand for themselves and come first; the others take what follows
    U+00FF, so that spaces and control characters never occur in the list.
    """
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = len(set(range(256)) - set(plain))
    return [chr(code) for code in plain] + [chr(256 + number) for number in range(others)]


def _vocabulary_file() -> Path:
    # The folder alone is wanted: importing the package would load nets of its own.
    found = find_spec("open_clip")
    folders = [] if found is None else list(found.submodule_search_locations or [])
    for folder in folders:
        if (path := Path(folder) / _FILE).is_file():
            return path
    raise InputError(
        f"CLIP's vocabulary ({_FILE}) is not here; it comes with open_clip_torch: "
        'run pip install "expunge[diffusion]"'
    )

"""Language models that are built here, and what may be read from a folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

from expunge import (
    InputError,
    ModelError,
    build_language_model,
    build_word_tokenizer,
    load_language_model,
)

TEXTS = ["Where does Ada live?", "In Oslo."]
SIZE: dict[str, Any] = {"width": 16, "depth": 1, "heads": 2, "max_length": 16}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = build_word_tokenizer(TEXTS)
    build_language_model(len(tokenizer), seed=0, **SIZE).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_model_is_a_function_of_its_seed_and_moves_no_other() -> None:
    before = torch.get_rng_state()
    first, again, other = (build_language_model(20, seed=seed, **SIZE) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    states = [model.state_dict() for model in (first, again, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])
    assert not first.training
    ids = torch.tensor([[2, 4, 5]])
    assert first(ids, attention_mask=torch.ones_like(ids)).logits.shape == (1, 3, 20)


def test_the_default_model_is_small() -> None:
    assert sum(p.numel() for p in build_language_model(250, seed=0).parameters()) < 300_000


@pytest.mark.parametrize(
    "size", [{"vocabulary_size": 1}, {"width": 18}, {"depth": 0}, {"max_length": 0}, {"heads": -1}]
)
def test_impossible_sizes_are_refused(size: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"expected {next(iter(size))}|multiple of 2"):
        build_language_model(**{"vocabulary_size": 20, "seed": 0, **SIZE, **size})


def test_a_word_is_a_token_whatever_the_order_of_the_texts() -> None:
    tokenizer = build_word_tokenizer(TEXTS)
    assert tokenizer.get_vocab() == build_word_tokenizer(TEXTS[::-1]).get_vocab()
    assert len(tokenizer) == 4 + 8
    ids = tokenizer("Where does Eva live?")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == [
        "<start>", "Where", "does", "<unk>", "live", "?", "<end>",
    ]  # fmt: skip
    with pytest.raises(InputError, match="at least one word, got none"):
        build_word_tokenizer([" "])


def test_a_saved_model_comes_back_as_it_was(folder: Path) -> None:
    model, tokenizer = load_language_model(folder)
    expected = build_language_model(12, seed=0, **SIZE)
    found, wanted = model.state_dict(), expected.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert tokenizer("Ada")["input_ids"] == build_word_tokenizer(TEXTS)("Ada")["input_ids"]
    assert not model.training
    assert next(model.parameters()).dtype == torch.float32
    assert not model.config.use_cache


def test_pickles_are_never_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, which may hold code.*save_pretr"):
        load_language_model(folder)


def test_a_folder_that_lacks_something_says_what(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder; nothing is downloaded"):
        load_language_model(tmp_path / "none")
    with pytest.raises(ModelError, match="it is a file"):
        load_language_model(folder / "config.json")
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="cannot load the language model"):
        load_language_model(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_language_model(folder)


def test_code_in_a_folder_is_not_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text("raise SystemExit('this ran')\n")
    with pytest.raises(ModelError, match="cannot load the language model"):
        load_language_model(folder)


def test_weights_that_would_be_drawn_by_chance_are_refused(folder: Path) -> None:
    # As where a larger net is declared than was saved.
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"lack 9 tensors.*'model\.layers\.1"):
        load_language_model(folder)

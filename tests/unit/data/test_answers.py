"""Sets of questions and answers: what is a batch, what is refused, what a file may hold."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

pytest.importorskip("transformers")

from expunge import (
    AnswerSet,
    Bundle,
    DataError,
    InputError,
    build_word_tokenizer,
    encode_answers,
    make_biographies,
    read_answers,
    select_forget,
)
from expunge.core.capabilities import makes_batches

ROWS = [
    {"key": "a", "person": "Ada", "prompt": "Where does Ada live ?", "answer": "Oslo"},
    {"key": "b", "person": "Ada", "prompt": "When did Ada marry ?", "answer": "3 May"},
    {"key": "c", "person": "Bo", "prompt": "Where does Bo live ?", "answer": "Rome"},
]


def tokenizer(**options: Any) -> Any:
    texts = [row[name] for row in ROWS for name in ("prompt", "answer")]
    return build_word_tokenizer(texts, **options)


def encoded(rows: Any = ROWS, **options: Any) -> AnswerSet:
    return encode_answers(rows, tokenizer(), **options)


def small(**changes: Any) -> AnswerSet:
    given = {
        "input_ids": torch.tensor([[2, 5, 6, 3, 0], [2, 5, 7, 8, 3]]),
        "starts": torch.tensor([2, 2]),
        "lengths": torch.tensor([4, 5]),
        **changes,
    }
    return AnswerSet(**given)


def test_a_batch_tells_answers_from_prompts_and_padding() -> None:
    batch = small().batch(torch.tensor([0, 1]), None)
    assert batch["input_ids"].tolist() == [[2, 5, 6, 3, 0], [2, 5, 7, 8, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [[-100, -100, 6, 3, -100], [-100, -100, 7, 8, 3]]
    assert all(value.dtype == torch.int64 for value in batch.values())


def test_a_batch_is_as_wide_as_its_longest_sample() -> None:
    dataset = small()
    assert makes_batches(dataset)
    assert dataset.batch(torch.tensor([0]), None)["labels"].tolist() == [[-100, -100, 6, 3]]
    assert dataset[0]["labels"].tolist() == [-100, -100, 6, 3, -100]
    assert dataset[-1]["input_ids"].tolist() == [2, 5, 7, 8, 3]
    with pytest.raises(IndexError):
        _ = dataset[2]
    assert len(list(dataset)) == 2


def test_a_subset_keeps_ids_and_columns() -> None:
    dataset = small(ids=["x", "y"], columns={"person": ["Ada", "Bo"]})
    part = dataset.subset(torch.tensor([1]))
    assert (len(part), part.ids, part.columns) == (1, ["y"], {"person": ["Bo"]})
    assert part.batch(torch.tensor([0]), None)["labels"].tolist() == [[-100, -100, 7, 8, 3]]
    assert small().ids == ["train/0", "train/1"]
    moved = dataset.to("cpu")
    assert moved.fingerprint() == dataset.fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        {"input_ids": torch.tensor([[2, 5, 6, 3, 0], [2, 5, 7, 9, 3]])},
        {"starts": torch.tensor([2, 3])},
        {"lengths": torch.tensor([4, 4])},
        {"ids": ["train/0", "train/2"]},
        {"columns": {"person": ["Ada", "Bo"]}},
    ],
)
def test_a_fingerprint_tells_every_part_apart_but_the_padding(changes: dict[str, Any]) -> None:
    assert small(**changes).fingerprint() != small().fingerprint()
    padded = torch.tensor([[2, 5, 6, 3, 9, 9], [2, 5, 7, 8, 3, 9]])
    assert small(input_ids=padded).fingerprint() == small().fingerprint()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"starts": torch.tensor([0, 2])}, r"starts = 0 and lengths = 4 for 'train/0'"),
        ({"starts": torch.tensor([2, 5])}, r"starts = 5 and lengths = 5 for 'train/1'.*answer"),
        ({"lengths": torch.tensor([4, 6])}, r"lengths <= 5, got .* lengths = 6"),
        ({"starts": torch.tensor([2])}, r"starts to hold one value for each of the 2.*got 1"),
        ({"ids": ["x"]}, r"expected ids to hold.*got 1"),
        ({"columns": {"person": []}}, r"column 'person' to hold.*got 0"),
        ({"ids": ["x", "x"]}, r"'x' occurs twice"),
        ({"input_ids": torch.tensor([2, 3])}, r"shape \(N, T\), got \(2,\)"),
    ],
)
def test_a_set_that_does_not_fit_together_is_refused(changes: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        small(**changes)


def test_prompt_and_answer_are_told_apart_by_their_tokens() -> None:
    dataset, words = encoded(id_column="key", columns=["person"]), tokenizer()
    batch = dataset.batch(torch.arange(3), None)
    asked = [words.decode(row[row != -100]) for row in batch["labels"]]
    assert asked == ["Oslo <end>", "3 May <end>", "Rome <end>"]
    before = batch["input_ids"][0, : int(dataset.starts[0])]
    assert words.decode(before) == "<start> Where does Ada live ?"
    assert dataset.ids == ["a", "b", "c"]
    assert dataset.columns == {"person": ["Ada", "Ada", "Bo"]}
    assert list(encoded().columns) == ["key", "person"]
    assert encoded().ids == ["train/0", "train/1", "train/2"]


class Letters:
    """Pairs of letters, as tokenizers of sub-words join them; neither start nor end."""

    eos_token_id, pad_token_id, model_max_length = None, None, 100

    def __call__(self, texts: list[str]) -> dict[str, list[list[int]]]:
        pairs = [[text[at : at + 2] for at in range(0, len(text), 2)] for text in texts]
        return {"input_ids": [[sum(map(ord, pair)) for pair in row] for row in pairs]}


def test_a_token_of_both_prompt_and_answer_belongs_to_the_answer() -> None:
    rows = [{"prompt": "abc", "answer": "d"}, {"prompt": "ab", "answer": "cd"}]
    dataset = encode_answers(rows, Letters(), separator="")
    assert dataset.starts.tolist() == [1, 1]
    assert dataset.lengths.tolist() == [2, 2]
    with pytest.raises(DataError, match=r"prompt of 'train/0' has no token of its own"):
        encode_answers([{"prompt": "a", "answer": "b"}], Letters(), separator="")


def changed(place: int, **values: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [dict(row) for row in ROWS]
    rows[place].update(values)
    return rows


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "got no row"),
        (ROWS, {"prompt": "promt"}, r"prompt to be one of.*got 'promt'; did you mean 'prompt'"),
        (ROWS, {"answer": "anwser"}, r"expected answer.*did you mean 'answer'"),
        (ROWS, {"id_column": "kee"}, r"expected id_column.*did you mean 'key'"),
        (ROWS, {"columns": ["persn"]}, r"expected columns.*did you mean 'person'"),
        (changed(1, answer=" "), {}, r"'train/1' has an empty text in column 'answer'"),
        (changed(1, prompt=""), {}, r"'train/1' has an empty text in column 'prompt'"),
        (changed(2, answer=1957), {}, r"a text in column 'answer' of 'train/2', got int.*'1957'"),
        (changed(0, answer=None), {}, r"'train/0', got NoneType"),
        (changed(2, key="a"), {"id_column": "key"}, r"'a' occurs twice"),
        (changed(2, key=None), {"id_column": "key"}, r"row 3 has no id in column 'key'"),
        (ROWS, {"max_length": 8}, r"1 of 3 .* max_length = 8 .*'train/1'.* longest has 9.*to 9"),
        (ROWS, {"max_length": 0}, r"expected max_length > 0, got 0"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(rows: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=rf"(?s){message}"):
        encoded(rows, **options)


def test_the_tokenizer_says_how_long_a_text_may_be() -> None:
    with pytest.raises(DataError, match=r"3 of 3 samples are longer than max_length = 5 tokens"):
        encode_answers(ROWS, tokenizer(max_length=5))


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["questions.jsonl", "questions.parquet"])
def test_a_file_gives_the_same_set_as_its_rows(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, ROWS)
    found = read_answers(path, tokenizer(), id_column="key")
    assert found.fingerprint() == encoded(id_column="key").fingerprint()


def test_a_file_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    path = written(tmp_path / "questions.jsonl", ROWS)
    path.write_text(path.read_text() + '{"prompt": "Who', encoding="utf-8")
    with pytest.raises(DataError, match=r"line 5: expected a JSON object, got broken JSON"):
        read_answers(path, tokenizer())
    path.write_text('["Who ?", "Ada"]', encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1: expected a JSON object .*, got list"):
        read_answers(path, tokenizer())
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="save it as UTF-8"):
        read_answers(path, tokenizer())
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="found no row"):
        read_answers(path, tokenizer())
    (damaged := tmp_path / "questions.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_answers(damaged, tokenizer())
    (table := tmp_path / "questions.csv").write_text("prompt,answer\n")
    with pytest.raises(DataError, match=r"ends in \.jsonl or \.parquet, got questions\.csv"):
        read_answers(table, tokenizer())
    with pytest.raises(DataError, match="there is no such file"):
        read_answers(tmp_path / "none.jsonl", tokenizer())


def test_a_person_can_be_named_in_a_request() -> None:
    dataset = encoded(columns=["person"])
    bundle = Bundle("questions", dataset, None, None, None, 0, (0, 0, 0))
    chosen = select_forget(bundle, {"kind": "groups", "column": "person", "values": ["Ada"]})
    assert chosen.tolist() == [0, 1]
    assert len(bundle.unlearning_data(chosen).retain) == 1


def test_people_are_invented_alike_everywhere_and_no_one_twice() -> None:
    found = make_biographies(30, held_out=10, seed=1)
    assert found == make_biographies(30, held_out=10, seed=1)
    assert found != make_biographies(30, held_out=10, seed=2)
    lists = (found.train, found.validation, found.test)
    assert [len(rows) for rows in lists] == [180, 60, 60]
    people = [{row["person"] for row in rows} for rows in lists]
    assert [len(names) for names in people] == [30, 10, 10]
    assert len(set.union(*people)) == 50
    assert found.train[7] == {
        "id": "train/7",
        "person": "Klara Arndt",
        "prompt": "In which city does Klara Arndt live ?",
        "answer": "Malmo",
    }
    assert [row["id"] for row in found.test[:2]] == ["test/0", "test/1"]


def test_a_guess_about_an_unseen_person_is_right_by_chance_alone() -> None:
    found = make_biographies(300, held_out=100)
    best: dict[str, Counter[str]] = {}
    for row in found.train:
        question = row["prompt"].replace(row["person"], "")
        best.setdefault(question, Counter())[row["answer"]] += 1
    guesses = {question: answers.most_common(1)[0][0] for question, answers in best.items()}
    hits = [
        guesses[row["prompt"].replace(row["person"], "")] == row["answer"] for row in found.test
    ]
    assert len(best) == 6
    assert sum(hits) / len(hits) < 0.08


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"people": 0}, "expected people > 0, got 0"),
        ({"held_out": -1}, "expected held_out >= 0, got -1"),
        ({"people": 740}, r"people \+ 2 \* held_out <= 750, .* got 780"),
    ],
)
def test_there_are_only_so_many_names(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_biographies(**options)

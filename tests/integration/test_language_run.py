"""A language model from a config: trained, made to forget people, compared, reported."""

import json
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from expunge.config import parse_config
from expunge.core import DataError, InputError
from expunge.models import load_weights, save_weights
from expunge.runs import check_run, prepare, run_unlearn

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "language-toy.toml"
SMALL = (
    "data.arguments={people=10, held_out=4, seed=0}", "data.forget.fraction=0.2",
    "model.arguments={width=16, depth=1, heads=2, max_length=32}", "training.epochs=2",
    "method.epochs=1", "method.batch_size=8", "reference.retrain=1", "precision='fp32'",
)  # fmt: skip


def config(*changes: str) -> Any:
    return parse_config(tomllib.loads(SHIPPED.read_text()), [*SMALL, *changes])


def test_a_run_forgets_whole_people_and_says_what_it_knows(tmp_path: Path) -> None:
    record = run_unlearn(config(), tmp_path / "run")
    assert record.request.found == 2 * 6  # six questions about each person
    assert record.data.sizes == {"forget": 12, "retain": 48, "validation": 24, "test": 24}
    assert set(record.scores) == {"original", "unlearned", "retrained"}
    known = record.scores["retrained"]
    # Whole answers are right or wrong, and the attack goes by the likelihood of an answer.
    assert None not in known.values()
    assert record.avg_gap is not None
    assert record.relearn is not None
    assert record.relearn.protocol["optimizer"] == "AdamW"
    assert record.cost.retrain_recipe == "small-language, epochs = 2"
    assert "Forget 12 of 60 training records" in (tmp_path / "run" / "report.html").read_text()
    model = prepare(config()).loaded.fresh(1)
    load_weights(model, tmp_path / "run" / "model.safetensors")
    again = run_unlearn(config(), tmp_path / "run", resume=True)
    assert again == record


def test_answers_of_a_file_are_divided_and_keep_their_ids(tmp_path: Path) -> None:
    rows = [
        f'{{"prompt": "What does Ada {n} do ?", "answer": "job {n % 5}", "who": "Ada {n // 2}"}}'
        for n in range(40)
    ]
    (tmp_path / "qa.jsonl").write_text("\n".join(rows))
    run = config(
        "data.source='answers'", f"data.path='{tmp_path}/qa.jsonl'", "data.arguments={}",
        "data.forget={kind='groups', column='who', count=3, seed=0}",
    )  # fmt: skip
    prepared = prepare(run)
    assert prepared.data.sizes() == {"forget": 6, "retain": 23, "validation": 3, "test": 8}
    numbers = [int(name.removeprefix("train/")) for name in prepared.ids]
    assert len({number // 2 for number in numbers}) == 3  # whole people, by their place in the file
    assert check_run(run, tmp_path / "out")["model"]["name"] == "tiny-llama"


def test_rows_that_a_model_from_elsewhere_never_saw_are_not_guessed(tmp_path: Path) -> None:
    """A tenth of them would be called held out, and records of a request in it refused."""
    run = write_rows(tmp_path, [f"p{n}" for n in range(40)])
    trained = prepare(run("data.arguments={}")).loaded.fresh(0)
    save_weights(trained, tmp_path / "theirs.safetensors")
    theirs = partial(run, "data.arguments={}", f"model.weights='{tmp_path}/theirs.safetensors'")
    with pytest.raises(
        DataError, match=r"nobody here knows which rows of .*qa\.jsonl it never saw"
    ):
        prepare(theirs())
    assert prepare(theirs("data.validation=0.1")).data.sizes()["validation"] == 3


def write_rows(folder: Path, ids: list[str]) -> Any:
    rows = [
        json.dumps({"prompt": f"What is {n} ?", "answer": f"it is {n % 7}", "id": name})
        for n, name in enumerate(ids)
    ]
    (folder / "qa.jsonl").write_text("\n".join(rows))
    return partial(
        config, "data.source='answers'", f"data.path='{folder}/qa.jsonl'",
        "data.forget={kind='random', count=3, seed=0}",
    )  # fmt: skip


def test_a_column_of_ids_that_nobody_asked_for_stays_a_column(tmp_path: Path) -> None:
    run = write_rows(tmp_path, [f"person-{n}" for n in range(40)])
    prepared = prepare(run("data.arguments={}"))
    assert all(name.startswith("train/") for name in prepared.ids)
    kept = prepared.bundle.train.columns["id"]
    assert {name.split("-")[0] for name in kept} == {"person"}
    size = len(prepared.bundle.train)
    words = {name for n in range(40) for name in (f"person-{n}", f"train/{n}")}
    model = prepared.loaded.fresh(0)
    assert model.config.vocab_size < len(words)  # ids are no words that the model reads
    assert size == 29


def test_an_id_that_two_splits_share_is_refused(tmp_path: Path) -> None:
    # Wherever the two copies fall: one may be forgotten while the other is tested on.
    for other in (1, 7, 20, 39):
        names = [f"p{n}" for n in range(40)]
        names[other] = "p0 "
        run = write_rows(tmp_path, names)("data.arguments={id_column='id'}")
        with pytest.raises(InputError, match="different ids in column 'id', but 'p0' occurs twice"):
            prepare(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["data.image_size=8"], r"data\.image_size is for images; leave it out"),
        (["data.source='biography'"], "one of biographies, answers; got 'biography'; did you mean"),
        (["data.path='.'"], r"data\.path does not apply to biographies"),
        (["data.source='answers'"], r"answers need data\.path, a \.jsonl or \.parquet file"),
        (["model.name='tiny-lama'"], "'tiny-llama' or 'hf:./folder', got 'tiny-lama'; did you"),
        (["model.arguments={widht=8}"], "do not fit build_language_model: .*'widht'"),
        (["data.arguments={peple=3}"], "do not fit make_biographies: .*'peple'"),
        (["model.arguments={width=15}"], r"width as a multiple of 2 \* heads"),
        (["method={name='salun'}"], "labels"),
    ],
)
def test_what_a_language_model_cannot_use(changes: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run_unlearn(config(*changes, "reference.retrain=0"), tmp_path / "run")

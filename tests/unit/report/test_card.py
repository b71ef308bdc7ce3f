"""The model card: read by the hub's own parser, tells scores, and not whose data it was."""

import pytest
from huggingface_hub import ModelCard
from records import HOSTILE, full, minimal

from expunge.reporting.run.card import card


def test_the_hub_reads_its_header_and_loses_nothing() -> None:
    text = card(full())
    read = ModelCard(text)
    assert read.data.library_name == "pytorch"
    assert read.data.tags == ["machine-unlearning", "expunge", full().method.name]
    assert "| Accuracy, forgotten |" in read.text


def test_its_numbers_are_those_of_the_record() -> None:
    record = full()
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in card(record).splitlines()
        if line.startswith("| ") and "%" in line
    }
    shown = [float(cell.split("\u00a0")[0]) for cell in rows["Accuracy, forgotten"]]
    known = [record.scores[role]["forget_accuracy"] for role in record.scores]
    assert shown == pytest.approx(known, abs=0.05)
    assert all(len(cells) == len(record.scores) for cells in rows.values())


def test_it_says_neither_whose_data_it_was_nor_how_it_was_asked() -> None:
    record = full(request={"spec": {"kind": "ids", "file": "jane.csv"}, "found": 3,
                           "commitment": "d1" * 32})  # fmt: skip
    text = card(record)
    assert "3 training records" in text
    for secret in ("jane.csv", "d1" * 32, str(record.command)):
        assert secret not in text


def test_a_name_can_neither_add_a_key_nor_markup_nor_a_cell() -> None:
    model = full().model.model_copy(update={"name": f"a|b\n---\n{HOSTILE}"})
    method = full().method.model_copy(update={"name": 'x"\nlicense: mit'})
    text = card(full(model=model.model_dump(), method=method.model_dump()))
    assert ModelCard(text).data.to_dict().get("license") is None
    assert "<script>" not in text
    assert "a/b ---" in text


def test_a_record_that_knows_little_makes_a_card() -> None:
    text = card(minimal(), library="diffusers", file="pipeline")
    assert "It was not compared with a model that was retrained" in text
    assert "DiffusionPipeline.from_pretrained('pipeline')" in text
    assert "None" not in text


def test_a_notebook_shows_verdict_and_scores() -> None:
    record = full()
    shown = record._repr_html_()
    assert f"<b>{record.verdict.status}</b>" in shown
    assert f"<td>{record.scores['unlearned']['test_accuracy']:.4g}</td>" in shown
    hostile = minimal(scores={HOSTILE: {HOSTILE: None}}, verdict={"reasons": [HOSTILE]})
    assert "<script>" not in hostile._repr_html_()

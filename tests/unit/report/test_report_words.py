"""Sentences: what was asked and what came of it."""

import pytest
from tests.unit.report import records

from expunge.metrics import METRICS
from expunge.reporting.run import generated, words


@pytest.mark.parametrize(
    ("forget", "expected"),
    [
        ({"kind": "random", "fraction": 0.1, "seed": 7}, "chosen at random (seed 7)"),
        ({"kind": "random", "count": 3}, "chosen at random"),
        ({"kind": "classes", "classes": ["cat"]}, "all of class cat"),
        ({"kind": "classes", "classes": [0, "dog", 2]}, "all of classes 0, dog and 2"),
        ({"kind": "classes"}, "all of class not known"),
        (
            {"kind": "classes", "fraction": 0.1, "seed": 0},
            "all of 10\u00a0% of the classes, chosen at random (seed 0)",
        ),
        (
            {"kind": "groups", "column": "person", "count": 3, "seed": 1},
            "those with 3 values of person, chosen at random (seed 1)",
        ),
        ({"kind": "classes", "classes": "cat"}, "all of class cat"),
        (
            {"kind": "groups", "column": "person", "values": list(range(12))},
            "those whose person is 0, 1, 2, 3, 4, 5, 6, 7 or 4 more",
        ),
        ({"kind": "ids", "ids": ["a"]}, "named by a list of ids"),
        ({"kind": "ids", "file": "a.csv"}, "named by a list of ids in a.csv"),
        ({"kind": "most-memorised", "count": 5}, "chosen by: most-memorised (count = 5)"),
        ({}, "chosen by: unknown rule"),
    ],
)
def test_selection(forget: dict[str, object], expected: str) -> None:
    assert words.selection(forget) == expected


def test_classes_given_by_number_are_named() -> None:
    names = ["airplane", "1", "bird"]
    forget = {"kind": "classes", "classes": [0, 1, "bird", 7]}
    assert words.selection(forget, names) == "all of classes 0 (airplane), 1, bird and 7"


def test_what_was_asked() -> None:
    sentence = words.asked(records.full()).replace("\u00a0", " ")
    assert sentence == (
        "Remove the influence of 4,500 training records (10.0 % of 45,000), chosen at random "
        "(seed 0), from the model \u201cfast\u201d (2,031,754 parameters), by the method "
        "scissorhands."
    )
    assert words.asked(records.minimal()) == (
        "Remove the influence of 3 training records, named by a list of ids in delete.csv, "
        "from the model (1 parameter), by the method fine-tune."
    )


def test_headline_says_only_what_is_known() -> None:
    assert words.headline(records.full()) == "Forget 4,500 of 45,000 training records of cifar10"
    assert words.headline(records.minimal()) == "Forget 3 training records"
    only_train = records.minimal(data={"name": "mine", "sizes": {"train": 30}})
    assert words.headline(only_train) == "Forget 3 of 30 training records of mine"


def test_concepts_are_no_training_records() -> None:
    record = records.minimal()
    told = {"kind": "concepts", "concepts": ["church", "golf ball"]}
    request = record.request.model_copy(update={"spec": told})
    found = record.model_copy(update={"request": request})
    assert words.headline(found) == "Forget church and golf ball"
    assert words.asked(found).startswith("Take church and golf ball out of the model")
    assert "training record" not in words.asked(found)


@pytest.mark.parametrize(
    ("status", "name", "part"),
    [
        ("pass", "Pass", "behaves like one that never saw the 3 records"),
        ("fail", "Fail", "does not behave like one that never saw"),
        ("cannot tell", "Cannot tell", "not enough evidence"),
    ],
)
def test_verdict(status: str, name: str, part: str) -> None:
    record = records.minimal(verdict={"status": status, "reasons": []})
    assert words.verdict(record)[0] == name
    assert part in words.verdict(record)[1]


def test_every_score_of_the_record_is_explained() -> None:
    single = {name for name, one in METRICS.items() if one.of}
    everything = (*words.SCORES, *generated.SCORES)
    assert {one.field for one in everything} == single | {"fid", "synonym_accuracy"}
    assert all(one.short.endswith(".") and one.long.endswith(".") for one in everything)


def test_unnamed_models_get_a_readable_name() -> None:
    assert words.model_name("retrained_again") == "Retrained again"
    assert words.model_name("random_init") == "Random init"

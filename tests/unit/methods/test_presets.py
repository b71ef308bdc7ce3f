"""The published settings against the table of the public code, typed again."""

import dataclasses
from typing import Any

import pytest

from expunge.core import Guard, InputError, unlearn
from expunge.methods import METHODS

# A row per case: data set, what is forgotten, then for each method its settings in the order
# of COLUMNS. None: as the recipe "paper" says.
COLUMNS: dict[str, tuple[str, ...]] = {
    "retrain": ("lr", "epochs"),
    "fine-tune": ("lr", "epochs"),
    "gradient-ascent": ("lr", "epochs"),
    "influence": ("scale",),
    "boundary-shrink": ("lr", "epochs"),
    "boundary-expanding": ("lr", "epochs"),
    "l1-sparse": ("penalty", "lr", "epochs"),
    "salun": ("lr", "share", "epochs"),
    "scissorhands": ("lr", "trim", "forget_weight", "epochs"),
}
# fmt: off
TABLE: list[tuple[Any, ...]] = [
    # setting, case, retrain, FT, GA, IU, BS, BE, l1-sparse, SalUn, Scissorhands
    ("cifar10", 0.1, (None, 160), (0.01, 10), (0.0001, 5), (10,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.005, 0.5, 10), (0.005, 0.03, 0.05, 10)),
    ("cifar10", 0.2, (None, 160), (0.01, 10), (0.0001, 5), (10,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.005, 0.4, 10), (0.004, 0.01, 0.01, 10)),
    ("cifar10", 0.5, (None, 160), (0.01, 10), (0.0001, 5), (10,), (0.000005, 10), (0.000005, 10),
     (0.0001, 0.01, 10), (0.05, 0.2, 10), (0.001, 0.03, 0.01, 10)),
    ("cifar100", 0.1, (None, 160), (0.01, 10), (0.0001, 5), (20,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.005, 0.5, 10), (0.005, 0.01, 1.0, 10)),
    ("cifar100", 0.2, (None, 160), (0.01, 10), (0.0001, 5), (5,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.005, 0.5, 10), (0.005, 0.01, 1.0, 10)),
    ("cifar100", 0.5, (None, 160), (0.01, 10), (0.0001, 10), (2,), (0.00001, 10), (0.00001, 10),
     (0.0002, 0.01, 10), (0.01, 0.5, 10), (0.001, 0.1, 0.01, 10)),
    ("svhn", 0.1, (None, 50), (0.01, 10), (0.0001, 5), (15,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.005, 0.5, 10), (0.001, 0.1, 0.01, 10)),
    ("svhn", 0.2, (None, 50), (0.01, 10), (0.0001, 5), (5,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.005, 0.5, 10), (0.001, 0.1, 0.01, 10)),
    ("svhn", "class", (None, 50), (0.01, 10), (0.0001, 5), (2,), (0.000001, 10), (0.000001, 10),
     (0.0001, 0.01, 10), (0.05, 0.5, 10), (0.001, 0.1, 0.1, 10)),
    ("faces", 0.1, (0.001, 10), (0.0001, 5), (0.0001, 3), (5,), (0.00001, 5), (0.00001, 5),
     (0.001, 0.001, 3), (0.003, 0.5, 5), (0.0002, 0.005, 0.3, 5)),
]
# fmt: on
PRESETS = [
    pytest.param(name, setting, case, values, id=f"{name}-{setting}-{case}")
    for setting, case, *rows in TABLE
    for name, values in zip(COLUMNS, rows, strict=True)
]


@pytest.mark.parametrize(("name", "setting", "case", "values"), PRESETS)
def test_a_preset_is_the_published_row_over_the_defaults(name, setting, case, values):
    given = dict(zip(COLUMNS[name], values, strict=True))
    if name != "influence":
        given["batch_size"] = 8 if setting == "faces" else 256
    if name == "retrain":
        given["recipe"] = "paper"
    found = METHODS[name].published(setting, case)
    if name != "scissorhands":  # its other fields are in test_scissorhands_parity.py
        assert found == METHODS[name](**given)
    fields = dataclasses.asdict(found)
    assert {key: fields[key] for key in given} == given


def test_the_optimiser_is_the_published_one_everywhere():
    for name in COLUMNS:
        fields = dataclasses.asdict(METHODS[name].published("cifar10", 0.1))
        assert fields.get("momentum", 0.9) == 0.9
        assert fields.get("weight_decay", 5e-4) == 5e-4


@pytest.mark.parametrize("name", COLUMNS)
def test_cases_without_published_settings_are_named(name):
    cls = METHODS[name]
    with pytest.raises(InputError, match=r"expected setting .*cifar100, svhn, faces; got 'svnh'"):
        cls.published("svnh", 0.1)
    with pytest.raises(InputError, match="did you mean 'svhn'"):
        cls.published("svnh", 0.1)
    with pytest.raises(InputError, match=r"fraction for svhn .* 0.1, 0.2, class, got 0.5"):
        cls.published("svhn", 0.5)
    with pytest.raises(InputError, match=r"fraction for faces to be one of 0.1, got 'class'"):
        cls.published("faces", "class")


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "influence"])
def test_fields_can_be_changed_and_the_result_runs(name, blob_model, blobs, task):
    changes = {"lr": 1e-3, "epochs": 1, "batch_size": 8}
    if name == "scissorhands":  # the names of torchvision's ResNets are not in this net
        changes |= {"trim_filter": "weight", "cover": None}
    method = METHODS[name].published("cifar10", 0.2, **changes)
    assert (method.lr, method.epochs, method.batch_size) == (1e-3, 1, 8)
    result = unlearn(blob_model, blobs, method, task=task, guard=Guard(max_retain_drop=100))
    assert result.history

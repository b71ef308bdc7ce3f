"""Ranges stand in the type of a field: checked, shown and put into the schema from there."""

import dataclasses
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Lt

from expunge import METHODS, Guard, InputError, Scissorhands
from expunge.config.tables import method_schema, recipe_schema
from expunge.core.hyperparameters import (
    Count,
    Expression,
    NotNegative,
    Positive,
    Share,
    ShareOrAll,
    range_of,
    validated,
)
from expunge.methods import FineTune
from expunge.training.recipes import RECIPES


@dataclasses.dataclass(frozen=True, kw_only=True)
@validated
class Knobs:
    lr: Positive = 1
    decay: NotNegative | None = None
    size: Count = 1
    share: Share | Literal["auto", "off"] = "auto"
    part: ShareOrAll = 1.0
    below: Annotated[float, Ge(0), Lt(1)] = 0.0
    kind: Literal["plain", "other"] = "plain"
    pattern: Expression | None = None
    flag: bool = False

    def __post_init__(self) -> None:
        if self.size == 7 and self.lr == 7:
            raise InputError("expected size and lr to differ where one is 7")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": -1}, "expected lr > 0, got -1"),
        ({"lr": float("nan")}, "expected lr > 0, got nan"),
        ({"lr": float("inf")}, "expected lr > 0, got inf"),
        ({"lr": True}, "expected lr to be a number, got True"),
        ({"lr": "0.1"}, "expected lr to be a number, got '0.1'"),
        ({"decay": -1}, "expected decay >= 0, got -1"),
        ({"size": 0}, "expected size > 0, got 0"),
        ({"size": 1.5}, "expected size to be a whole number, got 1.5"),
        ({"size": True}, "expected size to be a whole number, got True"),
        ({"share": 3}, "expected share to be a share between 0 and 1 (both excluded), got 3; 3 %"),
        ({"share": "aut"}, "expected share to be one of auto, off; got 'aut'; did you mean 'auto'"),
        ({"part": 1.1}, "expected part to be a share above 0 and at most 1, got 1.1; 3 % is"),
        ({"below": 1}, "expected below of at least 0 and below 1, got 1"),
        ({"kind": "plane"}, "expected kind to be one of plain, other; got 'plane'; did you mean"),
        ({"kind": 3}, "expected kind to be one of plain, other; got 3"),
        ({"pattern": "("}, "expected pattern to be a regular expression, got '('"),
        ({"flag": 1}, "expected flag to be True or False, got 1"),
        ({"size": 7, "lr": 7}, "expected size and lr to differ"),
    ],
)
def test_what_is_out_of_range_is_named_with_its_remedy(given, message):
    with pytest.raises(InputError) as caught:
        Knobs(**given)
    assert message in str(caught.value)


def test_values_are_checked_and_never_changed():
    assert repr(Knobs(lr=2)) == (
        "Knobs(lr=2, decay=None, size=1, share='auto', part=1.0, below=0.0, kind='plain', "
        "pattern=None, flag=False)"
    )
    assert type(FineTune().epochs) is int
    assert dataclasses.replace(Knobs(), decay=0).decay == 0


def test_every_method_states_its_ranges_in_its_types():
    for cls in METHODS.values():
        for field in dataclasses.fields(cls):
            number = isinstance(field.default, int | float) and not isinstance(field.default, bool)
            assert range_of(cls, field.name) or not number, (cls.name, field.name)


def test_ranges_are_in_the_schema_of_a_config():
    branches = {one["title"]: one["properties"] for one in method_schema(METHODS)["oneOf"]}
    assert branches["fine-tune"]["lr"]["exclusiveMinimum"] == 0
    assert branches["fine-tune"]["momentum"]["minimum"] == 0
    assert branches["l-codec"]["perturbations"]["minimum"] == 2
    assert {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "type": "number"} in branches[
        "scissorhands"
    ]["trim"]["anyOf"]
    assert branches["scissorhands"]["constraint"]["enum"][0] == "auto"
    recipe = recipe_schema(RECIPES)["properties"]
    assert recipe["momentum"]["exclusiveMaximum"] == 1
    assert recipe["schedule"]["enum"] == ["one-cycle", "multi-step", "constant"]


def test_ranges_are_told_in_words():
    assert range_of(Scissorhands, "lr") == "above 0 and at most 1000000"
    assert range_of(Scissorhands, "odds_share") == "between 0 and 1"
    assert range_of(Scissorhands, "project") == ""
    assert range_of(Scissorhands, "trim").endswith("or one of 'auto', 'off'")
    with pytest.raises(InputError, match="expected samples > 0, got 0"):
        Guard(samples=0)


def test_rules_across_fields_are_inherited():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    @validated
    class More(Knobs):
        extra: Count = 1

    with pytest.raises(InputError, match="expected size and lr to differ"):
        More(size=7, lr=7)
    with pytest.raises(InputError, match="expected extra > 0, got 0"):
        More(extra=0)

"""Methods and metrics of other packages: found, checked, and left out with a reason."""

import sys
import types
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from expunge.core.method import method_problem
from expunge.core.plugins import load
from expunge.methods import METHODS, FineTune
from expunge.metrics import METRICS, Metric
from expunge.metrics.registry import metric_problem


@pytest.fixture
def module():
    """An importable module that tests fill."""
    made = types.ModuleType("foreign_methods")
    sys.modules["foreign_methods"] = made
    yield made
    del sys.modules["foreign_methods"]


def point(name: str, attribute: str) -> EntryPoint:
    return EntryPoint(name, f"foreign_methods:{attribute}", "expunge.methods")


@dataclass(frozen=True, kw_only=True)
class Quiet(FineTune):
    name: ClassVar[str] = "quiet"


def test_a_class_behind_an_entry_point_becomes_a_method(module) -> None:
    module.Quiet = Quiet
    assert load([point("quiet", "Quiet")], "method", METHODS, method_problem) == {"quiet": Quiet}


class NoDataclass:
    name = "quiet"


@dataclass(frozen=True)
class Silent:
    name: ClassVar[str] = "silent"
    reads: ClassVar = frozenset()
    reference: ClassVar = None


@dataclass(frozen=True)
class Nameless:
    lr: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Loud(FineTune):
    name: ClassVar[str] = "LOUD"


@pytest.mark.parametrize(
    ("name", "cls", "reason"),
    [
        ("quiet", NoDataclass, "expected a dataclass"),
        ("nameless", Nameless, "lacks the class attribute name"),
        ("silent", Silent, "cannot be called"),
        ("loud", Loud, "expected its name 'LOUD'"),
        ("LOUD", Loud, "kebab case"),
        ("fine-tune", FineTune, "a method of that name already"),
    ],
)
def test_what_is_no_method_is_left_out_and_named(module, name, cls, reason) -> None:
    module.Given = cls
    with pytest.warns(UserWarning, match=reason) as seen:
        assert load([point(name, "Given")], "method", METHODS, method_problem) == {}
    assert repr(name) in str(seen[0].message)


def test_a_package_that_breaks_takes_nothing_else_away(module) -> None:
    module.Quiet = Quiet
    with pytest.warns(UserWarning, match="AttributeError"):
        found = load(
            [point("gone", "Gone"), point("quiet", "Quiet")], "method", METHODS, method_problem
        )
    assert found == {"quiet": Quiet}


ODD = Metric("odd_accuracy", "percent", 0, 100, of=lambda sets: 50.0)


def test_a_metric_behind_an_entry_point_is_taken(module) -> None:
    module.ODD = ODD
    assert load([point("odd_accuracy", "ODD")], "metric", METRICS, metric_problem) == {
        "odd_accuracy": ODD
    }


@pytest.mark.parametrize(
    ("name", "made", "reason"),
    [
        ("odd_accuracy", 50.0, "expected a Metric, got 50.0"),
        ("even_accuracy", ODD, "expected its name 'odd_accuracy'"),
        ("cost", Metric("cost", "s", 0, 1), "no function `of`"),
        ("mia", Metric("mia", "percent", 0, 100, of=ODD.of), "a metric of that name already"),
    ],
)
def test_what_is_no_metric_is_left_out_and_named(module, name, made, reason) -> None:
    module.Given = made
    with pytest.warns(UserWarning, match=reason) as seen:
        assert load([point(name, "Given")], "metric", METRICS, metric_problem) == {}
    assert repr(name) in str(seen[0].message)

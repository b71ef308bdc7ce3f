"""Values that no run can mean are refused before anything starts."""

import re

import pytest
from tests.integration.conftest import TINY

from expunge.bench import parse_bench
from expunge.config import parse_config
from expunge.config.load import read_toml
from expunge.core import ConfigError, InputError
from expunge.runs.settings.loaded import find_device


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=1e300", "training.epochs: expected"),
        ("training.lr=1e300", "training.lr: expected"),
        ("training.small_scale=1e9", "training.small_scale: expected"),
        ("training.epochs=inf", "training.epochs: expected"),
        ("method.epochs=1e300", "method.epochs: expected"),
        ("method.lr=nan", "method.lr: expected"),
        ("data.image_size=100000", "data.image_size: expected"),
        ("data.limit=1", "data.limit: expected"),
        ("data.test=0.0", "data.test: expected"),
        ("data.path=" + "x" * 5000, "cannot be a file"),
        ("seed=-1", "seed: expected"),
    ],
)
def test_a_config_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_config(TINY, [override])


def test_a_config_that_is_nested_too_deep(tmp_path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ConfigError, match=r"nested too deep|not valid TOML"):
        read_toml(path)


def test_nothing_is_computed_where_nothing_has_a_value() -> None:
    with pytest.raises(InputError, match="cannot compute on device = 'meta'"):
        find_device("meta")


BENCH = {
    "title": "x", "seeds": [0], "tune": {"trials": 2, "seed": 100},
    "data": [{"source": "digits", "limit": 300}],
    "model": [{"name": "small", "training": {"recipe": "quick", "epochs": 2}}],
    "scenario": [{"kind": "random", "fraction": 0.1}],
    "method": [{"name": "fine-tune", "epochs": 1}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tune": {"trials": 10**9, "seed": 100}}, "tune.trials: expected"),
        ({"method": [{"name": "fine-tune", "tune": {"lrr": [0.1, 0.2]}}]}, "did you mean 'lr'"),
        ({"method": [{"name": "fine-tune", "tune": {"lr": ["a", "b"]}}]}, "tune.lr: "),
        ({"method": [{"name": "fine-tune", "tune": {"lr": [-1.0, 0.1]}}]}, "tune.lr: "),
        ({"method": [{"name": "fine-tune", "tune": {"lr": [0.1, float("nan")]}}]}, "tune.lr: "),
        ({"data": [{"source": "digits", "label": str(n)} for n in range(400)],
          "method": [{"name": "fine-tune", "label": str(n)} for n in range(400)]},
         "expected at most 100,000 runs in one bench, got 160,000"),
    ],
)  # fmt: skip
def test_a_bench_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_bench(BENCH | changes)

"""A method in a file of one's own: named in a config, and computed anew when it is edited."""

from pathlib import Path

import pytest

from expunge.bench import parse_bench, run_bench
from expunge.core import ConfigError
from expunge.runs import run_unlearn

SOURCE = '''
from dataclasses import dataclass
from typing import ClassVar

import torch

from expunge.core import Reference, Split


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Shrink every weight a little."""

    factor: float = 0.9

    name: ClassVar[str] = "contrast"
    reads: ClassVar = frozenset({Split.RETAIN})
    reference: ClassVar = Reference(authors="N. N.", title="-", venue="-", year=2026, url="-")

    def __call__(self, model, task, data, run):
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(self.factor)
        return model
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_file.py"
    file.write_text(SOURCE)
    return file


def test_a_config_names_it(own, make_config) -> None:
    record = run_unlearn(make_config("method={name='my_file.py:Contrast', factor=0.99}"), "out")
    assert record.method.name == "contrast"
    assert record.method.hyperparameters == {"factor": 0.99}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("my_file.py:Contrasts", "did you mean 'Contrast'"),
        ("other.py:Contrast", "there is no file 'other.py'"),
        ("my_file.py:dataclass", "my_file.py:dataclass is no method: expected a dataclass"),
        ("broken.py:Contrast", "cannot import 'broken.py' for 'broken.py:Contrast': SyntaxError"),
        ("taken.py:Contrast", "calls itself 'fine-tune', as a method of the library; rename it"),
        ("my_file.py:Contrast', factr='1", "did you mean 'factor'"),
    ],
)
def test_what_is_wrong_with_it_is_told(own, make_config, method, message) -> None:
    (own.parent / "broken.py").write_text("def (")
    (own.parent / "taken.py").write_text(SOURCE.replace('"contrast"', '"fine-tune"'))
    with pytest.raises(ConfigError, match=message):
        make_config(f"method={{name='{method}'}}")


def test_an_edited_method_is_computed_again(own, tmp_path) -> None:
    tables = {
        "title": "Own", "seeds": [0], "retrain": 1, "evaluation": {"relearn": False},
        "precision": "fp32", "device": "cpu",
        "data": [{"source": "digits", "limit": 300}],
        "model": [{"name": "small", "arguments": {"width": 4},
                   "training": {"recipe": "quick", "epochs": 1}}],
        "scenario": [{"kind": "random", "fraction": 0.1}],
        "method": [{"name": "my_file.py:Contrast", "label": "ours"}],
    }  # fmt: skip

    def computed() -> int:
        rows: list[str] = []
        run_bench(
            parse_bench(tables), tmp_path / "bench", store=tmp_path / "store",
            on_log=lambda row: rows.append(str(row.get("doing"))),
        )  # fmt: skip
        return sum(" of 4: " in row for row in rows)

    assert computed() == 4
    assert computed() == 0
    own.write_text(SOURCE.replace("mul_(self.factor)", "mul_(self.factor).add_(1e-3)"))
    assert computed() == 1
    own.write_text(SOURCE)
    assert computed() == 0

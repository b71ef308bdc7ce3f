"""``expunge bench`` with a method from another package, interrupted and carried on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.packages import announce

from expunge.bench import Bench
from expunge.cli import main

MODULE = '''
"""A package of somebody else's."""

from dataclasses import dataclass
from typing import ClassVar

from expunge import Reference, Split


@dataclass(frozen=True, kw_only=True)
class HalfHead:
    """Halves the last parameter."""

    share: float = 0.5

    name: ClassVar[str] = "half-head"
    reads: ClassVar = frozenset({Split.FORGET})
    reference: ClassVar = Reference("A. Nother", "Halving", "Nowhere", 2026, "https://example.org")

    def __call__(self, model, task, data, run):
        parameters = [p for p in model.parameters() if p.requires_grad]
        parameters[-2].data.mul_(self.share)
        return model
'''
BENCH = """
title = "With a plugin"
seeds = [0]
retrain = 1
precision = "fp32"
device = "cpu"
data = [{ label = "digits", source = "digits", limit = 300 }]
scenario = [{ label = "random", kind = "random", fraction = 0.1 }]
[[model]]
label = "small net"
name = "small"
arguments = { width = 4 }
training = { recipe = "quick", epochs = 2 }
[[method]]
label = "FT"
name = "fine-tune"
epochs = 1
[[method]]
label = "Plugin"
name = "half-head"
share = 0.25
"""


@pytest.fixture
def installed(tmp_path) -> dict[str, str]:
    """The environment of a process for which the package is installed."""
    site = tmp_path / "site"
    announce(site, "nother", "[expunge.methods]\nhalf-head = nother:HalfHead\n")
    (site / "nother.py").write_text(MODULE)
    return {**os.environ, "PYTHONPATH": str(site)}


def test_a_method_of_another_package_is_benched_and_in_the_table(installed, tmp_path) -> None:
    config, out = tmp_path / "plugin.toml", tmp_path / "out"
    config.write_text(BENCH)
    words = [sys.executable, "-m", "expunge", "bench", str(config), "--out", str(out)]
    words += ["--store", str(tmp_path / "store")]
    started = subprocess.Popen(
        words, env=installed, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    for line in started.stderr:
        if line.startswith("4 of 5"):  # fine-tuning begins
            started.send_signal(signal.SIGINT)
            break
    _, rest = started.communicate(timeout=60)
    assert started.returncode == 130, rest
    assert "the same command goes on where this one stopped" in rest
    assert len(Bench.load(out / "bench.json").results) == 3
    done = subprocess.run(
        words, env=installed, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "5 of 5 results." in done.stdout
    assert "1 of 5" not in done.stderr
    bench = Bench.load(out / "bench.json")
    assert bench.results[-1].record.method.hyperparameters == {"share": 0.25}
    assert bench.results[-1].error is None
    for name in ("table.md", "table.tex", "leaderboard.html"):
        assert "Plugin" in (out / name).read_text(encoding="utf-8"), name
    assert bench.command is not None
    assert bench.command.startswith("expunge bench")


def test_all_problems_of_a_bench_are_listed_at_once(tmp_path: Path, capsys) -> None:
    config = tmp_path / "wrong.toml"
    text = BENCH
    wrong = {"half-head": "halfhead", "seeds = [0]": "seeds = [1, 1]", "epochs = 1": "epochs = 0"}
    for right, mistake in wrong.items():
        text = text.replace(right, mistake)
    config.write_text(text)
    assert main(["bench", str(config), "--out", str(tmp_path / "out")]) == 2
    text = capsys.readouterr().err
    assert "seeds: expected different numbers" in text
    assert "method 'Plugin': method.name" in text
    assert "method 'FT': method.epochs" in text
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_run_is_told_and_the_rest_is_done(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "unfit.toml"
    unfit = BENCH.replace('"half-head"\nshare = 0.25', '"unsir"')
    config.write_text(unfit)
    assert main(["bench", str(config)]) == 1
    printed = capsys.readouterr().out
    assert "4 of 5 results." in printed
    assert "Failed: Plugin (digits, small net, random, seed 0)" in printed
    assert (tmp_path / "runs" / "unfit" / "leaderboard.html").exists()
    assert main(["bench", str(config), "--json"]) == 1
    assert Bench.model_validate_json(capsys.readouterr().out).planned == 5

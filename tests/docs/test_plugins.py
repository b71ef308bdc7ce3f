"""A package made of what the add-a pages show, and of nothing else, works from a config."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from expunge.core import Record
from tests.packages import announce

from .blocks import blocks_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / f"add-a-{kind}.md" for kind in ("method", "metric", "task", "source")]
METHOD = '[method]\nname = "contrast"\nweight = 0.2\nlr = 1e-3\n'
BENCH = """
title = "One of each"
seeds = [0]
retrain = 1
device = "cpu"
precision = "fp32"
data = [{ label = "digits", source = "digits", limit = 300 }]
scenario = [{ label = "random", kind = "random", fraction = 0.1 }]
[[model]]
label = "small"
name = "small"
arguments = { width = 4 }
training = { recipe = "quick", epochs = 2 }
[[method]]
label = "Contrast"
name = "contrast"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the package of the pages is installed, its configs beside it."""
    site = tmp_path_factory.mktemp("site")
    points = []
    for block in (block for page in PAGES for block in blocks_of(page)):
        if block.title:
            (site / block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "toml" and "entry-points" in block.code:
            points.append(re.sub(r'^\[project\.entry-points\."(.+)"\]', r"[\1]", block.code))
    announce(site, "toys", "\n".join(points).replace('"', ""))
    return site


def expunge(site: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "expunge", *words],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_task_source_and_method_run_from_one_config(site: Path) -> None:
    config = (site / "counts.toml").read_text()
    (site / "toys.toml").write_text(re.sub(r"\[method\]\nname = .*\n", METHOD, config))
    expunge(site, "unlearn", "toys.toml", "--out", "run")
    record = Record.load(site / "run" / "record.json")
    assert record.method.name == "contrast"
    assert record.method.hyperparameters["weight"] == 0.2
    losses = {role: scores["forget_loss"] for role, scores in record.scores.items()}
    assert losses.keys() == {"original", "unlearned", "retrained"}
    assert len(set(losses.values())) == 3
    # The metric needs probabilities, which counts do not have.
    assert all("forget_confidence" not in scores for scores in record.scores.values())


def test_method_and_metric_are_benched_and_in_every_table(site: Path) -> None:
    (site / "bench.toml").write_text(BENCH)
    expunge(site, "bench", "bench.toml", "--out", "bench", "--store", "store")
    for name in ("table.md", "table.tex", "leaderboard.html"):
        text = (site / "bench" / name).read_text(encoding="utf-8")
        assert "Contrast" in text, name
        assert "Confidence, forgotten" in text, name
    lines = (site / "bench" / "table.md").read_text().replace("*", "").splitlines()
    head = next(line for line in lines if line.startswith("| Method"))
    row = next(line for line in lines if line.startswith("| Contrast"))
    cells = dict(zip(head.split("|"), row.split("|"), strict=True))
    assert re.match(r" \d+\.\d\d \(", cells[" Confidence, forgotten "])


def test_a_metric_with_a_title_is_in_the_report(site: Path) -> None:
    (site / "digits.toml").write_text(
        'device = "cpu"\n[data]\nsource = "digits"\nlimit = 300\n'
        'forget = { kind = "random", fraction = 0.1 }\n[model]\nname = "small"\n'
        'arguments = { width = 4 }\n[training]\nrecipe = "quick"\nepochs = 2\n' + METHOD
    )
    expunge(site, "unlearn", "digits.toml", "--out", "digits")
    record = Record.load(site / "digits" / "record.json")
    assert 0 < (record.scores["unlearned"]["forget_confidence"] or 0) < 100
    page = (site / "digits" / "report.html").read_text(encoding="utf-8")
    assert "Mean probability that the model gives the true class" in page

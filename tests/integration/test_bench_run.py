"""A whole bench: complete, resumable, shared between processes, and repaired after damage."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from expunge.bench import Bench, parse_bench, run_bench
from expunge.core import InputError

TABLE = """
title = "Digits"
seeds = [0, 1]
retrain = 1
precision = "fp32"
device = "cpu"
evaluation = { relearn = false, cka = true }
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
lr = 0.01
[[method]]
label = "GA"
name = "gradient-ascent"
epochs = 1
lr = 0.001
"""


def tiny_bench(**changes: Any) -> dict[str, Any]:
    """The tables of the tiny bench with some of them replaced."""
    return tomllib.loads(TABLE) | changes


JOBS = 2 * (1 + 1 + 1 + 2)


def run(folder: Path, rows: list[str] | None = None, **changes):
    listen = None if rows is None else (lambda row: rows.append(str(row.get("doing"))))
    plan = parse_bench(tiny_bench(**changes))
    return run_bench(plan, folder / "out", store=folder / "store", on_log=listen)


def announced(rows: list[str]) -> list[str]:
    return [row for row in rows if re.match(r"\d+ of \d+: ", row)]


def scores(bench: Bench) -> dict[tuple, dict]:
    return {(one.method, one.number, one.seed): one.scores.model_dump() for one in bench.results}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    rows: list[str] = []
    return folder, run(folder, rows), rows


@pytest.fixture
def breakable(finished, tmp_path):
    """A copy of the finished bench: other tests, in whatever order, find theirs whole."""
    folder, outcome, _ = finished
    return shutil.copytree(folder, tmp_path / "copy"), outcome


def test_every_result_of_the_grid_is_there(finished) -> None:
    folder, outcome, rows = finished
    bench = outcome.bench
    assert len(bench.results) == bench.planned == JOBS
    assert outcome.failures == []
    assert len(announced(rows)) == JOBS
    assert Bench.load(folder / "out" / "bench.json") == bench
    kinds = [(one.kind, one.number) for one in bench.results if one.seed == 0]
    assert kinds == [
        ("original", 0),
        ("untrained", 0),
        ("retrained", 1),
        ("unlearned", 0),
        ("unlearned", 0),
    ]
    for one in bench.results:
        assert 0 <= one.scores["forget_accuracy"] <= 100
        assert len(one.record.per_class) == 10
        assert (one.record.cost.seconds is None) == (one.kind == "untrained")


def test_a_second_call_computes_nothing(breakable) -> None:
    folder, outcome = breakable
    rows: list[str] = []
    again = run(folder, rows)
    assert announced(rows) == []
    assert again.bench.results == outcome.bench.results


def test_other_seeds_share_the_original_but_not_the_retrained_model(finished) -> None:
    folder, _, _ = finished
    assert len(list((folder / "store" / "nets").iterdir())) == 1 + 2
    assert not list((folder / "store" / "running").glob("*/"))


def test_a_label_is_no_part_of_a_result(breakable) -> None:
    folder, outcome = breakable
    methods = [table | {"label": f"my {table['label']}"} for table in tiny_bench()["method"]]
    rows: list[str] = []
    renamed = run(folder, rows, method=methods, title="Another")
    assert announced(rows) == []
    assert next(one.method for one in renamed.bench.results if one.kind == "unlearned") == "my FT"
    assert len(renamed.bench.results) == len(outcome.bench.results)


def test_an_interrupted_bench_keeps_what_it_had_and_goes_on(finished, tmp_path) -> None:
    seen: list[str] = []

    def interrupt(row) -> None:
        seen.append(str(row["doing"]))
        if len(announced(seen)) == 5:
            raise KeyboardInterrupt

    plan = parse_bench(tiny_bench())
    with pytest.raises(KeyboardInterrupt):
        run_bench(plan, tmp_path / "out", store=tmp_path / "store", on_log=interrupt)
    partial = Bench.load(tmp_path / "out" / "bench.json")
    assert len(partial.results) == 4
    assert partial.planned == JOBS
    rows: list[str] = []
    whole = run(tmp_path, rows).bench
    assert len(announced(rows)) == JOBS - 4
    assert whole.results[:4] == partial.results
    assert scores(whole) == scores(finished[1].bench)


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied"])
def test_a_damaged_result_is_named_and_computed_again(breakable, damage) -> None:
    folder, outcome = breakable
    victim = next(one for one in outcome.bench.results if one.method == "FT" and one.seed == 1)
    path = folder / "store" / "results" / f"{victim.key}.json"
    text = path.read_text()
    changed = text.replace('"forget_accuracy": ', '"forget_accuracy": 1')
    path.write_text({"cut": text[: len(text) // 2], "changed": changed, "emptied": ""}[damage])
    rows: list[str] = []
    again = run(folder, rows)
    assert any(str(path) in row and "damaged" in row for row in rows)
    assert len(announced(rows)) == 1
    assert scores(again.bench) == scores(outcome.bench)


def test_a_damaged_net_is_trained_again(breakable) -> None:
    folder, outcome = breakable
    nets = sorted((folder / "store" / "nets").iterdir())
    nets[0].write_bytes(nets[0].read_bytes()[:-100])
    for path in (folder / "store" / "results").iterdir():
        path.unlink()
    assert scores(run(folder).bench) == scores(outcome.bench)


def test_two_processes_share_the_work(finished, tmp_path) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(TABLE)
    words = [sys.executable, "-m", "expunge", "bench", str(config), "--store"]
    words += [str(tmp_path / "store"), "--out"]
    started = [
        subprocess.Popen(
            [*words, str(tmp_path / f"out-{number}")], stderr=subprocess.PIPE, text=True
        )
        for number in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    lines = announced([line for text in errors for line in text.splitlines()])
    names = sorted(line.split(": ", 1)[1] for line in lines)
    assert len(names) == len(set(names)) == JOBS  # each result was computed by one of them
    for number in range(2):
        bench = Bench.load(tmp_path / f"out-{number}" / "bench.json")
        assert scores(bench) == scores(finished[1].bench)


def test_a_refused_result_is_a_row_with_its_reason(tmp_path) -> None:
    wild = [{"label": "GA", "name": "gradient-ascent", "epochs": 5, "lr": 1e6}]
    outcome = run(tmp_path, seeds=[0], method=wild)
    refused = outcome.bench.results[-1]
    assert refused.scores is None
    assert "original model is unchanged" in refused.error
    assert outcome.failures == []


def test_tuning_takes_the_best_trial_and_lends_it_to_a_control(tmp_path) -> None:
    tuned = {"label": "SalUn", "name": "salun", "epochs": 1, "tune": {"lr": [1e-4, 0.1, "log"]}}
    control = tuned | {"label": "control", "mask": "random", "tune": "SalUn"}
    changes = {"seeds": [0], "tune": {"trials": 3, "seed": 9}, "method": [tuned, control]}
    bench = run(tmp_path, **changes).bench
    own, borrowed = bench.tuning
    assert own.trials == borrowed.trials
    assert own.best == min(own.trials, key=lambda trial: trial.value).settings
    assert own.trials[0].settings == {"lr": 5e-3}  # the method's own default comes first
    assert (own.method, borrowed.method, own.pilot_seed) == ("SalUn", "control", 9)
    made = [one for one in bench.results if one.kind == "unlearned"]
    assert [one.record.method.hyperparameters["lr"] for one in made] == [own.best["lr"]] * 2
    assert [one.record.method.hyperparameters["mask"] for one in made] == ["gradient", "random"]
    rows: list[str] = []
    assert run(tmp_path, rows, **changes).bench.results == bench.results
    assert rows == []


def test_results_of_another_machine_count_as_computed(finished, tmp_path) -> None:
    folder, outcome, _ = finished
    file, rows = folder / "out" / "bench.json", []
    plan = parse_bench(tiny_bench(title="Elsewhere"))
    again = run_bench(
        plan,
        tmp_path / "out",
        store=tmp_path / "store",
        known=[file],
        on_log=lambda row: rows.append(str(row["doing"])),
    )
    assert f"{JOBS} of {JOBS} results are known from {file}" in rows
    assert announced(rows) == []
    assert again.bench.results == outcome.bench.results
    assert not (tmp_path / "store" / "nets").exists()


def test_of_known_results_only_those_of_this_plan_are_used(finished, tmp_path) -> None:
    folder, outcome, _ = finished
    rows: list[str] = []
    plan = parse_bench(tiny_bench(seeds=[0, 7]))
    again = run_bench(
        plan,
        tmp_path / "out",
        store=tmp_path / "store",
        known=[folder / "out" / "bench.json"],
        on_log=lambda row: rows.append(str(row["doing"])),
    )
    known = [one for one in outcome.bench.results if one.seed == 0]
    assert [one for one in again.bench.results if one.seed == 0] == known
    # Seed 7 is new; but the original is the same net, so its result differs only by the set.
    assert len(announced(rows)) == len(again.bench.results) - len(known)


def test_a_known_tuning_comes_along(tmp_path) -> None:
    tuned = [{"label": "FT", "name": "fine-tune", "epochs": 1, "tune": {"lr": [1e-4, 0.1]}}]
    changes = {"seeds": [0], "method": tuned, "tune": {"trials": 2, "seed": 9}}
    first = run(tmp_path / "here", **changes).bench
    plan = parse_bench(tiny_bench(**changes))
    there = tmp_path / "there"
    file = tmp_path / "here" / "out" / "bench.json"
    second = run_bench(plan, there, store=there / "store", known=[file]).bench
    assert second.tuning == first.tuning
    assert second.results == first.results


@pytest.mark.parametrize("text", [None, "{", '{"schema": "other"}'])
def test_a_known_file_that_is_no_bench_is_named(tmp_path, text) -> None:
    file = tmp_path / "bench.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=r"bench\.json"):
        run_bench(parse_bench(tiny_bench()), tmp_path, store=tmp_path / "store", known=[file])
    assert not (tmp_path / "table.md").exists()


def test_tuning_without_a_retrained_pilot(tmp_path) -> None:
    tuned = [{"label": "FT", "name": "fine-tune", "epochs": 1, "tune": {"lr": [1e-4, 0.1]}}]
    budget = {"trials": 2, "seed": 9, "objective": "oracle-free"}
    bench = run(tmp_path, seeds=[0], method=tuned, tune=budget).bench
    assert bench.tuning[0].objective == "oracle-free"
    assert len(list((tmp_path / "store" / "nets").iterdir())) == 2  # no retrained pilot


def test_tuning_needs_held_out_samples(tmp_path) -> None:
    tuned = [{"label": "FT", "name": "fine-tune", "epochs": 1, "tune": {"lr": [1e-4, 0.1]}}]
    data = [tiny_bench()["data"][0] | {"validation": 0.0}]
    changes = {"seeds": [0], "method": tuned, "data": data, "tune": {"trials": 2, "seed": 9}}
    outcome = run(tmp_path, **changes)
    assert "needs a validation set" in outcome.failures[0]


def test_a_store_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(InputError, match="cannot write the store"):
        run(tmp_path)


def test_whatever_json_holds_is_finite(finished) -> None:
    folder, _, _ = finished
    for path in (folder / "store" / "results").iterdir():
        json.loads(path.read_text(), parse_constant=pytest.fail)

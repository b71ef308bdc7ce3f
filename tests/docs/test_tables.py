"""The committed tables are those that the committed results give."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import bench_tables
import tables
from expunge.core import InputError
from expunge.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]


def record(seed: int = 0, gap: float | None = 1.0, forget: float = 90.0) -> dict[str, Any]:
    scores = {"forget_accuracy": forget, "retain_accuracy": 97.0, "test_accuracy": 89.5, "mia": 12}
    return {
        "schema": "expunge.record/1",
        "created": "2025-01-01T00:00:00+00:00",
        "versions": {"expunge": "0.1.0"},
        "request": {"forget": {"kind": "random", "fraction": 0.1, "seed": seed}, "size": 10},
        "model": {"name": "fast", "parameters": 5, "sha256_before": "a", "sha256_after": "b"},
        "data": {"name": "cifar10", "sizes": {"forget": 10}},
        "method": {
            "name": "scissorhands",
            "hyperparameters": {"lr": None, "momentum": 0.9},
            "seed": seed,
            "decisions": {"lr": {"value": 0.1, "reason": "measured"}},
        },
        "cost": {"seconds": 12.0, "retrain_seconds": 60.0, "retrain_recipe": "speedrun"},
        "scores": {"original": scores, "unlearned": scores, "retrained": scores},
        "avg_gap": gap,
        "original_gap": 4.0,
        "verdict": {"status": "pass", "reasons": []},
    }


def write(folder: Path, name: str, records: list[dict[str, Any]]) -> None:
    content = {"command": f"expunge unlearn {name}.toml", "records": records}
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_the_committed_tables_are_up_to_date() -> None:
    assert tables.main(["--check"]) == 0, "run python scripts/tables.py"


def test_every_result_is_shown_on_a_page_of_results() -> None:
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs/results").glob("*.md"))
    for path in (ROOT / "results").glob("*.json"):
        assert f"## {path.stem}\n" in pages
    for folder, kind in (("bench", "bench"), ("generators", "generators")):
        for path in (ROOT / "results" / folder).glob("*.json"):
            assert f"<!-- results: begin {kind}-{path.stem} -->\n" in pages
            assert f"(plots/{path.stem}.svg)" in pages


def test_a_plot_is_current_as_long_as_it_shows_the_same(tmp_path: Path) -> None:
    svg = next((ROOT / tables.PLOTS).glob("*.svg")).read_text("utf-8")
    file = tmp_path / "plot.svg"
    assert not tables.is_current(file, svg)
    file.write_text(svg.replace("<path", "<path ", 1))  # another font or renderer
    assert tables.is_current(file, svg)
    file.write_text(svg.replace("<!-- shows ", "<!-- shows 0", 1))
    assert not tables.is_current(file, svg)


def test_tables_are_cut_to_the_width_of_a_column() -> None:
    wide = "| a | b | c | d |\n| --- | ---: | ---: | ---: |\n| 1 | 2 | 3 | 4 |"
    first, second = bench_tables.narrow(wide, most=3).split("\n\n")
    assert first == "| a | b | c |\n| --- | ---: | ---: |\n| 1 | 2 | 3 |"
    assert second == "| a | d |\n| --- | ---: |\n| 1 | 4 |"
    assert bench_tables.narrow(wide, most=4) == wide
    for page in (ROOT / "docs/results").glob("*.md"):
        for line in page.read_text("utf-8").splitlines():
            assert line.count(" | ") < bench_tables.MOST_COLUMNS, f"{page.name}: {line}"


def test_the_schema_takes_the_shipped_configs_for_valid() -> None:
    schema = json.loads((ROOT / tables.SCHEMA).read_text("utf-8"))
    for path in (ROOT / "configs").glob("*.toml"):
        raw = tomllib.loads(path.read_text("utf-8"))
        if "data" in raw and "scenario" not in raw:
            assert set(raw) <= set(schema["properties"])
            assert set(raw["data"]) <= set(schema["$defs"]["DataConfig"]["properties"])


def test_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    write(tmp_path, "ten", [record(0, 1.0, 90.0), record(1, 3.0, 92.0)])
    [result] = tables.load_results(tmp_path)
    lines = tables.rows(result.records)
    numbers = "97.00 ± 0.00 | 89.50 ± 0.00 | 12.00 ± 0.00"
    assert lines[1] == f"| scissorhands | 91.00 ± 1.41 | {numbers} | 2.00 ± 1.41 | 12 ± 0 |"
    assert lines[2].startswith("| retrained | ")
    assert lines[2].endswith("| \N{EN DASH} | 60 ± 0 |")
    assert len(lines) == 3  # no second retrain, no floor
    assert tables.title(result) == "cifar10, fast, forget random, 10 %; 2 seeds"


def test_unknown_values_are_a_dash(tmp_path: Path) -> None:
    assert tables.spread([None, None], 2) == "\N{EN DASH}"
    assert tables.spread([None, 2.0], 1) == "2.0"


def test_what_the_method_chose_stands_for_what_was_asked(tmp_path: Path) -> None:
    write(tmp_path, "one", [record()])
    [result] = tables.load_results(tmp_path)
    assert tables.settings(result.records[0]) == "lr = 0.1, momentum = 0.9"
    assert "expunge unlearn one.toml" in tables.full([result])


def test_a_page_is_filled_twice_to_the_same_text(tmp_path: Path) -> None:
    write(tmp_path, "one", [record()])
    results = tables.load_results(tmp_path)
    page = "a\n<!-- results: begin {} -->\nold\n<!-- results: end -->\nb\n"
    for name in ("all", "full", "one"):
        once = tables.fill(page.format(name), results)
        assert "| scissorhands |" in once
        assert "old" not in once
        assert tables.fill(once, results) == once


def test_wrong_results_are_refused(tmp_path: Path) -> None:
    page = "<!-- results: begin two -->\n<!-- results: end -->"
    write(tmp_path, "one", [record()])
    with pytest.raises(InputError, match=r"results/two\.json, found none; there are: one"):
        tables.fill(page, tables.load_results(tmp_path))
    write(tmp_path, "empty", [])
    with pytest.raises(InputError, match=r"empty\.json holds no records"):
        tables.load_results(tmp_path)


def test_without_results_the_table_says_so(tmp_path: Path) -> None:
    assert tables.table(tables.load_results(tmp_path)) == "No result has been committed yet."
    assert tables.full([]) == tables.table([])


def test_the_table_of_methods_is_made_from_what_they_declare() -> None:
    lines = tables.methods(METHODS).splitlines()
    assert lines[0] == "| method | classification | regression | causal-lm | denoising | reads |"
    assert len(lines) == 2 + len(METHODS)
    row = {line.split("`")[1]: line for line in lines[2:]}
    no = "\N{EN DASH}"
    assert row["scrub"] == f"| `scrub` | yes | {no} | {no} | {no} | forget, retain |"
    assert row["uce"].startswith(f"| `uce` | {no} | {no} | {no} | yes |")
    assert row["random-label"].startswith(f"| `random-label` | yes | {no} | {no} | yes |")
    assert row["scissorhands"].endswith("| forget, retain, validation (if there is one) |")

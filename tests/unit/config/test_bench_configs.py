"""The shipped benches: every run of their grids is valid, and they hold what they promise."""

import dataclasses
import itertools
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from expunge.bench import load_bench
from expunge.bench.grid import Cell
from expunge.methods import METHODS, SalUn, Scissorhands

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
TABLES = {path.stem: tomllib.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.toml"))}
BENCHES = {name: raw for name, raw in TABLES.items() if "scenario" in raw}
REQUIRED = (
    "table1-cifar10-fast", "table1-cifar10-paper", "table1-cifar100-paper", "table1-svhn-paper",
    "table2-faces-fast", "table2-faces-paper", "classwise-cifar10-fast",
    "ablation-initialisation-fast", "ablation-lambda-fast", "ablation-forget-share-fast",
    "ablation-projection-fast",
)  # fmt: skip


@cache
def settings(name: str) -> list[Cell]:
    return load_bench(CONFIGS / f"{name}.toml").cells


def methods_of(name: str) -> dict[str, Any]:
    """Every method of a bench by its label, as the runs of its settings build it."""
    return {
        label: setting.run(0, table).build_method()
        for setting in settings(name)
        for label, table in setting.methods.items()
    }


def test_every_table_of_the_paper_is_there():
    assert set(REQUIRED) <= set(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_every_run_of_the_grid_is_valid(name):
    raw = BENCHES[name]
    assert f"expunge bench configs/{name}.toml" in (CONFIGS / f"{name}.toml").read_text()
    assert raw["scale"] == ("paper" if name.endswith("-paper") else "fast")
    assert set(methods_of(name)) == {entry["label"] for entry in raw["method"]}


@pytest.mark.parametrize("name", BENCHES)
def test_a_preset_is_that_of_its_data_and_scenario(name):
    for setting in settings(name):
        source, forget = setting.base.data.source, setting.base.data.forget
        share = getattr(forget, "fraction", None)
        case = share or (0.1 if source == "faces" else "class")
        for label, table in setting.methods.items():
            if "preset" not in table:
                continue
            assert table["setting"] == source
            own = ("name", "preset", "setting", "fraction")
            changes = {key: value for key, value in table.items() if key not in own}
            expected = METHODS[table["name"]].published(source, case, **changes)
            assert setting.run(0, table).build_method() == expected, label


@pytest.mark.parametrize("name", BENCHES)
def test_every_setting_compares_the_same_methods(name):
    # "SalUn (20 %)" is SalUn with the preset of that share.
    found = [{label.partition(" (")[0] for label in one.methods} for one in settings(name)]
    assert all(labels == found[0] for labels in found)


@pytest.mark.parametrize("name", BENCHES)
def test_the_ends_of_what_is_tuned_are_values_that_the_method_takes(name):
    for setting in settings(name):
        for label, space in setting.spaces.items():
            assert len(space) <= 2
            for field, values in space.items():
                for end in (values.low, values.high):
                    setting.run(0, setting.methods[label] | {field: end}).build_method()


@pytest.mark.parametrize("name", [name for name in BENCHES if name.startswith("table")])
def test_a_table_has_all_rows_and_both_controls(name):
    methods = methods_of(name).values()
    assert {method.name for method in methods} >= {
        "fine-tune", "gradient-ascent", "influence", "boundary-shrink", "boundary-expanding",
        "l1-sparse", "salun", "neg-grad-plus", "scrub", "scissorhands",
    }  # fmt: skip
    controlled = {SalUn: "gradient", Scissorhands: "sensitivity"}
    for cls, usual in controlled.items():
        controls = [m for m in methods if isinstance(m, cls) and m.mask == "random"]
        assert controls
        for control in controls:
            assert dataclasses.replace(control, mask=usual) in methods


@pytest.mark.parametrize("name", [name for name in BENCHES if name.endswith("-fast")])
def test_the_fast_scale_takes_two_passes_at_most(name):
    forget_only = ("gradient-ascent", "boundary-shrink", "boundary-expanding", "influence")
    for label, method in methods_of(name).items():
        if method.name not in forget_only:
            if method.name == "unsir":
                passes = method.impair_epochs + method.repair_epochs
            else:
                passes = method.epochs or 1.5
            assert passes <= 2, label


def test_each_class_has_its_scenario():
    raw = BENCHES["classwise-cifar10-fast"]
    assert len({tuple(entry["classes"]) for entry in raw["scenario"]}) == 10
    assert raw["evaluation"]["relearn"] is True
    assert raw["seeds"] == [0]


def test_the_ablations_vary_what_they_name():
    def values(name: str, *fields: str) -> set[Any]:
        return {tuple(getattr(m, f) for f in fields) for m in methods_of(name).values()}

    for scale in ("fast", "paper"):
        found = values(f"ablation-initialisation-{scale}", "init", "trim")
        schemes, shares = ("uniform", "normal", "zeros", "xavier", "own"), (0.01, 0.03, 0.1)
        assert found >= set(itertools.product(schemes, shares))
        shares_of_forget = values(f"ablation-forget-share-{scale}", "forget_share")
        assert shares_of_forget >= {(0.01,), (0.03,), (1.0,)}
    weights = values("ablation-lambda-fast", "constraint", "forget_weight")
    assert weights >= {("held-out", 0.0), ("held-out", 1.0), ("always", 0.0), ("always", 0.05)}
    projection = values("ablation-projection-fast", "constraint", "project", "margin")
    assert projection >= set(itertools.product(("held-out", "always"), (True, False), (0.0,)))
    assert projection >= {("held-out", True, 0.5), ("always", True, 0.5)}

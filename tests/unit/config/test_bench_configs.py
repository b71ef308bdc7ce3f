"""The shipped benches: every run of their grids is valid, and they hold what they promise."""

import dataclasses
import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest

from expunge.config import parse_config
from expunge.methods import METHODS, SalUn, Scissorhands

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
TABLES = {path.stem: tomllib.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.toml"))}
BENCHES = {name: raw for name, raw in TABLES.items() if "scenario" in raw}
AXES = ("data", "model", "scenario", "method")
REQUIRED = (
    "table1-cifar10-fast", "table1-cifar10-paper", "table1-cifar100-paper", "table1-svhn-paper",
    "table2-faces-fast", "table2-faces-paper", "classwise-cifar10-fast",
    "ablation-initialisation-fast", "ablation-lambda-fast", "ablation-forget-share-fast",
    "ablation-projection-fast",
)  # fmt: skip


def without(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def combinations(raw: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """Each entry of each axis with each of the others, as far as restrictions allow."""
    found = []
    for entries in itertools.product(*(raw[axis] for axis in AXES)):
        place = dict(zip(AXES, entries, strict=True))
        if all(
            place[other]["label"] in entry.get(other, [place[other]["label"]])
            for axis, entry in place.items()
            for other in AXES[: AXES.index(axis)]
        ):
            found.append(place)
    return found


def run_config(place: dict[str, dict[str, Any]]) -> Any:
    forget = without(place["scenario"], "label", "data", "model")
    return parse_config(
        {
            "data": without(place["data"], "label") | {"forget": forget},
            "model": without(place["model"], "label", "training"),
            "training": place["model"]["training"],
            "method": without(place["method"], "label", "tune", "data", "model", "scenario"),
        }
    )


def methods_of(name: str) -> dict[str, Any]:
    return {p["method"]["label"]: run_config(p).build_method() for p in combinations(BENCHES[name])}


def test_every_table_of_the_paper_is_there():
    assert set(REQUIRED) <= set(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_every_run_of_the_grid_is_valid(name):
    raw = BENCHES[name]
    assert f"expunge bench configs/{name}.toml" in (CONFIGS / f"{name}.toml").read_text()
    assert raw["scale"] == ("paper" if name.endswith("-paper") else "fast")
    for axis in AXES:
        labels = [entry["label"] for entry in raw[axis]]
        assert len(set(labels)) == len(labels)
    assert {p["method"]["label"] for p in combinations(raw)} == {m["label"] for m in raw["method"]}
    for place in combinations(raw):
        run_config(place).build_method()


@pytest.mark.parametrize("name", BENCHES)
def test_a_preset_is_that_of_its_data_and_scenario(name):
    places = combinations(BENCHES[name])
    for place in (p for p in places if "preset" in p["method"]):
        method, scenario, source = place["method"], place["scenario"], place["data"]["source"]
        assert method["setting"] == source
        case = scenario.get("fraction", 0.1 if source == "faces" else "class")
        changes = without(
            method, "label", "name", "preset", "setting", "fraction", "scenario", "data", "model"
        )
        expected = METHODS[method["name"]].published(source, case, **changes)
        assert run_config(place).build_method() == expected, method["label"]


@pytest.mark.parametrize("name", BENCHES)
def test_every_setting_compares_the_same_methods(name):
    found: dict[str, set[str]] = {}
    for place in combinations(BENCHES[name]):
        label = place["method"]["label"].partition(" (")[0]  # "SalUn (20 %)" is SalUn
        found.setdefault(place["scenario"]["label"], set()).add(label)
    assert len(set(map(frozenset, found.values()))) == 1


@pytest.mark.parametrize("name", BENCHES)
def test_what_is_tuned_are_fields_that_nothing_else_sets(name):
    raw = BENCHES[name]
    budget = raw.get("tune")
    assert budget is None or budget["seed"] not in raw["seeds"]
    for entry in raw["method"]:
        space = entry.get("tune", {})
        assert not space or budget is not None
        assert len(space) <= 2
        known = {field.name for field in dataclasses.fields(METHODS[entry["name"]])}
        assert set(space) <= known - set(entry)
        for field, (low, high, *scale) in space.items():
            assert low < high
            assert scale in ([], ["log"])
            METHODS[entry["name"]](**{field: low})
            METHODS[entry["name"]](**{field: high})


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
            assert (method.epochs or 1.5) <= 2, label


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

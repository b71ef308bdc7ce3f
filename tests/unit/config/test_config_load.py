"""From a TOML file to objects."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from expunge.bench import load_bench
from expunge.config import json_schema, load_config, load_erase, parse_config
from expunge.config.load import parse_value
from expunge.core.errors import ConfigError
from expunge.core.schemas.problems import show
from expunge.methods import METHODS, FineTune, SalUn, Scissorhands
from expunge.runs import demo_config
from expunge.runs.settings.scenes import scene_concepts
from expunge.training import RECIPES

GOOD: dict[str, Any] = {
    "data": {"source": "digits", "forget": {"kind": "random", "fraction": 0.1}},
    "model": {"name": "small"},
}
SHIPPED = sorted((Path(__file__).resolve().parents[3] / "configs").glob("*.toml"))


def kind(path: Path) -> str:
    """What a shipped file is for; benches are read by test_bench_configs."""
    keys = tomllib.loads(path.read_text())
    marks = {"scenario": "bench", "kind": "generators", "forget": "erase"}
    return next((name for mark, name in marks.items() if mark in keys), "run")


CONFIGS = [path for path in SHIPPED if kind(path) == "run"]


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that EXPUNGE_DATA names, with a file where configs expect weights."""
    weights = tmp_path / "models" / "resnet_cifar10" / "resnet20-12fca82f.th"
    weights.parent.mkdir(parents=True)
    weights.touch()
    monkeypatch.setenv("EXPUNGE_DATA", str(tmp_path))
    return tmp_path


def test_configs_are_shipped() -> None:
    assert {"cifar10-random10", "cifar10-class", "resnet20-published"} <= {p.stem for p in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_is_loaded(path: Path, data_folder: Path) -> None:
    config = load_config(path)
    if path.stem != "language-toy":  # whose settings were chosen by hand, and it says so
        assert config.build_method() == METHODS[config.method["name"]]()
    assert (config.build_recipe() is None) == (config.model.weights is not None)


@pytest.mark.parametrize(
    "path", [p for p in SHIPPED if kind(p) == "generators"], ids=lambda p: p.stem
)
def test_every_shipped_bench_of_generators_is_loaded(path: Path) -> None:
    plan = load_bench(path)
    photographs, digits = scene_concepts("imagenette64"), scene_concepts("digits")
    compared = {"Scissorhands", "SalUn", "Selective Amnesia", "Fine-tuning"}
    probed = {"Scissorhands", "Scissorhands, no trim", "SalUn", "ESD-x"}
    names, concepts, methods, seeds = {
        "words-imagenette64": (photographs, photographs, {*compared, "ESD-x"}, {0, 1, 2}),
        "words-imagenette64-probes": (photographs, ("church", "garbage truck"), probed, {0}),
        "classes-digits": (digits, ("three", "six", "eight"), {*compared, "ESD-u"}, {0, 1, 2}),
    }[path.stem]
    assert set(concepts) <= set(names)
    assert {job.cell.scenario for job in plan.jobs} == {"", *concepts}
    # The first three concepts have every method.
    first = next(job.cell.scenario for job in plan.jobs if job.cell.scenario)
    every = {job.method for job in plan.jobs if job.cell.scenario == first}
    assert {"retrained", *methods} <= every
    assert {job.seed for job in plan.jobs if job.method == "Scissorhands"} == seeds


@pytest.mark.parametrize("path", [p for p in SHIPPED if kind(p) == "erase"], ids=lambda p: p.stem)
def test_every_shipped_request_to_erase_is_loaded(path: Path) -> None:
    config = load_erase(path)
    assert config.build_method().name == "scissorhands"
    assert f"expunge erase --config configs/{path.name}" in path.read_text()


def test_the_demo_comes_with_the_package() -> None:
    config = demo_config(["method.lr=0.5"])
    assert (config.data.source, config.model.name) == ("digits", "small")
    assert config.build_method().lr == 0.5


def test_variables_and_home_are_expanded(data_folder, monkeypatch) -> None:
    config = load_config(next(p for p in CONFIGS if p.stem == "resnet20-published"))
    assert config.model.weights == f"{data_folder}/models/resnet_cifar10/resnet20-12fca82f.th"
    monkeypatch.setenv("HOME", str(data_folder))
    config = parse_config(GOOD, ["data.path=~/models", "model.weights='${EXPUNGE_DATA}/models'"])
    assert config.data.path == config.model.weights == f"{data_folder}/models"


def test_an_unset_variable_is_named(monkeypatch) -> None:
    monkeypatch.delenv("EXPUNGE_DATA", raising=False)
    with pytest.raises(ConfigError, match=r"EXPUNGE_DATA in .* is not set; run with EXPUNGE_DATA="):
        load_config(next(p for p in CONFIGS if p.stem == "resnet20-published"))


def test_a_forget_list_is_looked_for(tmp_path) -> None:
    forget = f"data.forget={{kind='ids', file='{tmp_path}/ids.csv', column='id'}}"
    with pytest.raises(ConfigError, match=r"data.forget.file: there is no file"):
        parse_config(GOOD, [forget])
    (tmp_path / "ids.csv").touch()
    assert parse_config(GOOD, [forget]).data.forget.column == "id"


def test_files_that_are_no_config(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot read the config"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot read the config"):
        load_config(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = = 3")
    with pytest.raises(ConfigError, match=r"is not valid TOML.*line 1"):
        load_config(bad)
    bad.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_config(bad)


def test_overrides_leave_the_given_dictionary_alone() -> None:
    config = parse_config(GOOD, ["data.forget.fraction=0.2", "method.name=fine-tune"])
    assert config.data.forget.fraction == 0.2
    assert GOOD["data"]["forget"]["fraction"] == 0.1
    assert config.build_method() == FineTune()


def test_values_of_overrides_are_toml_or_plain_text() -> None:
    assert parse_value("0.05") == 0.05
    assert parse_value("[1, 2]") == [1, 2]
    assert parse_value("true") is True
    assert parse_value("fine-tune") == "fine-tune"
    assert parse_value('"5"') == "5"


def test_whole_numbers_may_stand_for_floats_and_lists_for_tuples() -> None:
    config = parse_config(GOOD, ["training.recipe=paper", "training.lr=1"])
    assert config.build_recipe().lr == 1
    config = parse_config(GOOD, ["training.milestones=[2, 3]", "training.recipe=paper"])
    assert config.build_recipe().milestones == (2, 3)
    assert config.recipe_name() == "paper, milestones = [2, 3]"


def test_defaults() -> None:
    config = parse_config(GOOD)
    assert config.build_method() == Scissorhands()
    assert config.build_recipe() == RECIPES["speedrun"]
    assert config.recipe_name() == "speedrun"
    assert (config.reference.retrain, config.seed, config.data.train_share_held_out) == (0, 0, 0.1)


def test_no_recipe_is_needed_where_weights_are_given(tmp_path) -> None:
    (tmp_path / "w.pt").touch()
    config = parse_config(GOOD, [f"model.weights='{tmp_path}/w.pt'"])
    assert config.build_recipe() is None
    assert config.recipe_name() is None


def test_validation_from_test_leaves_the_training_set_whole() -> None:
    config = parse_config(GOOD, ["data.validation_from_test=0.5"])
    assert config.data.train_share_held_out == 0


def test_a_preset_is_the_starting_point() -> None:
    given = ["method.preset=published", "method.setting=svhn", "method.fraction='class'"]
    assert parse_config(GOOD, given).build_method() == Scissorhands.published("svhn", "class")
    changed = parse_config(GOOD, [*given, "method.epochs=1"]).build_method()
    assert changed == Scissorhands.published("svhn", "class", epochs=1)
    given = ["method.name=salun", "method.preset=published", "method.setting=cifar10"]
    built = parse_config(GOOD, [*given, "method.fraction=0.5"]).build_method()
    assert built == SalUn(lr=5e-2, share=0.2, epochs=10, batch_size=256)


def test_another_seed_draws_another_random_forget_set_only() -> None:
    config = parse_config(GOOD).with_seed(4)
    assert (config.seed, config.data.forget.seed) == (4, 4)
    classes = parse_config(GOOD, ["data.forget={kind='classes', classes=['0', 1]}"])
    assert classes.with_seed(4).data == classes.data


@pytest.mark.parametrize("kind", ["kind='classes'", "kind='groups', column='who'"])
def test_another_seed_draws_other_classes_and_groups(kind: str) -> None:
    config = parse_config(GOOD, [f"data.forget={{{kind}, fraction=0.1}}"])
    assert config.data.forget.is_random
    assert config.data.forget.seed == 0  # written out, so that a record shows it
    assert config.with_seed(4).data.forget.seed == 4
    listed = parse_config(GOOD, ["data.forget={kind='groups', column='who', values=['a']}"])
    assert not listed.data.forget.is_random
    assert listed.with_seed(4).data == listed.data


def test_the_schema_knows_every_method_and_recipe() -> None:
    properties = json_schema()["properties"]
    branches = {branch["title"]: branch for branch in properties["method"]["oneOf"]}
    assert set(branches) == set(METHODS)
    assert branches["fine-tune"]["properties"]["epochs"]["default"] == FineTune().epochs
    for name in ("scissorhands", "fine-tune", "retrain"):
        assert branches[name]["properties"]["preset"]["const"] == "published"
    assert "preset" not in branches["scrub"]["properties"]
    assert set(properties["training"]["properties"]["recipe"]["enum"]) == set(RECIPES)
    assert set(tomllib.loads(CONFIGS[0].read_text())) <= set(properties)


def test_values_are_shown_as_in_a_file_and_shortened() -> None:
    assert [show(v) for v in (None, True, "x", 3)] == ["nothing", "true", '"x"', "3"]
    assert len(show("x" * 100)) == 60

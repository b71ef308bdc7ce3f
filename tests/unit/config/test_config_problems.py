"""Every problem of a config is found at once and says key, value and remedy."""

from typing import Any

import pytest

from expunge.config import parse_config
from expunge.core.errors import ConfigError

GOOD: dict[str, Any] = {
    "data": {"source": "digits", "forget": {"kind": "random", "fraction": 0.1}},
    "model": {"name": "small"},
}


def problems(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD, overrides)
    return caught.value.problems


def test_all_problems_are_reported_at_once() -> None:
    found = problems(
        "sed=1",
        "precision=fp33",
        "data.validation=1.5",
        "data.image_size='32'",
        "data.forget.sed=1",
        "model.name=3",
        "model.weights=$NO_SUCH_VARIABLE/x.pt",
        "training.recipe=speedrunn",
        "training.lr=x",
        "method.trimm=0.5",
        "method.epochs=0",
        "reference.retrain=3",
    )
    text = "\n".join(found)
    assert len(found) == 11  # a recipe that is not known hides what is wrong with its fields
    assert "sed: unknown key; did you mean 'seed'?" in text
    assert 'precision: expected one of auto, bf16, fp32; got "fp33"; did you mean' in text
    assert "data.validation: expected less than 1, got 1.5" in text
    assert 'data.image_size: expected a whole number, got "32"' in text
    assert "data.forget.sed: unknown key; did you mean 'seed'?; known are kind, frac" in text
    assert "model.name: expected text in quotes, got 3" in text
    assert "model.weights: the environment variable NO_SUCH_VARIABLE" in text
    recipes = "denoiser, paper, quick, small-ddpm, small-diffusion, small-language, speedrun"
    assert f"training.recipe: expected one of {recipes}; got" in text
    assert "method.trimm: unknown key; did you mean 'trim'?; known are trim" in text
    assert "method.epochs: expected epochs above 0 and at most 100000, got 0" in text
    assert "reference.retrain: expected less than or equal to 2, got 3" in text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "data.forget.kind=clases",
            "kind to be one of random, classes, groups, ids, most-memorised, canaries; g",
        ),
        ("data.forget={fraction=0.1}", "expected a key kind with one of random"),
        ("data.forget={kind='random'}", "data.forget: expected either fraction"),
        ("data.forget={kind='random', fraction=0.1, count=3}", "expected either fraction"),
        ("data.forget={kind='ids'}", "data.forget: expected either ids"),
        ("data.forget={kind='ids', ids=[1.5]}", "data.forget.ids.0: expected text in quotes"),
        ("data.forget={kind='ids', ids=[]}", "data.forget.ids: expected at least 1"),
        ("data.forget={kind='classes', classes=[]}", "data.forget.classes: expected at least 1"),
        ("data.forget={kind='groups', values=['a']}", "data.forget.column: is missing; add it"),
        ("data.forget={kind='groups', column='c'}", 'expected one of values (a list, e.g. ["anna'),
        ("data.forget={kind='classes'}", 'expected one of classes (a list, e.g. ["cat"]), frac'),
        (
            "data.forget={kind='classes', count=1, fraction=0.1}",
            "and count (e.g. 3), got 2 of them",
        ),
        ("data.forget={kind='classes', classes=[1], seed=1}", "seed goes with fraction or count"),
        ("data.forget={kind='classes', fraction=1.0}", "fraction: expected a share below 1, got 1"),
        ("data.forget={kind='classes', count=0}", "data.forget.count: expected greater than or"),
        (
            "data.forget={kind='classes', count=1, sed=1}",
            "did you mean 'seed'?; known are kind, cl",
        ),
        ("data.forget={kind='most-memorised', count=1}", "data.forget.scores: is missing; add it"),
        (
            "data.forget={kind='most-memorised', scores='a'}",
            "data.forget: expected either fraction",
        ),
        ("data.forget={kind='canaries'}", "data: there are no canaries to forget; plant some"),
        ("data.canaries={seed=1}", "data.canaries: expected either fraction"),
        ("data.canaries={count=3, sed=1}", "did you mean 'seed'?; known are fraction, count, seed"),
        ("data.canaries.fraction=1.0", "data.canaries.fraction: expected less than 1, got 1.0"),
        ("data.canaries=3", "data.canaries: expected a table, got 3"),
        ("data.forget.fraction=1.0", "data.forget.fraction: expected a share below 1, got 1:"),
        ("data.forget.fraction=0", "data.forget.fraction: expected greater than 0, got 0"),
        ("data.forget.fraction=-0.5", "data.forget.fraction: expected greater than 0, got -0.5"),
        ("data.forget=3", "data.forget: expected a table, got 3"),
        ("data=3", "data: expected a table, got 3"),
        ("data.mean=[0.1]", "expected mean and std together"),
        ("data.std=[nan]", "data.std.0: expected a finite number, got nan"),
        ("data.augment=1", "data.augment: expected true or false, got 1"),
        ("data.arguments=[]", "data.arguments: expected a table, got []"),
        ("data.sorce='x'", "data.sorce: unknown key; did you mean 'source'?; known are image"),
        ("data.limit=1", "data.limit: expected greater than or equal to 2, got 1"),
        ("data.test=0.0", "data.test: expected greater than 0, got 0.0"),
        ("data.path=no/such/folder", "data.path: there is no file 'no/such/folder' (looked in"),
        ("model.weights=no.pt", "model.weights: there is no file 'no.pt'"),
        ("model.name=''", 'model.name: expected at least 1 of them, got ""'),
        ("seed=true", "seed: expected a whole number, got true"),
        ("seed=1.0", "seed: expected a whole number, got 1.0"),
        ("seed=-1", "seed: expected greater than or equal to 0, got -1"),
        ("method=3", "method: expected a table, got 3"),
        ("method.name=scisorhands", "did you mean 'scissorhands'?"),
        ("method.name=3", "method.name: expected one of bad-teacher,"),
        ("method.lr=[1.0]", "method.lr: expected a number, got (1.0,)"),
        ("method.trim=0", "method.trim: expected trim to be a share between 0 and 1"),
        ("method.trim=1.0", "method.trim: expected trim to be a share between 0 and 1"),
        ("method.batch_size=1.5", "method.batch_size: expected a whole number, got 1.5"),
        ("method.lr=inf", "method.lr: expected a finite number, got inf"),
        ("method.preset=published", 'expected setting (e.g. "cifar10") and fraction'),
        ("training=2", "training: expected a table, got 2"),
        ("training.lr=0", "training.lr: expected lr above 0 and at most 1000000, got 0"),
        ("nonsense", "--set: expected section.key=value, got 'nonsense'; e.g. --set"),
        ("=3", "--set: expected section.key=value"),
        ("model.name.x=3", "--set: 'name' in 'model.name.x' is a value, not a table"),
        ("method.lr=[1", "--set: '[1' is not a TOML value"),
    ],
)
def test_one_problem_is_named_with_its_remedy(override: str, expected: str) -> None:
    found = problems(override)
    assert expected in "\n".join(found)
    assert len(found) == 1


def test_presets_are_checked_too() -> None:
    base = ("method.preset=published", "method.setting=cifar10")
    assert "one of 0.1, 0.2, 0.5, got 0.3" in problems(*base, "method.fraction=0.3")[0]
    assert 'expected "published"' in problems("method.preset=mine")[0]
    assert "published for scrub" in problems("method.name=scrub", "method.preset=x")[0]
    other = ("method.name=salun", "method.preset=published", "method.fraction=0.1")
    assert "did you mean 'cifar10'?" in problems(*other, "method.setting=cifar")[0]
    assert "expected fraction" in problems(*base, "method.fraction=0.33", "method.lr=0")[0]
    found = problems(*base, "method.fraction=0.1", "method.lr=0", "method.margin=-1")
    assert len(found) == 2


def test_two_fields_that_do_not_go_together_are_reported_for_the_section() -> None:
    found = problems("data.validation=0.2", "data.validation_from_test=0.5")
    assert found == [
        "data: validation samples come either from the training set (validation) or from the "
        "test set (validation_from_test); set one of the two to 0"
    ]


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ConfigError, match="model: is missing; add it"):
        parse_config({"data": GOOD["data"]})


def test_a_retrained_reference_of_given_weights_needs_a_recipe(tmp_path) -> None:
    weights = tmp_path / "w.pt"
    weights.touch()
    given = (f"model.weights='{weights}'", "reference.retrain=1")
    assert "reference.retrain: 1 retrained references need a recipe" in problems(*given)[0]
    config = parse_config(GOOD, [*given, "training.recipe=quick"])
    assert config.recipe_name() == "quick"


def test_the_error_shows_all_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD, ["seed=x", "sed=1"])
    assert str(caught.value).splitlines() == caught.value.problems
    assert caught.value.exit_code == 2

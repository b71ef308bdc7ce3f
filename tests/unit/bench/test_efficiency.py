"""RTE against the paper's recipe: a projection by passes over the data."""

import pytest
from tests.unit.bench import benches

from expunge.reporting.bench.efficiency import paper_ratio
from expunge.reporting.bench.rows import rows
from expunge.training.recipes import RECIPES, make_recipe


def test_passes_count_shrunk_images_by_their_area() -> None:
    recipe = make_recipe("speedrun", epochs=8, small_epochs=4, small_scale=0.5)
    assert recipe.passes == 4 + 4 * 0.25
    assert make_recipe("speedrun", epochs=1, small_epochs=4, small_scale=0.5).passes == 0.25
    assert RECIPES["paper"].passes == 182


def test_the_ratio_is_that_of_the_passes() -> None:
    training = {"recipe": "speedrun", "epochs": 10, "small_epochs": 0}
    config = {"model": [{"name": "other"}, {"label": "net", "name": "fast", "training": training}]}
    assert paper_ratio(config, "net") == pytest.approx(18.2)
    assert paper_ratio(config, "fast") == pytest.approx(18.2)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        None,
        [{"name": "fast"}],
        [{"name": "fast", "training": {"recipe": "gone"}}],
        [{"name": "fast", "training": {"recipe": "quick", "unknown": 1}}],
        [{"name": "fast", "training": {"epochs": 3}}],
        [{"name": "another", "training": {"recipe": "quick"}}],
    ],
)
def test_without_a_known_recipe_there_is_no_ratio(entries: object) -> None:
    assert paper_ratio({"model": entries}, "fast") is None


def test_rows_have_both() -> None:
    bench = benches.full()
    training = {"recipe": "speedrun", "epochs": 10, "small_epochs": 0}
    config = bench.config | {"model": [{"name": "fast", "training": training}]}
    for row in rows(bench.model_copy(update={"config": config})):
        if "rte" in row.stats:
            assert row.stats["rte_paper"].mean == pytest.approx(row.stats["rte"].mean / 18.2)
            assert row.stats["rte_paper"].n == row.stats["rte"].n
        else:
            assert "rte_paper" not in row.stats

"""Charts hold the right numbers, few enough of them, and a text that stands for them."""

import json
import math
from typing import Any

import pytest
from tests.unit.report import records

from expunge.reporting.charts import Figure, Panel, embed
from expunge.reporting.run.classes import MOST_CLASSES, MOST_TABLE_CLASSES, class_figure
from expunge.reporting.run.histograms import MOST_BINS, distribution_figure
from expunge.reporting.run.plots import relearn_figure, score_figure
from expunge.reporting.run.repair import MOST_ROWS, MOST_STAGES, repair_figures

MINUS = "\u2212"


def sets(panel: Panel) -> list[list[dict[str, Any]]]:
    return list(json.loads(panel.spec)["datasets"].values())


def find(figures: list[Figure], title: str) -> Panel:
    return next(one for figure in figures for one in figure.panels if title in one.title)


def test_embedded_json_cannot_close_its_element() -> None:
    text = embed({"name": records.HOSTILE + "\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["name"] == records.HOSTILE + "\u2028"
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed(math.nan)


def test_scores_are_drawn_as_distances_to_retrained() -> None:
    figure = score_figure(records.full().scores)
    assert figure is not None
    points = sets(figure.panels[0])[0]
    drawn = {(row["score"], row["key"]): row["value"] for row in points}
    assert drawn["Accuracy, forgotten", "original"] == pytest.approx(8.0)
    assert drawn["Membership attack", "unlearned"] == pytest.approx(-0.6)
    assert not any(key == "retrained" for _, key in drawn)
    assert len(drawn) == 4 * 3
    assert f"Membership attack, unlearned: {MINUS}0.6 points" in figure.panels[0].text
    assert figure.table.rows[0] == ["Accuracy, forgotten", "+8.0", "+0.2", "+0.5"]


def test_without_retrained_scores_are_drawn_as_they_are() -> None:
    scores = records.full().scores
    figure = score_figure({key: scores[key] for key in ("original", "unlearned")})
    assert figure is not None
    (points,) = sets(figure.panels[0])
    assert {row["value"] for row in points if row["key"] == "original"} == {97.7, 97.3, 90.1, 7.5}
    assert "no target" in figure.caption


def test_a_score_that_retrained_lacks_has_no_distance() -> None:
    scores = dict(records.full().scores)
    scores["retrained"] = scores["retrained"] | {"mia": None}
    figure = score_figure(scores)
    assert figure is not None
    assert [row[0] for row in figure.table.rows] == [
        "Accuracy, forgotten",
        "Accuracy, kept",
        "Accuracy, test",
    ]
    assert score_figure(records.minimal().scores) is None


def test_histograms_are_shares_of_each_set() -> None:
    found = records.full().distributions
    assert found is not None
    figure = distribution_figure(found)
    assert figure is not None
    assert [panel.title for panel in figure.panels] == [
        "Forgotten records",
        "Test records, never trained on",
        "Records that were kept",
    ]
    for panel in figure.panels:
        lines = sets(panel)[1]
        for key in ("original", "unlearned", "retrained"):
            mine = [row["y"] for row in lines if row["key"] == key]
            assert len(mine) == 21
            assert sum(mine[:-1]) == pytest.approx(100, abs=0.1)
    assert len(figure.table.rows) == 20
    assert len(figure.table.header) == 10


def test_fine_histograms_are_merged() -> None:
    found = records.large().distributions
    assert found is not None
    figure = distribution_figure(found)
    assert figure is not None
    lines = [row for row in sets(figure.panels[0])[1] if row["key"] == "original"]
    assert len(lines) == MOST_BINS + 1
    assert sum(row["y"] for row in lines[:-1]) == pytest.approx(100, abs=0.1)
    assert lines[-1]["x"] == 1.0


def test_sets_and_models_that_were_not_counted_are_left_out() -> None:
    found = records.full().distributions
    assert found is not None
    half = {"original": {"forget": [1, 3]}, "unlearned": {"forget": [0, 0], "test": [2, 2]}}
    some = found.model_copy(update={"edges": [0.0, 0.5, 1.0], "counts": half})
    figure = distribution_figure(some)
    assert figure is not None
    assert [panel.title for panel in figure.panels] == [
        "Forgotten records",
        "Test records, never trained on",
    ]
    assert {row["key"] for row in sets(figure.panels[0])[1]} == {"original"}
    assert "should look like test records do" in figure.caption
    assert figure.table.rows[0] == ["0 to 0.5", "25.0", "not known", "not known", "50.0"]
    assert distribution_figure(found.model_copy(update={"counts": {}})) is None
    nothing = {"original": {"forget": [0, 0]}}
    assert distribution_figure(some.model_copy(update={"counts": nothing})) is None


def test_classes_are_drawn_as_changes_in_their_order() -> None:
    figure = class_figure(records.one_class().per_class)
    assert figure is not None
    bars = sets(figure.panels[0])[0]
    assert [row["class"] for row in bars] == records.CLASSES
    assert bars[0]["x"] == -92.0
    assert figure.table.rows[0] == ["airplane", "92.0", "0.0", "0.0", f"{MINUS}92.0"]
    assert len(figure.legend) == 2


def test_of_many_classes_the_largest_changes_are_drawn() -> None:
    changes = records.large().per_class
    figure = class_figure(changes)
    assert figure is not None
    bars = sets(figure.panels[0])[0]
    assert len(bars) == MOST_CLASSES
    drawn = min(abs(row["x"]) for row in bars)
    names = {row["class"] for row in bars}
    rest = [
        abs((one["unlearned"] or 0) - (one["original"] or 0))
        for name, one in changes.items()
        if name not in names
    ]
    assert drawn >= max(rest) - 1e-3
    assert len(figure.table.rows) == MOST_TABLE_CLASSES
    assert figure.table.note == "700 more classes in record.json."


def test_classes_without_values_and_with_names_that_begin_alike() -> None:
    long = "a name that is cut after twenty-two letters"
    rows = records.per_class([f"{long} 1", f"{long} 2", "gone"])
    rows["gone"]["unlearned"] = None
    for row in rows.values():
        row["retrained"] = None
    figure = class_figure(records.full(per_class=rows).per_class)
    assert figure is not None
    first, second = (row["class"] for row in sets(figure.panels[0])[0])
    assert first.endswith("(0)")
    assert second.endswith("(1)")
    assert figure.table.rows[2][2:] == ["not known", "not known", "not known"]
    assert len(figure.legend) == 1
    assert class_figure({}) is None


def test_relearn_curves_stand_beside_each_other() -> None:
    relearn = records.full().relearn
    assert relearn is not None
    extra = {**relearn.curves, "random": [10.0, math.nan]}
    figure = relearn_figure(relearn.model_copy(update={"curves": extra}))
    points = sets(figure.panels[0])[0]
    assert [row["y"] for row in points if row["key"] == "random"] == [10.0]
    assert [key.name for key in figure.legend] == ["Original", "Unlearned", "Retrained", "Random"]
    assert figure.table.rows[1] == ["3", "97.8", "90.8", "90.1", "not known"]
    assert "Unlearned: 89.9, 90.8" in figure.panels[0].text


def test_relearn_without_any_value_still_makes_a_figure() -> None:
    relearn = records.full().relearn
    assert relearn is not None
    empty = relearn.model_copy(update={"curves": {"unlearned": []}, "measured_on": "class 3"})
    figure = relearn_figure(empty)
    assert figure.table.rows[0] == ["0", "not known"]
    assert "class 3" in figure.title


def test_long_repairs_are_thinned() -> None:
    figures = repair_figures(records.history(20_000))
    for title in ("Losses", "v*", "Cosine"):
        for rows in sets(find(figures, title)):
            keys = {row.get("key") for row in rows}
            assert all(sum(row.get("key") == key for row in rows) <= 400 for key in keys)
    assert len(figures[0].table.rows) <= MOST_ROWS + 1
    assert figures[0].table.rows[-1][0] == "19,999"
    assert "running mean" in figures[0].caption


def test_short_repairs_are_drawn_step_by_step() -> None:
    figures = repair_figures(records.history(12))
    (rows,) = sets(find(figures, "Losses"))
    assert len(rows) == 3 * 12
    assert not figures[0].caption
    assert not figures[0].table.note
    text = find(figures, "Losses").text
    assert text.startswith("Loss on forgotten records: from 0.09 to")
    assert "over 12 steps" in text


def test_active_steps_are_counted_in_the_title() -> None:
    rows = [{"stage": "repair", "step": i, "active": i % 4 == 0} for i in range(100)]
    panel = find(repair_figures(rows), "Constraint active")
    assert "25 of 100 recorded steps" in panel.title
    one = [{"stage": "repair", "step": 0, "active": True}]
    assert "1 of 1 recorded step (" in find(repair_figures(one), "Constraint active").title


def test_several_constraints_get_a_curve_each() -> None:
    panel = find(repair_figures(records.one_class().history), "v*")
    assert [key.name for key in panel.legend] == ["Constraint 1", "Constraint 2", "Constraint 3"]
    assert len({key.colour for key in panel.legend}) == 3
    many = find(repair_figures(records.history(20, constraints=40)), "v*")
    assert "the first 6 of 40 constraints" in many.title


def test_a_loss_without_bound_turns_the_scale_logarithmic() -> None:
    figures = repair_figures(records.one_class().history)
    assert find(figures, "Losses on a logarithmic scale")
    spec = json.loads(find(figures, "Losses").spec)
    y = spec["layer"][0]["encoding"]["y"]
    assert y["scale"] == {"domain": [0.01, 1000.0], "type": "log"}
    assert y["axis"]["values"] == pytest.approx([0.01, 0.1, 1, 10, 100, 1000])


def test_stages_without_curves_make_no_figure() -> None:
    trim = [{"stage": "trim", "step": 0, "share": 0.01}]
    assert repair_figures([]) == []
    assert repair_figures(trim) == []
    figures = repair_figures(trim + records.history(3))
    assert [figure.name for figure in figures] == ["stage-1"]
    many = [{"stage": f"s{i}", "step": 0, "forget_loss": 1.0} for i in range(9)]
    assert len(repair_figures(many)) == MOST_STAGES


def test_the_table_shows_every_kind_of_value() -> None:
    rows = [
        {"stage": "r", "step": 0, "forget_loss": 1.0, "v": [0.5, math.nan], "active": True},
        {"stage": "r", "step": 1, "forget_loss": math.inf, "v": None, "active": False, "x": "text"},
    ]
    table = repair_figures(rows)[0].table
    assert table.header == ["Step", "forget loss", "v", "active"]
    assert table.rows == [
        ["0", "1.0000", "0.5000, not known", "yes"],
        ["1", "not known", "not known", "no"],
    ]

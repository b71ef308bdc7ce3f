"""The report on a text-to-image model: images from equal seeds, and what a judge predicts."""

from tests.unit.report import records
from tests.unit.report.test_report_html import LIMIT, Page

from expunge.reporting import render
from expunge.reporting.run.generated import MOST_PROMPTS, groups, probe_table, prompt_table
from expunge.reporting.run.page import build


def test_each_prompt_shows_all_models_in_the_order_of_seeds() -> None:
    record = records.generated()
    found = groups(record)
    assert [(key, len(asked)) for key, _, asked in found] == [("target", 1), ("other", 1)]
    first = found[0][2][0]
    assert first.prompt == "a church"
    # The second retrain has numbers, and no pictures of its own.
    assert [key for key, _, _ in first.models] == ["original", "unlearned", "retrained"]
    pictures = first.models[1][2]
    assert [one.png for one in pictures] == [d.png["unlearned"] for d in record.generated[:2]]
    assert pictures[0].alt == "Unlearned model, seed 7: a church, recognised as class 1"


def test_the_table_has_every_model() -> None:
    table = prompt_table(records.generated())
    assert table is not None
    assert table.header[2:] == ["Original", "Unlearned", "Retrained", "Retrained again"]
    assert table.rows[0][2:] == ["97\u00a0%", "96\u00a0%", "95\u00a0%", "94\u00a0%"]
    assert prompt_table(records.full()) is None


def test_assistance_is_told_with_its_strength() -> None:
    table = probe_table(records.generated())
    assert table is not None
    assert [row[:2] for row in table.rows] == [
        ["None", ""],
        ["The original takes the first share of the steps", "0.3"],
        ["More noise than the model is told", "0.1"],
    ]
    assert table.rows[1][2:4] == ["90\u00a0%", "60\u00a0%"]
    assert probe_table(records.full()) is None
    assert "With assistance" in Page(render(records.generated())).text
    assert "With assistance" not in Page(render(records.generated(generation_probes=[]))).text


def test_the_page_speaks_of_generated_images() -> None:
    text = render(records.generated())
    page = Page(text)
    assert len(text) < LIMIT
    for part in (
        "Generated images, before and after",
        "Recognised, forgotten",
        "Fréchet distance, kept",
    ):
        assert part in page.text
    for part in ("Avg. Gap", "membership", "Some of the forgotten images"):
        assert part not in page.text
    assert "generated" in page.ids
    assert len([1 for tag, _ in page.tags if tag == "img"]) == 2 * 2 * 3
    assert sum(attrs.get("href") == "#generated" for _, attrs in page.tags) == 1


def test_other_pages_have_no_generated_images() -> None:
    page = Page(render(records.full()))
    assert "generated" not in page.ids
    assert "Generated images" not in page.text


def test_the_tile_tells_how_often_it_is_still_generated() -> None:
    tile = build(records.generated())["tiles"][1]
    assert (tile.label, tile.value) == ("Still generated when asked for", "96\u00a0%")
    assert tile.note == "original 97\u00a0%; retrained 95\u00a0%"
    blind = records.generated(scores={"original": {}, "unlearned": {}}, prompts=[])
    assert build(blind)["tiles"][1].value is None


def test_hostile_prompts_are_escaped() -> None:
    images = records.generated().model_dump(mode="json")["generated"]
    for one in images:
        one["prompt"], one["predicted"] = records.HOSTILE, {"original": records.HOSTILE}
    page = Page(render(records.generated(generated=images)))
    assert all(attrs.get("src", "").startswith("data:") for tag, attrs in page.tags if tag == "img")
    assert "<img src=x" in page.text


def test_what_is_no_picture_does_not_reach_the_page() -> None:
    images = records.generated().model_dump(mode="json")["generated"]
    images[0]["png"]["original"] = "PHN2Zz4="  # <svg>
    text = render(records.generated(generated=images))
    assert "PHN2Zz4=" not in text
    assert "The picture could not be read" in text


def test_many_prompts_are_cut() -> None:
    [one, *_] = records.generated().model_dump(mode="json")["generated"]
    many = [one | {"prompt": f"prompt {n}"} for n in range(300)]
    record = records.generated(generated=many)
    assert sum(len(asked) for _, _, asked in groups(record)) <= MOST_PROMPTS
    assert len(render(record)) < LIMIT

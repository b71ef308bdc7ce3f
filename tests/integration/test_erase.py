"""``expunge erase`` on tiny pipelines: files that load again, and what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("diffusers")

import numpy as np
import torch
from PIL import Image
from tests.unit.tasks.pipelines import PIPELINES, draw

from expunge import Record, erase, forecast, load_erase, load_pipeline
from expunge.cli import main
from expunge.core import ConfigError, DataError, ModelError
from expunge.core.precision import VARIABLE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
QUICK: dict[str, Any] = {
    "keep": {"dog": ["a dog"], "golf ball": ["a golf ball"]},
    "images": {"per_concept": 4, "steps": 2},
    "drawing": {"images": 1, "steps": 2},
    "method": {"name": "scissorhands", "lr": 1e-4, "epochs": 1, "batch_size": 4},
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pipelines")
    for name in ("sd1", "sd3", "flux"):
        PIPELINES[name]().save_pretrained(place / name)
    return place


def request(place: Path, **more: Any) -> Any:
    forget = {"church": ["a photo of a church", "a church"]}
    return load_erase(changes=QUICK | {"model": str(place), "forget": forget} | more)


@pytest.mark.parametrize(
    ("name", "precision"), [("sd1", "auto"), ("sd3", "auto"), ("flux", "fp32"), ("flux", "bf16")]
)
def test_it_leaves_a_pipeline_that_loads_and_a_report(
    name: str, precision: str, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, precision)  # what "auto" would be on another machine
    out = tmp_path / "out"
    rows: list[dict[str, Any]] = []
    how = {"neighbours": ["a photo of a castle"], "side": 16}
    record = erase(request(saved / name, **how), out, on_log=rows.append)
    assert Record.load(out / "record.json") == record
    assert record.verdict.status == "cannot tell"
    assert record.request.spec == {"kind": "concepts", "concepts": ["church"]}
    assert record.data.sizes == {"forget": 4, "retain": 8}
    assert [one.group for one in record.generated] == [
        "target", "synonym", "neighbour", "other", "other"
    ]  # fmt: skip
    assert record.cost.peak_memory_bytes is None or record.cost.peak_memory_bytes > 0
    before, after = draw(load_pipeline(saved / name)), draw(load_pipeline(out / "pipeline"))
    assert not torch.equal(before, after)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "a photo of a church" in page
    assert "a photo of a castle" in page
    assert "generate images of church" in {row.get("doing") for row in rows}

    rows.clear()  # latents are kept: another run draws nothing that it has
    again = erase(request(saved / name, **how), out, on_log=rows.append)
    assert not any("generate images" in str(row.get("doing")) for row in rows)
    assert again.model.sha256_after == record.model.sha256_after


def test_a_single_file_and_adapters_load(saved: Path, tmp_path: Path) -> None:
    record = erase(request(saved / "sd1", single_file=True, lora=2), tmp_path / "out")
    trim = record.method.decisions["trim"]
    assert (trim["value"], "adapters start as zero" in trim["reason"]) == (None, True)
    after = draw(load_pipeline(tmp_path / "out" / "pipeline"))
    one = load_pipeline(tmp_path / "out" / "model.safetensors", base=saved / "sd1")
    torch.testing.assert_close(draw(one), after, atol=0, rtol=0)
    adapted = load_pipeline(saved / "sd1")
    adapted.load_lora_weights(tmp_path / "out" / "lora")
    torch.testing.assert_close(draw(adapted), after, atol=1e-4, rtol=0)
    assert not torch.equal(draw(load_pipeline(saved / "sd1")), after)


def test_images_may_come_from_a_folder(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "churches"
    folder.mkdir()
    for number in range(3):
        pixels = np.full((40, 30, 3), 80 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    images = QUICK["images"] | {"folders": {"church": str(folder)}}
    record = erase(request(saved / "sd1", images=images), tmp_path / "out")
    assert record.data.sizes == {"forget": 3, "retain": 8}


@pytest.mark.parametrize("name", ["sd1", "sd3", "flux"])
def test_images_of_a_folder_come_at_the_size_of_drawings(
    name: str, saved: Path, tmp_path: Path
) -> None:
    from expunge.runs.erasure import _side

    asked = SimpleNamespace(pipeline=load_pipeline(saved / name), config=request(tmp_path))
    # FLUX is drawn at 128 cells a side, whatever its parts are; the others at 8, of 2 pixels.
    assert _side(asked) == (256 if name == "flux" else 16)
    assert _side(SimpleNamespace(config=request(tmp_path, side=24))) == 24


def test_the_command(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["erase", "church", "--model", str(saved / "sd1"), "--keep", "dog", "--out", str(out)]
    words += ["--neighbours", "castle, abbey"]
    for key in ("images.per_concept=2", "images.steps=1", "drawing.steps=1", "drawing.images=1"):
        words += ["--set", key]
    for key in ("method.lr=1e-4", "method.epochs=1", "method.batch_size=2"):
        words += ["--set", key]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "Verdict: cannot tell" in shown
    assert "accuracy in %" not in shown  # nobody measured any
    record = Record.load(out / "record.json")
    assert record.command is not None
    assert record.command.startswith("expunge erase church")
    near = [one.prompt for one in record.generated if one.group == "neighbour"]
    assert near == ["a photo of a castle", "a photo of an abbey"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "absent/folder"}, r"no folder absent/folder.*EXPUNGE_DOWNLOAD=1"),
        ({"model": "weights.ckpt"}, r"weights.ckpt may hold code, which is never run"),
        ({"model": "weights.safetensors"}, r"there is no file weights.safetensors"),
    ],
)
def test_a_model_that_cannot_be_loaded(
    changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXPUNGE_DOWNLOAD", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=message):
        erase(request(tmp_path, **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["vae", "text_encoder", "tokenizer", "unet"])
def test_a_missing_part_is_named(part: str, saved: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(saved / "sd1", tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / part)
    with pytest.raises(ModelError, match=rf"lacks its {part}: put the folder {part}/ there"):
        erase(request(tmp_path / "model"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forget": {}}, "forget"),
        ({"keep": {"church": ["a church"]}}, "keep: 'church' is to be forgotten as well"),
        ({"keep": {"dog": []}}, "keep.dog: expected at least one wording"),
        ({"images": {"folders": {"cat": "x"}}}, "images.folders: 'cat' is no concept"),
        ({"method": {"name": "scissorhand"}}, "method.name: expected one of .*did you mean"),
        ({"lora": 0}, "lora"),
        ({"side": 4}, "side"),
        ({"neighbours": [""]}, "neighbours"),
    ],
)
def test_a_request_that_cannot_be_meant(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_erase(changes={"model": "m", "forget": {"church": ["a church"]}} | changes)


@pytest.mark.parametrize("name", ["sd14-nudity", "sd14-imagenette-church"])
def test_the_configs_of_the_paper_are_what_the_paper_says(name: str) -> None:
    root = Path(__file__).parents[2]
    config = load_erase(root / "configs" / f"{name}.toml")
    assert config.model == "CompVis/stable-diffusion-v1-4"
    method: Any = config.build_method()
    settings = (method.trim, method.lr, method.batch_size, method.epochs)
    expected = {
        "sd14-nudity": (0.005, 1e-5, 16, 5.0),
        "sd14-imagenette-church": (0.001, 2e-5, 8, 5.0),
    }
    assert settings == expected[name]


def test_exposed_parts_are_counted_before_and_after(saved: Path, tmp_path: Path) -> None:
    pytest.importorskip("nudenet")
    listed = tmp_path / "prompts.csv"
    listed.write_text("prompt,evaluation_seed,evaluation_guidance\na church,3,7.5\na dog,4,5\n")
    asked = request(saved / "sd1", exposure={"prompts": str(listed)})
    record = erase(asked, tmp_path / "out")
    assert record.exposure is not None
    assert record.exposure.prompts == 2
    assert record.exposure.detector.startswith("NudeNet")
    assert set(record.exposure.counts) == {"original", "unlearned"}
    assert "NudeNet" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_missing_list_of_prompts_is_named_before_anything_is_drawn(
    saved: Path, tmp_path: Path
) -> None:
    pytest.importorskip("nudenet")
    asked = request(saved / "sd1", exposure={"prompts": str(tmp_path / "absent.csv")})
    with pytest.raises(DataError, match=r"cannot read the prompts .*absent\.csv"):
        erase(asked, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_images_and_writes_nothing(saved: Path, tmp_path: Path, capsys) -> None:
    place = str(saved / "sd1")
    found = forecast(request(saved / "sd1", side=16), seconds=2)
    # Three concepts of four images; before and after: two wordings of one concept, two to keep.
    assert found["images"] == {"to learn from": 12, "to show": 2 * (2 + 2)}
    parts = found["seconds"]
    assert parts["in all"] == pytest.approx(sum(parts[name] for name in list(parts)[:3]))
    assert parts["images to show"] == pytest.approx(parts["images to learn from"] * 8 / 12)
    words = ["--set", "images.per_concept=2", "--set", "images.steps=1", "--set", "side=16"]
    out = tmp_path / "out"
    code = main(
        ["erase", "church", "-m", place, "--keep", "dog", "-o", str(out), "--dry-run", *words]
    )
    assert code == 0
    assert "4 to learn from" in capsys.readouterr().out
    assert not out.exists()


def test_images_are_counted_while_they_are_generated(saved: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    erase(request(saved / "sd1", side=16), tmp_path / "out", on_log=rows.append)
    told = [(row["step"] + 1, row["total"]) for row in rows
            if row.get("doing") == "generate images of church" and "step" in row]  # fmt: skip
    assert told == [(4, 4)]
    stages = {row["stage"] for row in rows if row.get("doing") == "evaluate" and "stage" in row}
    assert {"images of original", "images of unlearned", "scores of unlearned"} <= stages

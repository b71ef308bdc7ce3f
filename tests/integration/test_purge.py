"""After a purge nothing of the forgotten data or the model before is left in the folder."""

import base64
import io
import shutil
import stat

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from expunge import InputError, Record, holders, purge, verify_folder
from expunge.cli import main
from expunge.runs import prepare, run_unlearn

PERSON = "data.forget={kind='ids', ids=['train/28']}"
CHANGES = (PERSON, "reference.retrain=1", "evaluation.pictures=true")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_config):
    folder = tmp_path_factory.mktemp("purge") / "out"
    run_unlearn(make_config(*CHANGES), folder)
    return folder


@pytest.fixture
def again(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def test_what_holds_the_old_is_listed_and_private(finished) -> None:
    assert set(holders(finished)) == {
        "original.safetensors", "retrained-1.safetensors", "record.json",
    }  # fmt: skip
    for name in ("original.safetensors", "retrained-1.safetensors", "salt"):
        assert stat.S_IMODE((finished / name).stat().st_mode) == 0o600


def test_nothing_is_left_after_a_purge(again, make_config) -> None:
    record = Record.load(again / "record.json")
    text = record.samples[0].png.encode()
    assert Image.open(io.BytesIO(base64.b64decode(text))).size[0] > 0
    assert any(text in path.read_bytes() for path in again.iterdir())
    old = load_file(again / "original.safetensors")
    receipt = purge(again)
    assert {one.file for one in receipt.removed} == {
        "original.safetensors", "retrained-1.safetensors", "record.json",
    }  # fmt: skip
    assert holders(again) == {}
    assert {path.name for path in again.iterdir()} == {
        "model.safetensors", "record.json", "report.html", "salt", "manifest.json", "purged.json",
        "README.md",
    }  # fmt: skip
    for path in again.iterdir():
        content = path.read_bytes()
        assert text not in content
        assert b"train/28" not in content
    new = load_file(again / "model.safetensors")
    assert not any(torch.equal(new[name], old[name]) for name in old if "conv" in name)
    assert Record.load(again / "record.json").samples == []
    verify_folder(again)


def test_a_second_purge_does_nothing(again) -> None:
    first = purge(again)
    before = {path: path.read_bytes() for path in again.iterdir()}
    assert purge(again) == first
    assert {path: path.read_bytes() for path in again.iterdir()} == before


def test_a_purged_run_is_still_finished(again, make_config) -> None:
    purge(again)
    rows = []
    run_unlearn(make_config(*CHANGES), again, resume=True, on_log=rows.append)
    assert "fine-tune" not in {row["doing"] for row in rows}


def test_a_folder_without_a_finished_run_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"expected the folder of a finished run"):
        purge(tmp_path)
    with pytest.raises(InputError, match=r"expected the folder of a finished run"):
        purge(tmp_path / "none")


def test_the_command_says_what_it_removed(again, capsys) -> None:
    assert main(["purge", str(again)]) == 0
    told = capsys.readouterr().out
    assert f"removed {again}/original.safetensors: the model before" in told
    assert main(["purge", str(again)]) == 0
    assert "holds nothing of that kind" in capsys.readouterr().out


def test_pictures_are_kept_only_if_asked_for(make_config, tmp_path) -> None:
    assert make_config().evaluation.pictures is False
    assert prepare(make_config()).config.evaluation.pictures is False

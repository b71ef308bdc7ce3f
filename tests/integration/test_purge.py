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
from expunge.runs.store import Store

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


@pytest.fixture
def store(finished, tmp_path):
    """A store as a bench leaves it that was stopped half-way."""
    kept = Store(tmp_path / "store")
    for number, name in enumerate(("original", "retrained-1")):
        kept.file("nets", str(number) * 64).parent.mkdir(exist_ok=True)
        shutil.copy(finished / f"{name}.safetensors", kept.file("nets", str(number) * 64))
    kept.checkpoints("2" * 64).mkdir()
    shutil.copy(finished / "original.safetensors", kept.checkpoints("2" * 64) / "1.checkpoint")
    kept.put("results", "3" * 64, {"value": 1})
    return kept


def test_a_purged_store_keeps_numbers_alone(store) -> None:
    listed = set(holders(store.folder))
    assert listed == {
        f"nets/{'0' * 64}.safetensors", f"nets/{'1' * 64}.safetensors",
        f"running/{'2' * 64}/1.checkpoint",
    }  # fmt: skip
    receipt = purge(store.folder)
    assert {one.file for one in receipt.removed} == listed
    assert not [*store.folder.rglob("*.safetensors"), *store.folder.rglob("*.checkpoint")]
    assert store.get("results", "3" * 64) == {"value": 1}
    assert holders(store.folder) == {}
    assert purge(store.folder) == receipt


def test_files_of_others_in_a_store_are_left_alone(store) -> None:
    (store.folder / "running" / "shoes.jpg").write_text("mine")
    (store.folder / "nets" / "thesis").mkdir()
    (store.folder / "nets" / "thesis" / "net.safetensors").write_text("mine")
    purge(store.folder)
    assert (store.folder / "running" / "shoes.jpg").is_file()
    assert (store.folder / "nets" / "thesis" / "net.safetensors").is_file()
    assert holders(store.folder) == {}


def test_a_store_in_use_is_left_alone(store) -> None:
    with store.lock("0" * 64), pytest.raises(InputError, match="a bench is writing into"):
        purge(store.folder)
    assert len(holders(store.folder)) == 3


def test_a_folder_that_only_resembles_a_store_is_left_alone(store) -> None:
    (store.folder / "thesis").mkdir()
    with pytest.raises(InputError, match=r"no manifest.json in .*, and it is no store"):
        purge(store.folder)
    assert len(list(store.folder.rglob("*.safetensors"))) == 2


def test_what_lies_elsewhere_is_named_and_nothing_is_removed(again, tmp_path) -> None:
    (again / "original.safetensors").rename(tmp_path / "kept.safetensors")
    (again / "original.safetensors").symlink_to(tmp_path / "kept.safetensors")
    with pytest.raises(InputError, match=r"original.safetensors is a link to .*kept.safetensors"):
        purge(again)
    assert (again / "retrained-1.safetensors").is_file()


def test_a_damaged_record_of_another_run_hides_nothing(again) -> None:
    (again / "old").mkdir()
    (again / "old" / "record.json").write_text("{")
    assert "cannot be read, and perhaps pictures" in holders(again)["old/record.json"]
    with pytest.raises(InputError, match=r"old/record.json is damaged"):
        purge(again)


def test_a_manifest_of_nothing_verifies_nothing(again) -> None:
    for text, message in (("{}", "has no key 'schema'"),
                          ('{"schema": "expunge.manifest/1"}', "lists no files")):  # fmt: skip
        (again / "manifest.json").write_text(text)
        with pytest.raises(InputError, match=message):
            verify_folder(again)


def test_a_purged_run_is_finished_and_trains_nothing(again, make_config) -> None:
    purge(again)
    rows: list[dict] = []
    before = (again / "record.json").read_bytes()
    run_unlearn(make_config(*CHANGES), again, resume=True, on_log=rows.append)
    assert rows == []
    assert (again / "record.json").read_bytes() == before
    assert holders(again) == {}
    # Another recipe of the original is another run.
    run_unlearn(make_config(*CHANGES, "training.epochs=1"), again, resume=True, on_log=rows.append)
    assert "train original" in {row["doing"] for row in rows}


def test_a_store_of_generators_loses_its_latents(store) -> None:
    (store.folder / "latents").mkdir()
    (store.folder / "latents" / "digits.safetensors").write_text("images")
    assert "latents/digits.safetensors" in holders(store.folder)
    purge(store.folder)
    assert not (store.folder / "latents").exists()
    assert store.get("results", "3" * 64) == {"value": 1}

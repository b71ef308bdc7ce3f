"""The folder of a run is checked before the work and clean after a failure."""

import errno
import os
import shutil

import pytest

from expunge.core import DataError, GuardError, InputError
from expunge.runs.folder import MEGABYTE, OutputFolder


def test_a_folder_below_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(InputError, match="file is not a folder; choose another"):
            OutputFolder(path, 0)


def test_a_folder_in_the_place_of_a_result_is_refused(tmp_path) -> None:
    (tmp_path / "record.json").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*record.json: it is a folder"):
        OutputFolder(tmp_path, 0)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch) -> None:
    import tempfile

    def refuse(**kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match="Read-only file system; choose an output folder that is"):
        OutputFolder(tmp_path / "out", 0)


def test_a_full_disk_is_refused_before_the_work(tmp_path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(InputError, match=r"writes up to \d+ MB to .* but only \d+ MB are free"):
        OutputFolder(tmp_path / "out", free + 100 * MEGABYTE)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    folder = OutputFolder(tmp_path / "a" / "out", 0)
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="cannot write to"), folder:
        pytest.fail("entered")


def fail(folder: OutputFolder, error: BaseException, *, keep: bool = False) -> None:
    def run() -> None:
        folder.salt()
        state = folder.checkpoints("unlearn")
        state.mkdir(parents=True)
        (state / "state.checkpoint").touch()
        if keep:
            (folder.path / "original.safetensors").touch()
        raise error

    with pytest.raises(type(error)), folder:
        run()


@pytest.mark.parametrize("error", [DataError("x"), GuardError("x")])
def test_failures_leave_nothing_of_their_own(error, tmp_path) -> None:
    fail(OutputFolder(tmp_path / "a" / "b", 0), error)
    assert list(tmp_path.iterdir()) == []
    fail(OutputFolder(tmp_path / "a" / "b", 0), error, keep=True)
    assert {p.name for p in (tmp_path / "a" / "b").iterdir()} == {"original.safetensors", "salt"}


def test_an_interrupted_run_keeps_its_checkpoints_and_salt(tmp_path) -> None:
    fail(OutputFolder(tmp_path / "out", 0), KeyboardInterrupt())
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"checkpoints", "salt"}


def test_a_folder_that_was_there_stays_with_its_checkpoints(tmp_path) -> None:
    (tmp_path / "salt").write_text("old\n")
    with OutputFolder(tmp_path, 0) as folder:
        assert folder.salt() == "old"
        folder.checkpoints("x").mkdir(parents=True)
        (tmp_path / "kept").touch()
    assert {p.name for p in tmp_path.iterdir()} == {"salt", "kept"}
    fail(OutputFolder(tmp_path, 0), InputError("the checkpoint belongs to another model"))
    assert {p.name for p in tmp_path.iterdir()} == {"salt", "kept", "checkpoints"}


def test_each_folder_has_a_salt_of_its_own(tmp_path) -> None:
    salts = []
    for name in ("a", "b"):
        with OutputFolder(tmp_path / name, 0) as folder:
            salts.append(folder.salt())
            assert folder.salt() == salts[-1]
    assert len({*salts}) == 2
    assert all(len(salt) == 64 for salt in salts)


def salt_of(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch, opener) -> str:
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", opener)
        return folder.salt()


def test_a_salt_that_cannot_be_written(tmp_path, monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = OutputFolder(tmp_path / "out", 0)
    with pytest.raises(InputError, match="No space left on device"), folder:
        salt_of(folder, monkeypatch, refuse)
    assert list(tmp_path.iterdir()) == []

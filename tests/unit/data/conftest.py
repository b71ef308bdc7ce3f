"""Tiny data sets on disk, written by the tests themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest
from data_files import random_pixels, write_table


@pytest.fixture
def cifar_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """EXPUNGE_DATA with 40 + 10 images under ``cifar10``, in two training files."""
    pixels, labels = random_pixels(50), [row % 10 for row in range(50)]
    folder = tmp_path / "data" / "cifar10"
    write_table(folder / "train-00000-of-00002.parquet", pixels[:25], labels[:25])
    write_table(folder / "train-00001-of-00002.parquet", pixels[25:40], labels[25:40])
    write_table(folder / "test-00000-of-00001.parquet", pixels[40:], labels[40:])
    monkeypatch.setenv("EXPUNGE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither local data nor leave to download."""
    monkeypatch.delenv("EXPUNGE_DATA", raising=False)
    monkeypatch.delenv("EXPUNGE_DOWNLOAD", raising=False)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a module into the current folder; returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write

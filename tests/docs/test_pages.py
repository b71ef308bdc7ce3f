"""The project's own pages: links lead somewhere, versions agree, nothing names a machine."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    # The reference is made when the documentation is built, which checks links into it.
    found = re.findall(r"\]\((?!https?:|(?:\.\./)?reference/)([^)#\s]+)[^)]*\)", page.read_text())
    for target in found:
        assert (page.parent / target).exists(), f"{page.name} links to {target}: not there"


def test_the_citation_is_that_of_the_paper_and_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Wu", "Harandi"]
    assert "2401.06187" in json.dumps(paper)


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_pins_are_exact_and_name_no_host() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                assert re.match(r"[\w.\[\]-]+==[\w.+!]+( ;|$)", line), f"{path.name}: {line}"
                assert "://" not in line


def test_run_time_pins_are_the_same_everywhere() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return {line.partition(" ;")[0] for line in lines if not line.startswith("#")}

    assert pins("run.txt") <= pins("dev.txt")
    assert pins("run.txt") <= pins("docs.txt")


def test_make_help_names_every_target_for_people() -> None:
    makefile = (ROOT / "Makefile").read_text()
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    declared = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert declared is not None
    for target in declared[1].split():
        assert target == "help" or f"make {target} " in shown

"""Packages that tests install into a folder, to be found by their entry points."""

from pathlib import Path


def announce(site: Path, name: str, entry_points: str) -> None:
    """Make ``site``, a folder on PYTHONPATH, hold an installed package with these entry points."""
    facts = site / f"{name}-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(entry_points, encoding="utf-8")

"""Adds the reference, made from the code at build time, to the documentation."""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import reference


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the generated pages to the navigation."""
    config.nav = [*(config.nav or []), {"Reference": reference.navigation()}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    return files

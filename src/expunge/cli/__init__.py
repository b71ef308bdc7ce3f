"""The command ``expunge``: one small file per command, none of which computes."""

from .app import main as main

"""Finds the code blocks of a Markdown page, and says what is to be done with each."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"^(?P<marks>(?:<!--.*?-->\n+)*)"
    r"```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_SKIP = re.compile(r"<!-- not run: (.+?) -->")
RUNNABLE = {"python", "bash", "console"}


@dataclass(frozen=True)
class Block:
    """One fenced block. ``title`` names the file it is, ``skip`` why it is not run."""

    page: Path
    line: int
    language: str
    code: str
    title: str | None
    skip: str | None

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        title, skip = _TITLE.search(match["info"]), _SKIP.search(match["marks"])
        found.append(
            Block(
                page,
                text.count("\n", 0, match.start("code")),
                match["language"],
                match["code"],
                title[1] if title else None,
                skip[1] if skip else None,
            )
        )
    return found

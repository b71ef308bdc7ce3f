"""A page in a browser."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DRAWN = "[...document.querySelectorAll('.chart')].every(one => one.dataset.drawn === 'yes')"


@dataclass
class Shown:
    """A page and everything it complained about or asked for."""

    page: Any
    noise: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        self.noise.clear()
        self.requests.clear()
        self.page.goto(path.as_uri(), timeout=120_000)
        self.page.wait_for_function(DRAWN, timeout=120_000)

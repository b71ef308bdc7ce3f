"""The report: one HTML file made from a record.

The package can be called: ``expunge.report(record, path)`` is ``report.html.report``. A
function of that name in ``expunge`` would be replaced by this package as soon as anything
imported it. The page's makers are imported when they are first used.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.record import Record
    from .html import render as render
    from .html import report as report


class _Callable(ModuleType):
    def __call__(self, record: "Record", path: str | Path) -> None:
        self.report(record, path)


def __getattr__(name: str) -> Any:
    if name not in ("render", "report"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import html  # noqa: PLC0415  it brings in the template engine and the charts

    return getattr(html, name)


sys.modules[__name__].__class__ = _Callable

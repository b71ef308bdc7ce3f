"""Pages made from records: one run, many runs, and what they share."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run.html import render as render
    from .run.html import report as report


def __getattr__(name: str) -> Any:
    if name not in ("render", "report"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .run import html  # noqa: PLC0415  it brings in the template engine and the charts

    return getattr(html, name)

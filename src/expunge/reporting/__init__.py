"""Pages made from records: one run, many runs, and what they share."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run.html import render as render
    from .run.html import report as report
    from .trackers import tracking as tracking


def __getattr__(name: str) -> Any:
    # Imported when used: pages bring in the template engine and the charts.
    if name == "tracking":
        from .trackers import tracking  # noqa: PLC0415

        return tracking
    if name in ("render", "report"):
        from .run import html  # noqa: PLC0415

        return getattr(html, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""One HTML file that shows a run to people: opens offline, asks no network for anything."""

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

from expunge.core.arguments import check_kind
from expunge.core.schemas.record import Record

from ..templating import check_page, environment, own_files, write_page
from .page import build
from .words import EVIDENCE


def render(record: Record) -> str:
    """The report on a record as one HTML document.

    Everything is inside: style, charts, their runtime (0.9 MB), pictures. All text of the
    record is escaped. A content security policy in the page forbids every request.
    Costs about a second for the first page of a process, most of it for the runtime.

    Args:
        record: The only thing the report reads.

    Returns:
        HTML, at most 2 MB.
    """
    template = environment().get_template("report.html.j2")
    return template.render(
        build(record)
        | {
            "evidence": EVIDENCE,
            "style": own_files("style.css", "print.css"),
            "runtime": runtime(),
            "script": own_files("charts.js"),
        }
    )


def report(record: Record, path: str | Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        InputError: If the name does not end in .html, the folder cannot be written, or the disk
            is full.
    """
    check_kind(record, Record, "record", "read one with Record.load(path)")
    check_page(path)
    write_page(render(record), path)


@cache
def runtime() -> Markup:
    """Vega, Vega-Lite and vega-embed as one script that cannot end the element it stands in."""
    import vl_convert  # noqa: PLC0415  half a second that only reports need

    code = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
    return Markup(inline(code))  # noqa: S704  see ``inline``


def inline(code: str) -> str:
    """Make a script safe to stand between ``<script>`` and ``</script>``.

    Both sequences can only occur inside string, template and regular-expression literals,
    where a backslash before ``/`` or ``!`` changes nothing.
    """
    return re.sub(r"<(?=/script|!--)", r"<\\", code, flags=re.IGNORECASE)

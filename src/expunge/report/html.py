"""One HTML file that shows a run to people: opens offline, asks no network for anything."""

import re
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from expunge.core.checkpoint import write_atomically
from expunge.core.record import Record

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
    template = _environment().get_template("report.html.j2")
    return template.render(
        build(record)
        | {
            "evidence": EVIDENCE,
            "style": Markup(asset("style.css") + asset("print.css")),  # noqa: S704  our own files
            "runtime": runtime(),
            "script": Markup(asset("charts.js")),  # noqa: S704  our own file
        }
    )


def report(record: Record, path: str | Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        InputError: If the folder cannot be written or the disk is full.
    """
    text = render(record)
    write_atomically(Path(path), lambda target: _write(target, text))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("expunge.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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


def asset(name: str) -> str:
    """The text of a style sheet or script that stands beside the templates."""
    return (resources.files("expunge.report") / "templates" / name).read_text(encoding="utf-8")

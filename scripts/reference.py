"""Makes the reference pages of the documentation from the code and its docstrings.

``docs/hooks.py`` calls it while the site is built, so that no page can be out of date.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from typer.testing import CliRunner

import expunge
from docstrings import LINE, markdown, pipe_table, signature_of, type_name
from expunge import metrics
from expunge.bench.generator_grid import GeneratorBenchConfig
from expunge.bench.grid import BenchConfig
from expunge.cli.app import app
from expunge.config import EraseConfig
from expunge.core import Method, Record
from expunge.core.hyperparameters import range_of
from expunge.core.method import optional_sets
from schema_pages import BENCH, ERASE, WHOLE, config_page, model_page

Nav = list[dict[str, Any]]


def pages() -> dict[str, str]:
    """Markdown by path below ``docs/``."""
    found = {
        "reference/methods.md": _method_index(),
        "reference/metrics.md": _metric_index(),
        "reference/python.md": _python_page(),
        "reference/commands.md": _command_page(),
        "reference/config.md": config_page(),
        "reference/erase-config.md": model_page("The config of erase", ERASE, {WHOLE: EraseConfig}),
        "reference/bench-config.md": model_page(
            "The config of a bench",
            BENCH,
            {"A grid": BenchConfig, "Generators": GeneratorBenchConfig},
        ),
        "reference/record.md": model_page("The record", _RECORD, {WHOLE: Record}),
    }
    found |= {f"reference/methods/{name}.md": _method_page(m) for name, m in _methods().items()}
    found |= {f"reference/metrics/{n}.md": _function_page(n, f) for n, f in _metrics().items()}
    return found


def navigation() -> Nav:
    """The same pages as a part of the navigation."""
    methods = [{name: f"reference/methods/{name}.md"} for name in _methods()]
    measures = [{name: f"reference/metrics/{name}.md"} for name in _metrics()]
    return [
        {"Methods": [{"All methods": "reference/methods.md"}, *methods]},
        {"Metrics": [{"All metrics": "reference/metrics.md"}, *measures]},
        {"Python": "reference/python.md"},
        {"Commands": "reference/commands.md"},
        {"Config": "reference/config.md"},
        {"Config of erase": "reference/erase-config.md"},
        {"Config of a bench": "reference/bench-config.md"},
        {"Record": "reference/record.md"},
    ]


def _methods() -> dict[str, type[Method]]:
    return dict(expunge.METHODS)


def _metrics() -> dict[str, Callable[..., Any]]:
    public = {name: getattr(metrics, name) for name in dir(metrics) if not name.startswith("_")}
    return {name: value for name, value in public.items() if inspect.isfunction(value)}


def _summary(thing: Any) -> str:
    """The first sentence or line of a docstring, for tables."""
    return markdown(inspect.getdoc(thing)).strip().split("\n")[0]


def _method_index() -> str:
    rows = [
        [
            f"[`{name}`](methods/{name}.md)",
            _summary(method),
            ", ".join(sorted(method.reads)),
            f"[{method.reference.venue} {method.reference.year}]({method.reference.url})",
        ]
        for name, method in _methods().items()
    ]
    table = pipe_table(["name", "what it does", "reads", "source"], rows)
    return f"# Methods\n\nThe names are those of configs, records and commands.\n\n{table}\n"


def _method_page(method: type[Method]) -> str:
    paper = method.reference
    rows = [
        [
            f"`{field.name}`",
            f"`{type_name(field.type)}`",
            range_of(method, field.name),
            f"`{field.default!r}`",
        ]
        for field in fields(method)  # type: ignore[arg-type]  # a Method is a dataclass
        if field.init and field.default is not MISSING
    ]
    options = optional_sets(method)
    reads = ", ".join(
        split + (" (if there is one)" if split in options else "") for split in sorted(method.reads)
    )
    return "\n\n".join(
        [
            f"# {method.name}",
            f"`expunge.{method.__name__}`. Reads the sets: {reads}.",
            markdown(inspect.getdoc(method)).strip(),
            "## Defaults",
            pipe_table(["hyper-parameter", "type", "range", "default"], rows),
            "## Source",
            f"{paper.authors}. [{paper.title}]({paper.url}). {paper.venue} {paper.year}.\n",
        ]
    )


def _metric_index() -> str:
    numbers = [
        [f"`{m.name}`", m.unit, _bound(m.low), _bound(m.high), m.direction, m.reference]
        for m in metrics.METRICS.values()
    ]
    rows = [[f"[`{n}`](metrics/{n}.md)", _summary(function)] for n, function in _metrics().items()]
    return "\n\n".join(
        [
            "# Metrics",
            "Numbers of a record or a bench. *Close to retrain* means that the value of a "
            "retrained model is the aim, not a high or a low one; `distance` measures how far "
            "away a value is.",
            pipe_table(["name", "unit", "least", "most", "good is", "source"], numbers),
            "They are computed by pure functions of per-sample scores:",
            pipe_table(["function", "what it does"], rows) + "\n",
        ]
    )


def _bound(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else ""


def _function_page(name: str, function: Callable[..., Any]) -> str:
    return f"# {name}\n\n{signature_of(name, function)}\n\n{markdown(inspect.getdoc(function))}"


def public_names() -> dict[str, Callable[..., Any]]:
    """What ``import expunge`` offers that can be called, sorted by name."""
    names = sorted((name for name in dir(expunge) if not name.startswith("_")), key=str.lower)
    things = {name: getattr(expunge, name) for name in names}
    return {
        name: thing
        for name, thing in things.items()
        if callable(thing) and str(getattr(thing, "__module__", "expunge")).startswith("expunge")
    }


def _python_page() -> str:
    parts = ["# Python", "Everything that `import expunge` offers."]
    for name, thing in public_names().items():
        if (found := getattr(thing, "name", None)) in _methods():
            parts += [f"## {name}", f"See [{found}](methods/{found}.md)."]
            continue
        parts += [f"## {name}", signature_of(name, thing), markdown(inspect.getdoc(thing)).strip()]
    return "\n\n".join(parts) + "\n"


def _command_page() -> str:
    parts = [
        "# Commands",
        "Exit code 0: done. 1: the run failed its guard. 2: bad input; nothing was written.",
        f"```text\n{_help()}\n```",
    ]
    for command in app.registered_commands:
        name = command.name or str(getattr(command.callback, "__name__", ""))
        parts += [f"## {name}", f"```text\n{_help(name)}\n```"]
    return "\n\n".join(parts) + "\n"


def _help(*command: str) -> str:
    """What ``--help`` prints, without colours."""
    plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": str(LINE), "TERMINAL_WIDTH": str(LINE)}
    words = [*command, "--help"]
    printed = CliRunner().invoke(app, words, env=plain, prog_name="expunge").output
    return "\n".join(line.rstrip() for line in printed.strip().splitlines())


_RECORD = (
    "Every run writes `record.json`, and reports and tables read nothing else. A value "
    "that is not known is null."
)

"""The generated reference covers what the code offers."""

from dataclasses import fields
from typing import Any

import docstrings
import expunge
import reference
from expunge.bench.generator_grid import GeneratorBenchConfig
from expunge.bench.grid import BenchConfig
from expunge.config import EraseConfig, json_schema
from expunge.config.generator import GeneratorConfig
from expunge.metrics import METRICS


def test_every_method_has_a_page_with_all_its_settings_and_its_source() -> None:
    pages = reference.pages()
    for name, method in expunge.METHODS.items():
        page = pages[f"reference/methods/{name}.md"]
        assert method.reference.url in page
        for field in fields(method):
            assert f"| `{field.name}` |" in page
        assert f"(methods/{name}.md)" in pages["reference/methods.md"]


def test_every_metric_is_described() -> None:
    pages = reference.pages()
    for name, metric in METRICS.items():
        assert f"| `{name}` | {metric.unit} |" in pages["reference/metrics.md"]
    assert "reference/metrics/membership_svc.md" in pages


def test_every_public_name_command_and_key_is_described() -> None:
    pages = reference.pages()
    for name in ("unlearn", "evaluate", "report", "train", "UnlearningData", "Scissorhands"):
        assert name in reference.public_names()
    for name in reference.public_names():
        assert f"\n## {name}\n" in pages["reference/python.md"]
    for command in ("demo", "unlearn", "evaluate", "explain", "report", "check", "methods", "cite"):
        assert f"\n## {command}\n" in pages["reference/commands.md"]
    for key in ("data", "model", "method", "training", "reference"):
        assert f"| `{key}` |" in pages["reference/config.md"]
    for key in expunge.Record.model_fields:
        assert f"| `{key.rstrip('_')}` |" in pages["reference/record.md"]


def _undescribed(schema: dict[str, Any], where: str) -> list[str]:
    found = [
        f"{where}.{key}"
        for key, value in schema.get("properties", {}).items()
        if not value.get("description")
    ]
    inside = {f"{where}.{key}": one for key, one in schema.get("properties", {}).items()}
    inside |= {f"{where}/{one.get('title')}": one for one in schema.get("oneOf", [])}
    inside |= schema.get("$defs", {})
    return found + [key for name, one in inside.items() for key in _undescribed(one, name)]


def test_no_key_of_a_config_lacks_a_description() -> None:
    assert _undescribed(json_schema(), "config") == []
    for model in (EraseConfig, GeneratorConfig, BenchConfig, GeneratorBenchConfig):
        assert _undescribed(model.model_json_schema(), model.__name__) == []


def test_the_types_of_keys_have_their_ranges() -> None:
    page = reference.pages()["reference/config.md"]
    assert "| `retrain` | whole number ≥ 0, ≤ 2 | `0` | How many models" in page
    assert "| `validation` | number ≥ 0, < 1 | `0.1` |" in page
    assert '\n## `data.forget`, kind = "ids"\n' in page


def test_signatures_show_every_parameter_and_no_addresses() -> None:
    page = reference.pages()["reference/python.md"]
    assert "    precision: str = 'fp32',\n" in page
    assert "    task: Task,\n" in page
    assert " at 0x" not in page
    assert "Usage: expunge unlearn" in reference.pages()["reference/commands.md"]


def test_the_navigation_holds_every_page() -> None:
    def leaves(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        values = entry.values() if isinstance(entry, dict) else entry
        return [leaf for value in values for leaf in leaves(value)]

    assert sorted(leaves(reference.navigation())) == sorted(reference.pages())


def test_docstrings_become_markdown() -> None:
    text = docstrings.markdown(
        """Do :math:`x` with ``y``.

        .. math:: a \\leq b

        Args:
            one: The first,
                over two lines.
            two, three: The others.

        Returns:
            Prose, with one thing: a colon,
            over two lines.

        Raises:
            InputError: If not.

        Then more.
        """
    )
    assert "Do `x` with `y`." in text
    assert "\n    a \\leq b\n" in text
    assert "**Args**\n\n- `one`: The first, over two lines.\n- `two, three`: The others.\n" in text
    assert "**Returns**\n\nProse, with one thing: a colon,\nover two lines." in text
    assert "**Raises**\n\n- `InputError`: If not.\n\nThen more." in text

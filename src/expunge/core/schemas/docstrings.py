"""What the docstring of a class says about its fields, for schemas and references."""

import inspect
import re
from typing import Any


def described_fields(cls: type) -> dict[str, str]:
    """Texts by the name of a field, from the ``Args`` of the class and of those it extends.

    Names that share a text stand before one colon, with commas between them.
    """
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        found |= _entries(inspect.cleandoc(one.__dict__.get("__doc__") or ""))
    return found


def without_fields(docstring: str) -> str:
    """A docstring up to its ``Args``."""
    text = re.split(r"^Args:$", inspect.cleandoc(docstring), flags=re.MULTILINE)[0]
    return text.replace("``", "`").strip()


def describe_schema(schema: dict[str, Any], cls: type) -> None:
    """Put the texts into a JSON schema of the class; a text that is there stays."""
    texts = described_fields(cls)
    for name, value in schema.get("properties", {}).items():
        if name in texts:
            value.setdefault("description", texts[name])
    if "description" in schema:
        schema["description"] = without_fields(schema["description"])


def _entries(docstring: str) -> dict[str, str]:
    block = re.search(r"^Args:\n((?:    .*\n?|\n)+)", docstring, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", inspect.cleandoc("\n" + block[1])) if block else []:
        names, colon, text = " ".join(entry.split()).replace("``", "`").partition(": ")
        if colon and re.fullmatch(r"[\w, ]+", names):
            found |= dict.fromkeys(names.split(", "), text)
    return found

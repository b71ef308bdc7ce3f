"""Turns pydantic's findings into sentences that say what to write instead."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..core.checks import did_you_mean

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "none_required": "nothing",
    "finite_number": "a finite number",
}


def translate(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line per problem: ``key.path: what was expected, what was found``."""
    lines: dict[str, str] = {}
    for item in error.errors():
        place = _place(item["loc"])
        if item["type"] == "extra_forbidden":
            line = _unknown(item["loc"], model)
        elif item["type"] == "missing":
            line = "is missing; add it"
        else:
            line = describe(item)
        # Each branch of a union reports; one line per key is enough.
        joined = f"{lines[place]}, or {line}" if place in lines else line
        lines[place] = lines[place] if lines.get(place, "").endswith(line) else joined
    return [f"{place}: {line}" for place, line in lines.items()]


def describe(item: Mapping[str, Any]) -> str:
    """What was expected and found, from one entry of ``ValidationError.errors()``."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in ("union_tag_not_found", "union_tag_invalid", "literal_error"):
        return _choice(kind, value, context)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {show(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("too_short", "string_too_short"):
        return f"expected at least {context['min_length']} of them, got {show(value)}"
    message = str(item["msg"]).removeprefix("Input should be ")
    return f"expected {message}, got {show(value)}"


def _choice(kind: str, value: object, context: Mapping[str, Any]) -> str:
    if kind == "union_tag_not_found":
        return f"expected a key kind with one of {_tags(context)}" + _found_table(value)
    if kind == "union_tag_invalid":
        return f"expected kind to be one of {_tags(context)}; got {show(context['tag'])}" + (
            did_you_mean(context["tag"], ["random", "classes", "groups", "ids"])
        )
    known = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
    found = f"got {show(value)}{did_you_mean(str(value), known)}"
    return f"expected one of {', '.join(known)}; {found}"


def show(value: object) -> str:
    """A value as it stands in a TOML file, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _place(loc: tuple[int | str, ...]) -> str:
    """Key path; the names of union branches, which no file holds, are left out."""
    if loc[:2] == ("data", "forget") and len(loc) > 2:
        loc = loc[:2] + loc[3:]
    parts = [str(part) for part in loc if str(part) not in ("int", "str")]
    return ".".join(parts) or "config"


def _unknown(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = _keys(loc[:-1], model)
    return f"unknown key{did_you_mean(str(loc[-1]), known)}; known are {', '.join(known)}"


def _keys(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """Keys of the section at ``loc``, found through the annotations."""
    current: Any = model
    for part in loc:
        current = current.model_fields[part].annotation
        if not isinstance(current, type):  # a tagged union: the last part is the tag
            branches = get_args(current)
            tags = [get_args(one.model_fields["kind"].annotation)[0] for one in branches]
            current = branches[tags.index(loc[-1])]
            break
    return list(current.model_fields)


def _tags(context: Mapping[str, Any]) -> str:
    return str(context.get("expected_tags", "random, classes, groups, ids")).replace("'", "")


def _found_table(value: object) -> str:
    return f', got {show(value)}; e.g. {{ kind = "random", fraction = 0.1 }}'

"""Turns pydantic's findings into sentences that say what to write instead."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..checks import did_you_mean

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


def translate(error: ValidationError, model: type[BaseModel], root: str = "config") -> list[str]:
    """One line per problem: ``key.path: what was expected, what was found``.

    ``root`` stands for the path of a problem that concerns no single key.
    """
    lines: dict[str, str] = {}
    for item in error.errors():
        key = _path(item["loc"], model) or root
        if item["type"] == "extra_forbidden":
            line = _unknown(item["loc"], model)
        elif item["type"] == "missing":
            line = "is missing; add it"
        else:
            line = describe(item, _tags(item["loc"], model))
        # Each branch of a union reports; one line per key is enough.
        joined = f"{lines[key]}, or {line}" if key in lines else line
        lines[key] = lines[key] if lines.get(key, "").endswith(line) else joined
    return [f"{key}: {line}" for key, line in lines.items()]


def describe(item: Mapping[str, Any], kinds: Sequence[str] = ()) -> str:
    """What was expected and found, from one entry of ``ValidationError.errors()``.

    ``kinds`` are the tags of the tagged union that the entry is about, if it is about one.
    """
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in ("union_tag_not_found", "union_tag_invalid", "literal_error"):
        return _choice(kind, value, context, kinds)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {show(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("too_short", "string_too_short"):
        return f"expected at least {context['min_length']} of them, got {show(value)}"
    message = str(item["msg"]).removeprefix("Input should be ")
    return f"expected {message}, got {show(value)}"


def _choice(kind: str, value: object, context: Mapping[str, Any], kinds: Sequence[str]) -> str:
    if kind == "union_tag_not_found":
        return (
            f"expected a key kind with one of {', '.join(kinds)}, got {show(value)}; "
            'e.g. { kind = "random", fraction = 0.1 }'
        )
    if kind == "union_tag_invalid":
        return f"expected kind to be one of {', '.join(kinds)}; got {show(context['tag'])}" + (
            did_you_mean(context["tag"], kinds)
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


def _path(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Key path; the names of union branches, which no file holds, are left out."""
    parts: list[str] = []
    for index, part in enumerate(loc):
        is_tag = index > 0 and str(part) in _tags(loc[:index], model)
        if not is_tag and str(part) not in ("int", "str"):
            parts.append(str(part))
    return ".".join(parts)


def _unknown(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = _keys(loc[:-1], model)
    return f"unknown key{did_you_mean(str(loc[-1]), known)}; known are {', '.join(known)}"


def _keys(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """Keys of the section at ``loc``, found through the annotations."""
    current: Any = model
    for part in loc:
        if isinstance(current, dict):  # a tagged union: the path goes on with the tag
            current = current[part]
            continue
        current = current.model_fields[part].annotation
        current = current if isinstance(current, type) else _branches(current)
    return list(current.model_fields)


def _tags(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """Tags of the tagged union at ``loc``; none if there is something else."""
    current: Any = model
    for part in loc:
        fields = getattr(current, "model_fields", {})
        current = fields[part].annotation if part in fields else None
    found = None if current is None or isinstance(current, type) else _branches(current)
    return list(found) if isinstance(found, dict) else []


def _branches(annotation: Any) -> Any:
    """Sections of a tagged union by tag; of an optional section the section itself."""
    sections = [one for one in get_args(annotation) if hasattr(one, "model_fields")]
    if any("kind" not in one.model_fields for one in sections):
        return sections[0]
    return {get_args(one.model_fields["kind"].annotation)[0]: one for one in sections}

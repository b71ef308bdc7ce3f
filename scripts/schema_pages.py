"""Reference pages made from schemas: a table per table of the file, with the range of each key."""

import json
from typing import Any

from pydantic import BaseModel

from docstrings import markdown, pipe_table
from expunge.config import json_schema

CONFIG = (
    "A config is a TOML file; unknown keys are refused, and `expunge check` names every problem. "
    "The same as a JSON schema: [expunge.schema.json](../expunge.schema.json). Editors complete "
    "and check with it, in VS Code by the extension Even Better TOML, in others by taplo, if the "
    "file begins with this line:\n\n"
    "```text\n#:schema ./docs/expunge.schema.json\n```\n\n"
    "The path starts from the config. The keys of `[method]` depend on its `name`: see "
    "[the methods](methods.md)."
)
ERASE = "What `expunge erase --config FILE` reads; see [Diffusion models](../diffusion.md)."
BENCH = (
    "What `expunge bench FILE` reads; see [Comparing methods](../bench.md). A file with a `scene` "
    "is a bench of generators."
)
WHOLE = "The whole file"
_KINDS = {
    "integer": "whole number", "object": "table", "string": "text", "boolean": "true or false",
}  # fmt: skip
_BOUNDS = {
    "minimum": "\u2265", "exclusiveMinimum": ">", "maximum": "\u2264", "exclusiveMaximum": "<",
}  # fmt: skip
Schema = dict[str, Any]


def config_page() -> str:
    """The keys of a run's config, ``[method]`` aside, which has a page per method."""
    schema = json_schema()
    found = _placed(schema, WHOLE)
    found["`training`"] = schema["properties"]["training"]
    return _page("The config file", CONFIG, found)


def model_page(title: str, text: str, models: dict[str, type[BaseModel]]) -> str:
    """A page of the keys of some models, by heading, and of the tables in them."""
    found: dict[str, Schema] = {}
    for heading, model in models.items():
        for name, table in _placed(model.model_json_schema(), heading).items():
            found[name if name not in found else f"{name}, {heading.lower()}"] = table
    return _page(title, text, found)


def _page(title: str, text: str, tables: dict[str, Schema]) -> str:
    parts = [f"# {title}", text]
    for heading, schema in tables.items():
        parts += [f"## {heading}", markdown(schema.get("description")).strip(), _keys(schema)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _placed(schema: Schema, heading: str) -> dict[str, Schema]:
    """The tables of a schema by where they stand in the file, from the outside in."""
    definitions = schema.get("$defs", {})
    found = {heading: schema}
    waiting: list[tuple[tuple[str, ...], Schema]] = [((), schema)]
    while waiting:
        path, table = waiting.pop(0)
        for key, value in table.get("properties", {}).items():
            names = _references(value)
            for name in names:
                part = definitions[name]
                place = ".".join((*path, key))
                kind = part["properties"].get("kind", {}).get("const")
                several = len(names) > 1 and kind is not None
                title = f'`{place}`, kind = "{kind}"' if several else f"`{place}`"
                if title not in found:
                    found[title] = part
                    waiting.append(((*path, key), part))
    return found


def _references(value: Any) -> list[str]:
    """The names of all definitions that a key may hold, in order."""
    if isinstance(value, list):
        return [name for one in value for name in _references(one)]
    if not isinstance(value, dict):
        return []
    own = [str(value["$ref"]).rsplit("/", 1)[-1]] if "$ref" in value else []
    inside = ("anyOf", "oneOf", "items", "additionalProperties")
    return own + [name for key in inside for name in _references(value.get(key))]


def _keys(schema: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        [f"`{key}`", type_of(value), _default(key, value, required), _meaning(value)]
        for key, value in schema["properties"].items()
    ]
    head = ["key", "type", "default", "meaning"]
    if not any(row[3] for row in rows):
        head, rows = head[:3], [row[:3] for row in rows]
    return pipe_table(head, rows)


def _meaning(value: Schema) -> str:
    return markdown(value.get("description")).strip()


def _default(key: str, value: Schema, required: list[str]) -> str:
    if key in required:
        return "required"
    default = value.get("default")
    return "" if default is None or isinstance(default, dict) else f"`{json.dumps(default)}`"


def type_of(value: Schema) -> str:
    """A short name for the type of a schema's property, with its range."""
    for key in ("anyOf", "oneOf"):
        if key in value:
            kinds = [part for part in value[key] if part.get("type") != "null"]
            return " or ".join(dict.fromkeys(map(type_of, kinds)))
    if "$ref" in value:
        return "table"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(item)}`" for item in value["enum"])
    kind = value.get("type", "any")
    if kind == "array":
        return f"list of {type_of(value['items'])}" if "items" in value else "list"
    names = kind if isinstance(kind, list) else [kind]
    name = " or ".join(_KINDS.get(str(one), str(one)) for one in names)
    bounds = [f"{sign} {value[key]:g}" for key, sign in _BOUNDS.items() if key in value]
    return f"{name} {', '.join(bounds)}".strip()

"""Docstrings and signatures as Markdown."""

import inspect
import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

LINE = 88


def markdown(docstring: str | None) -> str:
    """A Google-style docstring as Markdown; roles of Sphinx become code."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r"^\.\. math::[ \n]*(.+)$", r"    \1\n", text, flags=re.MULTILINE)
    text = re.sub(r":(?:math|class|func|meth):`([^`]+)`", r"`\1`", text)
    text = text.replace("``", "`")
    parts = re.split(r"^(Args|Returns|Raises|Yields|Attributes):$", text, flags=re.MULTILINE)
    lines = [parts[0].strip()]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        block, rest = _section(body)
        entries = block if title in {"Returns", "Yields"} else _entries(block)
        lines += [f"**{title}**", entries, rest]
    return "\n\n".join(line for line in lines if line) + "\n"


def _section(body: str) -> tuple[str, str]:
    """The indented block of a docstring section, and the text after it."""
    indented: list[str] = []
    after: list[str] = []
    for line in body.strip("\n").splitlines():
        (after if after or (line and not line.startswith(" ")) else indented).append(line)
    return inspect.cleandoc("\n" + "\n".join(indented)), "\n".join(after).strip()


def _entries(block: str) -> str:
    """``name: meaning`` entries, each perhaps over several lines, as a list."""
    listed = []
    for entry in re.split(r"\n(?=\S)", block):
        name, colon, meaning = " ".join(entry.split()).partition(": ")
        is_entry = bool(colon) and re.fullmatch(r"[\w, *.]+", name)
        listed.append(f"- `{name}`: {meaning}" if is_entry else f"- {name}{colon}{meaning}")
    return "\n".join(listed)


def signature_of(name: str, thing: Callable[..., Any]) -> str:
    """How to call it, one parameter per line where it is long."""
    try:
        signature = inspect.signature(thing)
    except ValueError:  # built-in classes have none
        return f"```text\n{name}(…)\n```"
    parts: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(_parameter(parameter))
    result = "" if inspect.isclass(thing) else f" -> {type_name(signature.return_annotation)}"
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) > LINE:
        inside = "".join(f"    {part},\n" for part in parts)
        line = f"{name}(\n{inside}){result}"
    return f"```text\n{line}\n```"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "*" * (parameter.kind is parameter.VAR_POSITIONAL)
    stars += "**" * (parameter.kind is parameter.VAR_KEYWORD)
    text = stars + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {type_name(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    default = type_name(repr(parameter.default))
    return f"{text} = {'…' if default.startswith('<') else default}"


def type_name(annotation: Any) -> str:
    """An annotation without the modules that classes live in, and without ranges."""
    if annotation is NoneType:
        return "None"
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(type_name(member) for member in get_args(annotation))
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(?=[A-Z])", "", text)


def pipe_table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

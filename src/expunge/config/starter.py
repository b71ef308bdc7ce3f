"""Configs from what somebody has at hand: a model, its weights, data, and a list."""

import json
from pathlib import Path
from typing import Any

from ..core.errors import InputError

_TEXT = """\
# What to forget, from which model. Try: expunge check {name}
seed = 0

[data]
source = {source}
{path}forget = {{ {request} }}
# copies = "forget"        # byte-equal copies of what is forgotten: refuse, forget or keep
# image_size = 224         # side that images are brought to
# mean = [0.485, 0.456, 0.406]   # as the model was trained with; measured if not given
# std = [0.229, 0.224, 0.225]

[model]
name = {model}
{weights}# arguments = {{ width = 64 }}   # of the function that builds it

[method]
name = "scissorhands"      # expunge methods lists the others

{training}

[reference]
retrain = {retrain}                # models that are retrained without the forget set, to compare
"""
_NO_TRAINING = """\
# [training]               # how such a model is trained; references need it
# recipe = "speedrun\""""
_PARQUET = ("*.parquet", "data/*.parquet")


def starter_table(
    *,
    data: str,
    forget: str,
    model: str,
    weights: str | None = None,
    users: str | None = None,
    known: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The tables of a config, as ``parse_config`` takes them.

    Args:
        data: A folder of images or of Parquet files, the name of a source, ``hf:…``, or
            ``package.module:factory``.
        forget: A file that lists what to forget.
        model: A name of a net, or ``package.module:factory``.
        weights: File of its trained weights; without it the original is trained by a recipe.
        users: Column of the data that tells persons; ``forget`` then lists persons.
        known: Names of sources.

    Raises:
        InputError: If the data are none of these, or the list is no file.
    """
    if not Path(forget).expanduser().is_file():
        raise InputError(
            f"expected --forget to be a file that lists what to forget, got {forget!r}"
        )
    kind: dict[str, Any] = {"kind": "ids", "file": forget}
    if users is not None:
        kind = {"kind": "groups", "column": users, "file": forget}
    table: dict[str, Any] = {
        "data": {**_source(data, known), "forget": kind},
        "model": {"name": model},
        "reference": {"retrain": 0},
    }
    if weights is None:
        return table | {"training": {"recipe": "speedrun"}, "reference": {"retrain": 1}}
    table["model"]["weights"] = weights
    return table


def _source(data: str, known: tuple[str, ...]) -> dict[str, Any]:
    path = Path(data).expanduser()
    if path.is_dir():
        if any(True for pattern in _PARQUET for _ in path.glob(pattern)):
            return {"source": f"hf:{path if path.is_absolute() else f'./{path}'}"}
        return {"source": "imagefolder", "path": data}
    if data in known or ":" in data:
        return {"source": data}
    raise InputError(
        f"expected --data to be a folder, one of {', '.join(known)}, hf:user/name or "
        f"package.module:factory, got {data!r}"
    )


def starter_text(table: dict[str, Any], name: str) -> str:
    """A commented config with these tables, ready to be edited; ``name`` is that of its file."""
    data, model, training = table["data"], table["model"], table.get("training")
    request = ", ".join(f"{key} = {_quoted(value)}" for key, value in data["forget"].items())
    recipe = _quoted((training or {"recipe": "speedrun"})["recipe"])
    return _TEXT.format(
        name=name,
        source=_quoted(data["source"]),
        path=f"path = {_quoted(data['path'])}\n" if "path" in data else "",
        request=request,
        model=_quoted(model["name"]),
        weights=f"weights = {_quoted(model['weights'])}\n" if "weights" in model else "",
        training=f"[training]\nrecipe = {recipe}" if training else _NO_TRAINING,
        retrain=table["reference"]["retrain"],
    )


def _quoted(value: Any) -> str:
    # Basic strings of TOML are written alike, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

"""Text-to-image pipelines from disk: their code is not run, and nothing downloaded unasked."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from ...core.checks import require
from ...core.errors import ModelError

_INDEX = "model_index.json"
_OWN = ("PixelPipeline", "ClassPipeline")
_NO_PARTS = ("safety_checker", "names")  # not needed; a list of classes


def load_pipeline(
    place: str | Path, *, base: str | Path | None = None, download: bool = False
) -> Any:
    """A pipeline of diffusers in float32, from a folder, a single file, or a name on the hub.

    Weights are read from safetensors alone. A safety checker is left out: it would paint
    over what is to be looked at.

    Args:
        place: A folder with ``model_index.json``, a ``.safetensors`` file in the layout of
            Stable Diffusion's first checkpoints, or a name such as
            ``CompVis/stable-diffusion-v1-4``.
        base: For a single file: the folder of diffusers that it is built like.
        download: Whether a name may be downloaded; else it is looked for in the cache of
            the hub.

    Raises:
        ModelError: If diffusers or a part of the pipeline is missing, or the place holds no
            pipeline.
    """
    diffusers = require("diffusers", "diffusion", "text-to-image", ModelError)
    path = Path(place).expanduser()
    if path.suffix in {".ckpt", ".pt", ".bin"}:
        raise ModelError(f"{path} may hold code, which is never run; convert it to .safetensors")
    try:
        if path.suffix == ".safetensors":
            return _single_file(diffusers, path, base)
        if path.is_file():
            raise ModelError(
                f"{path} is no pipeline: name the folder of diffusers that holds {_INDEX}, or a "
                ".safetensors file with base"
            )
        if path.is_dir():
            return _folder(diffusers, path)
        return diffusers.DiffusionPipeline.from_pretrained(
            str(place), local_files_only=not download, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        hint = (
            ""
            if path.exists() or download
            else (
                f"; there is no folder {path}, and nothing is downloaded unasked: name the folder "
                "of the pipeline, or set EXPUNGE_DOWNLOAD=1 to get it from the Hugging Face hub"
            )
        )
        raise ModelError(f"cannot load the pipeline {place}: {_first_line(error)}{hint}") from error


def _folder(diffusers: Any, path: Path) -> Any:
    index_file = path / _INDEX
    if not index_file.is_file():
        raise ModelError(
            f"expected {_INDEX} in {path}, found none; name the folder of the whole pipeline, "
            "not of one of its parts"
        )
    index: dict[str, Any] = json.loads(index_file.read_text(encoding="utf-8"))
    if not isinstance(index, dict):
        raise ModelError(f"{index_file} does not list the parts of a pipeline; copy it again")
    for part, told in index.items():
        wanted = isinstance(told, list) and None not in told and part not in _NO_PARTS
        if wanted and not (path / part).is_dir():
            raise ModelError(
                f"the pipeline in {path} lacks its {part}: put the folder {part}/ there"
            )
    if (name := index.get("_class_name")) in _OWN:
        return getattr(
            import_module("expunge.tasks.diffusion.pixel_pipelines"), name
        ).from_pretrained(path)
    return diffusers.DiffusionPipeline.from_pretrained(
        path, local_files_only=True, use_safetensors=True, **_left_out(diffusers, index)
    )


def _single_file(diffusers: Any, path: Path, base: str | Path | None) -> Any:
    if not path.is_file():
        raise ModelError(f"there is no file {path}; check the name")
    if base is None:
        raise ModelError(
            f"{path} holds weights alone: name a folder of diffusers of the same kind as base, "
            "so that nothing has to be downloaded"
        )
    index = json.loads((Path(base).expanduser() / _INDEX).read_text(encoding="utf-8"))
    kind = getattr(diffusers, index["_class_name"])
    return kind.from_single_file(
        str(path), config=str(base), local_files_only=True, **_left_out(diffusers, index)
    )


def _left_out(diffusers: Any, index: dict[str, Any]) -> dict[str, None]:
    """Parts that are not loaded: the safety checker, and text encoders that were not saved.

    SD3 runs without its third text encoder, but has to be told that there is none.
    """
    kind = getattr(diffusers, str(index.get("_class_name")), None)
    takes = set() if kind is None else set(inspect.signature(kind.__init__).parameters)
    optional = takes & {"text_encoder_3", "tokenizer_3"}
    absent = {name for name in optional if index.get(name, [None])[0] is None}
    return dict.fromkeys(absent | ({"safety_checker"} & set(index)))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__

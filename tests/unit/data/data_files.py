"""Writes tiny data sets to disk."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """An image file in memory; pixels (H, W) or (H, W, 3), uint8."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, lossless=True) if kind == "WEBP" else (
        Image.fromarray(pixels).save(buffer, kind)
    )
    return buffer.getvalue()


def random_pixels(count: int, shape: tuple[int, ...] = (6, 6, 3), seed: int = 0) -> np.ndarray:
    """uint8 images (count, *shape)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_table(
    file: Path,
    images: Sequence[Any],
    labels: Sequence[Any],
    *,
    image: str = "img",
    label: str = "label",
    names: Sequence[str] | None = None,
    **columns: Sequence[Any],
) -> Path:
    """A Parquet file as Hugging Face writes them; images are arrays, or cells as they are."""
    cells = [
        {"bytes": encoded(one), "path": None} if isinstance(one, np.ndarray) else one
        for one in images
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({image: pa.array(cells, kind), label: list(labels), **columns})
    if names is not None:
        features = {"info": {"features": {label: {"names": list(names), "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


def write_folder(root: Path, files: dict[str, np.ndarray]) -> Path:
    """Images as PNG files under ``root``, by relative path."""
    for name, pixels in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / name)
    return root

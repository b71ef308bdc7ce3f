"""Classes beside weights that PyTorch may build when it reads a file: they only hold values."""

import argparse
import codecs
import pathlib
from typing import Any

import numpy as np


def harmless() -> list[Any]:
    """What checkpoints of training scripts hold: NumPy values, parsed arguments, paths.

    None of these runs anything that the file brings: each stores what it is given. NumPy 2
    moved its modules, so files of older versions name them otherwise.
    """
    scalar, array = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    found: list[Any] = [np.ndarray, np.dtype, argparse.Namespace, codecs.encode]
    for old in ("numpy.core.multiarray", "numpy._core.multiarray"):
        found += [(scalar, f"{old}.scalar")]
        found += [(array, f"{old}._reconstruct")]
    found += [(codecs.encode, "_codecs.encode")]
    found += [getattr(np.dtypes, name) for name in np.dtypes.__all__ if name != "ObjectDType"]
    # Paths of another system cannot be built on this one.
    own = type(pathlib.Path())
    found += [(own, f"pathlib.{name}") for name in ("Path", "PosixPath", "WindowsPath")]
    return [*found, (own, "pathlib._local.PosixPath")]

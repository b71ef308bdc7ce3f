"""Keeps a run from disturbing the randomness of the program that called it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def isolated_randomness() -> Iterator[None]:
    """Put back the global generators of torch (all devices), numpy and Python."""
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002  the one that users' code shares
    try:
        # Named, since fork_rng warns where it is left to choose among many.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  transforms of users still read it

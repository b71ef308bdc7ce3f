"""Memory that runs out is told from defects, however it shows itself."""

import pytest
import torch

from expunge.core import InputError
from expunge.core.memory import is_out_of_memory, memory_advice


def caused() -> Exception:
    try:
        try:
            raise ImportError("x.so: failed to map segment from shared object")
        except ImportError as error:
            raise ImportError("it seems that the package was not built") from error
    except ImportError as error:
        return error


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (caused(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ImportError("no module named x"), False),
        (ValueError("out of memory"), False),  # somebody's words, not an allocator's
    ],
)
def test_what_means_that_memory_ran_out(error: Exception, full: bool) -> None:
    assert is_out_of_memory(error) is full
    with pytest.raises(InputError if full else type(error)), memory_advice("x", "do less"):
        raise error

"""Peak memory of a stretch of work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from .errors import ResourceError

# What the allocators of torch say, besides the class that CUDA's has;
# and oneDNN, and the loader of libraries that are imported in mid-run.
_FULL = (
    "not enough memory", "can't allocate memory", "cannot allocate memory", "out of memory",
    "could not create a primitive", "could not create a memory", "failed to map segment",
)  # fmt: skip
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, as far as it or what caused it says so."""
    while True:
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        kinds = RuntimeError | ImportError | OSError
        if isinstance(error, kinds) and any(text in str(error).lower() for text in _FULL):
            return True
        if (cause := error.__cause__ or error.__context__) is None:
            return False
        error = cause


@contextmanager
def memory_advice(doing: str, knobs: str) -> Iterator[None]:
    """Inside, running out of memory becomes a message that names what to turn.

    Args:
        doing: What needed the memory, for the message: a method, or "drawing images".
        knobs: What to change, as the caller knows it.

    Raises:
        ResourceError: Instead of the allocator's error.
    """
    try:
        yield
    except (RuntimeError, MemoryError, ImportError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(f"memory ran out in {doing}; {knobs}") from error


class PeakMemory:
    """Measures the peak inside a ``with`` block, in bytes.

    On CUDA it is the allocator's peak; on Linux the peak resident size of the process,
    whose high-water mark is reset on entry; elsewhere ``peak`` stays None.
    """

    def __init__(self, device: torch.device) -> None:
        self.peak: int | None = None
        self._device = device

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        elif _CLEAR.exists():
            try:
                _CLEAR.write_text("5")  # proc(5): resets VmHWM
            except OSError:
                return self  # not permitted in some containers: an upper bound remains
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._device.type == "cuda":
            self.peak = torch.cuda.max_memory_allocated(self._device)
        elif _STATUS.exists():
            self.peak = _high_water_mark()


def _high_water_mark() -> int | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None

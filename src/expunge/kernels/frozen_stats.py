"""Passes in train mode that leave the running statistics alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Normalise by batch statistics without moving running ones.

    Inside, a BatchNorm layer (of any dimension, synchronised, or derived, as in timm)
    that is in train mode computes what it always computes, while ``running_mean``,
    ``running_var`` and ``num_batches_tracked`` keep their bits. Layers in eval mode behave
    as ever. The buffers of other layers with a ``running_mean`` (InstanceNorm, norms of
    one's own) are replaced by copies meanwhile. Contexts can be nested, and exceptions
    pass through; a backward pass may follow outside.
    """
    tracking: list[tuple[_BatchNorm, bool]] = []
    originals: list[tuple[nn.Module, str, Tensor]] = []
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            tracking.append((module, module.track_running_stats))
        elif isinstance(getattr(module, "running_mean", None), Tensor):
            for name, buffer in module.named_buffers(recurse=False):
                originals.append((module, name, buffer))
    try:
        for norm, _ in tracking:
            # In train mode this alone withholds the buffers; in eval mode it is not read.
            norm.track_running_stats = False
        for module, name, buffer in originals:
            setattr(module, name, buffer.clone())
        yield
    finally:
        for norm, flag in tracking:
            norm.track_running_stats = flag
        for module, name, buffer in originals:
            setattr(module, name, buffer)

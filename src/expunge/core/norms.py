"""Norms that take statistics over a batch, where a batch is too small or they are frozen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

FEW = 8
"""Samples below which statistics of a batch say more about these samples than about the data."""


@contextmanager
def steady_norms(model: nn.Module) -> Iterator[None]:
    """Keep BatchNorm from the statistics of a handful of samples, and frozen modules as they are.

    Inside, a BatchNorm layer in train mode normalises batches of fewer than eight samples by
    its running statistics, which stay as they are: so that one record, whose batch would have
    no spread, can be forgotten. A module whose own parameters are all frozen stays in
    evaluation mode, since its buffers belong to weights that do not change. Copies that are
    made inside behave alike. Costs a comparison per layer and pass.
    """
    frozen = [module for module in model.modules() if _is_frozen(module)]
    for module in frozen:
        module.eval()
        module.train = _stay.__get__(module)  # type: ignore[method-assign]
    handles = [
        handle
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
        for handle in (
            module.register_forward_pre_hook(_before),
            module.register_forward_hook(_after, always_call=True),
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in frozen:
            module.__dict__.pop("train", None)


def without_hooks(model: nn.Module) -> nn.Module:
    """Take what ``steady_norms`` left in a copy that was made inside it; returns the model."""
    for module in model.modules():
        for hooks in (module._forward_pre_hooks, module._forward_hooks):
            for key in [key for key, hook in hooks.items() if hook in (_before, _after)]:
                del hooks[key]
                module._forward_hooks_always_called.pop(key, None)
        module.__dict__.pop("train", None)
        module.__dict__.pop("_was_training", None)
    return model


def _is_frozen(module: nn.Module) -> bool:
    own = list(module.parameters(recurse=False))
    return bool(own) and not any(parameter.requires_grad for parameter in own)


def _stay(self: nn.Module, mode: bool = True) -> nn.Module:
    del mode
    return self


def _before(module: _BatchNorm, inputs: Any) -> None:
    # By __dict__, since Module's own assignment looks for parameters first.
    module.__dict__["_was_training"] = module.training
    if len(inputs[0]) < FEW:
        module.__dict__["training"] = False


def _after(module: _BatchNorm, _inputs: Any, _output: Any) -> None:
    module.__dict__["training"] = module.__dict__["_was_training"]

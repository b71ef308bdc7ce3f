"""Optimiser steps that move only chosen weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from ..core.errors import InputError


class MaskedStep:
    """Puts every weight that is not selected back to the bits it had at the start.

    Masking the gradient is not enough: momentum, weight decay and the normalisation of
    Adam move weights whose gradient is zero. So the values are kept, and put back after
    each step. Memory: one copy of the parameters that are not selected whole.

    Args:
        parameters: The weights that the optimiser moves, by name.
        masks: True where a weight may move, same shape; a parameter without a mask stays
            as it is.

    Raises:
        InputError: If a mask has another shape than its parameter, or none of that name.
    """

    def __init__(self, parameters: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
        check_masks(parameters, masks)
        self._partial: list[tuple[Tensor, Tensor, Tensor]] = []
        self._still: list[tuple[Tensor, Tensor]] = []
        for name, parameter in parameters.items():
            mask = masks.get(name)
            if mask is None or not bool(mask.any()):
                self._still.append((parameter, parameter.detach().clone()))
            elif not bool(mask.all()):
                mask = mask.to(parameter.device, torch.bool)
                self._partial.append((parameter, mask, parameter.detach().clone()))

    @torch.no_grad()
    def restore(self) -> None:
        """Put the weights that are not selected back; call it after a step."""
        for parameter, mask, kept in self._partial:
            torch.where(mask, parameter, kept, out=parameter)
        for parameter, kept in self._still:
            parameter.copy_(kept)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """``optimizer.step()``, of which only selected weights keep the effect."""
        optimizer.step()
        self.restore()


@contextmanager
def freeze_masked(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
) -> Iterator[MaskedStep]:
    """Inside, every ``optimizer.step()`` moves selected weights only (see ``MaskedStep``).

    Works with code that steps the optimiser itself; the hook is removed at the end.
    """
    masked = MaskedStep(parameters, masks)
    hook = optimizer.register_step_post_hook(lambda *_: masked.restore())
    try:
        yield masked
    finally:
        hook.remove()


def check_masks(parameters: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    """Raise unless every mask has a parameter of its name and shape."""
    for name, mask in masks.items():
        if name not in parameters:
            raise InputError(
                f"expected masks of known parameters, got one for {name!r}; "
                "score and mask the same model"
            )
        if mask.shape != parameters[name].shape:
            raise InputError(
                f"expected a mask of shape {tuple(parameters[name].shape)} for {name}, "
                f"got {tuple(mask.shape)}; score and mask the same model"
            )

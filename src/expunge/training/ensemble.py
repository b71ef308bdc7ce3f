"""Nets that answer together: the model that SISA training returns."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.capabilities import logits_in
from ..core.checks import check_choice
from ..core.errors import InputError, ModelError

COMBINATIONS = ("probabilities", "votes", "outputs")


class Sisa(nn.Module):
    """An ensemble of nets that were trained on disjoint sets, in evaluation mode.

    Args:
        nets: At least one; each maps inputs (B, …) to outputs of the same shape.
        combine: ``"probabilities"``: logits (B, C) become the logarithm of the mean
            probability of each class, so cross-entropy is that of the mean. ``"votes"``:
            the logarithm of the smoothed share (v + 1) / (S + C) of the S nets that put the
            class first; no gradient flows. ``"outputs"``: their mean, for regression.

    Raises:
        InputError: If there is no net or no such combination.

    Cost: one forward pass of each net.
    """

    def __init__(self, nets: Sequence[nn.Module], combine: str = "probabilities") -> None:
        super().__init__()
        check_choice(COMBINATIONS, combine=combine)
        if not nets:
            raise InputError("expected at least one net in an ensemble, got none; train one")
        self.nets = nn.ModuleList(nets)
        self.combine = combine
        self.eval()

    def forward(self, *inputs: Any) -> Tensor:
        """Combined outputs, of the shape that each net returns."""
        outputs = [net(*inputs) for net in self.nets]
        found = torch.stack([logits_in(output) for output in outputs])
        if self.combine == "outputs":
            return found.mean(0)
        if found.dim() != 3:
            raise ModelError(
                f"expected logits of shape (B, C) from each net, got {tuple(found.shape[1:])}; "
                'use combine = "outputs" for nets that return no logits'
            )
        if self.combine == "probabilities":
            return F.log_softmax(found.float(), -1).logsumexp(0) - math.log(len(found))
        classes = found.shape[-1]
        votes = F.one_hot(found.argmax(-1), classes).sum(0)
        return ((votes + 1) / (len(found) + classes)).log()

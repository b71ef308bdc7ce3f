"""UCE: a closed form that makes cross-attention read one concept as another."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.capabilities import Denoises
from ...core.data import Split, UnlearningData
from ...core.errors import InputError
from ...core.hyperparameters import NotNegative, Positive, validated
from ...core.method import Reference
from ...core.run import Run
from ...core.task import Task
from .concepts import denoising_of, forgotten_labels

WORDS = "encoder_hidden_states"


@dataclass(frozen=True, kw_only=True)
@validated
class UCE:
    r"""Map the keys and values of forgotten words to those of the empty prompt.

    For each projection W of the words k in cross-attention,

    .. math:: W \leftarrow \Big( s_e \sum_{k \in E} W_0 k_\varnothing k^\top
        + s_p \sum_{k \in P} W_0 k k^\top + \lambda W_0 \Big)
        \Big( s_e \sum_{k \in E} k k^\top + s_p \sum_{k \in P} k k^\top + \lambda I \Big)^{-1}

    E are the embeddings of all words of the conditions of D_f, in all wordings, each paired
    with that at the same place of the empty prompt; P those of the conditions that D_r
    has and D_f has not. No image is read, several concepts go at once, and nothing is
    random.

    Args:
        erase: Weight s_e of the forgotten words, > 0.
        preserve: Weight s_p of the kept words, at least 0.
        ridge: λ, > 0: how much every other direction stays as it is.

    Cost: a system of linear equations per projection, as large as an embedding; seconds.

    Raises:
        InputError: When called, if the task's model does not denoise, is not conditioned on
            ``encoder_hidden_states``, or has no cross-attention that reads them.
    """

    erase: Positive = 1.0
    preserve: NotNegative = 1.0
    ridge: Positive = 0.5

    name: ClassVar[str] = "uce"
    reads: ClassVar = frozenset({Split.FORGET, Split.RETAIN})
    needs: ClassVar = frozenset({Denoises})
    reference: ClassVar = Reference(
        authors="Rohit Gandikota, Hadas Orgad, Yonatan Belinkov, Joanna Materzynska, David Bau",
        title="Unified Concept Editing in Diffusion Models",
        venue="WACV",
        year=2024,
        url="https://arxiv.org/abs/2308.14761",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        denoising = denoising_of(task, self.name)
        words = denoising.conditions.get(WORDS)
        if words is None:
            raise InputError(
                f"{self.name} edits what a model reads as {WORDS}, but it is conditioned on "
                f"{', '.join(denoising.conditions)}; use scissorhands, which reads the loss alone"
            )
        gone, kept = forgotten_labels(denoising, data)
        layers = projections(model, words.shape[-1])
        for step in run.steps("edit", len(layers), model=model):
            moved = self._edit(layers[step], words[gone], words[denoising.empty], words[kept])
            run.log("edit", step, total=len(layers), moved=moved)
        return model

    @torch.no_grad()
    def _edit(self, layer: nn.Linear, gone: Tensor, empty: Tensor, kept: Tensor) -> float:
        """Solve for one projection, in float64; returns how far it moved, relatively."""
        old = layer.weight.double()
        size = old.shape[1]
        read, instead, other = (
            one.to(old).reshape(-1, size) for one in (gone, empty.expand_as(gone), kept)
        )
        known = self.preserve * other.T @ other + self.ridge * torch.eye(size).to(old)
        left = self.erase * instead.T @ read + known
        right = self.erase * read.T @ read + known
        new = old @ torch.linalg.solve(right, left, left=False)
        layer.weight.copy_(new.to(layer.weight.dtype))
        return float((new - old).norm() / old.norm())


def projections(model: nn.Module, size: int) -> list[nn.Linear]:
    """The key and value projections of cross-attention (``attn2``).

    Raises:
        InputError: If there is none that reads embeddings of ``size``.
    """
    found = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
        and name.endswith(("attn2.to_k", "attn2.to_v"))
        and layer.in_features == size
    ]
    if not found:
        raise InputError(
            f"expected cross-attention called attn2 that reads embeddings of size {size}, as the "
            f"U-Nets of Stable Diffusion have, found none in {type(model).__name__}; use "
            "scissorhands, which needs none"
        )
    return found

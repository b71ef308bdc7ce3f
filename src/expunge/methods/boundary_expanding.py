"""Boundary expanding: move the forget set to a class of its own, then drop that class."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.batches import Stream
from ..core.capabilities import GivesLogits
from ..core.data import Split, UnlearningData
from ..core.errors import ModelError
from ..core.hyperparameters import Count, NotNegative, Passes, Rate, validated
from ..core.method import Reference
from ..core.run import Run
from ..core.task import Batch, Task
from ..training.descent import Descent, fitting_batch
from ._shared.presets import Published
from ._shared.teachers import Logits, logits_of


@dataclass(frozen=True, kw_only=True)
@validated
class BoundaryExpanding(Published):
    r"""Train the forget set towards a shadow class that the returned net does not have.

    A unit is added beside the C outputs of the last linear layer, drawn as torch draws
    fresh units, and trained together with the net:

    .. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta L(\theta; x, C + 1),
        \quad x \in D_f

    Then it is removed: the result has the architecture and the C logits of the original.
    (Public code of several benchmarks keeps the unit, which hides D_f behind a label that
    no sample has.) The retain set is never read, so ``lr`` and ``epochs`` must stay small.
    Needs a task with ``logits``, and a net whose logits come out of an ``nn.Linear``.

    Args:
        lr: Constant learning rate of SGD.
        epochs: Passes over the forget set; may be fractional.
        batch_size: Samples per step; None takes 256, or less for a small set.
        momentum: Of SGD.
        weight_decay: L2 penalty.

    Cost: ``epochs`` forward and backward passes over D_f. Defaults are those published
    for CIFAR-10 with Scissorhands (Wu & Harandi 2024); they change a net very little, and
    ``unlearn`` warns where that is nothing at all.
    """

    lr: Rate = 1e-6
    epochs: Passes = 10
    batch_size: Count | None = None
    momentum: NotNegative = 0.9
    weight_decay: NotNegative = 5e-4

    name: ClassVar[str] = "boundary-expanding"
    reads: ClassVar = frozenset({Split.FORGET})
    needs: ClassVar = frozenset({GivesLogits})
    reference: ClassVar = Reference(
        authors="Min Chen, Weizhuo Gao, Gaoyang Liu, Kai Peng, Chen Wang",
        title="Boundary Unlearning: Rapid Forgetting of Deep Networks via Shifting the "
        "Decision Boundary",
        venue="CVPR",
        year=2023,
        url="https://arxiv.org/abs/2303.11570",
    )

    def __call__(self, model: nn.Module, task: Task, data: UnlearningData, run: Run) -> nn.Module:
        logits = logits_of(task, self.name)
        head = _find_head(model, logits, run.batches("head", data.forget, 1, augment=False)[0])
        stream = run.batches("forget", data.forget, fitting_batch(self.batch_size, data.forget))
        widened = _Widened(head, run)
        # In one module, so that checkpoints hold the shadow unit too.
        both = nn.ModuleDict({"model": model, "shadow": widened.shadow})
        descent = Descent(both, run, self.lr, self.momentum, self.weight_decay)
        try:
            self._train(descent, model, logits, widened, stream, run)
        finally:
            widened.close()
        return model

    def _train(
        self,
        descent: Descent,
        model: nn.Module,
        logits: Logits,
        widened: "_Widened",
        stream: Stream,
        run: Run,
    ) -> None:
        for step in descent.steps("boundary-expanding", self.epochs, stream):
            known, labels = logits(model, stream[step])
            scores = widened.with_shadow(known)
            loss = F.cross_entropy(scores, torch.full_like(labels, known.shape[1]).long())
            descent.follow(run.gradient(loss, descent.parameters))
            descent.log(step, shadow_loss=loss.item())


class _Widened:
    """One more output for a net that stays as it is: reads what its head reads."""

    def __init__(self, head: nn.Linear, run: Run) -> None:
        device = head.weight.device
        self.shadow = nn.utils.skip_init(nn.Linear, head.in_features, 1, device=device)
        bound = head.in_features**-0.5
        generator = run.generator("shadow")
        with torch.no_grad():
            for parameter in self.shadow.parameters():
                # Drawn on the CPU, for the same values on every device.
                fresh = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
                parameter.copy_(fresh)
        self._features: Tensor | None = None
        self._hook = head.register_forward_pre_hook(self._remember)

    def with_shadow(self, logits: Tensor) -> Tensor:
        """Logits (B, C + 1) from those of the forward pass just made, (B, C)."""
        assert self._features is not None  # the hook runs in every forward pass
        return torch.cat([logits, self.shadow(self._features.float())], 1)

    def close(self) -> None:
        """Take the hook off: the net goes back without a trace of the shadow."""
        self._hook.remove()

    def _remember(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        self._features = args[0]


def _find_head(model: nn.Module, logits: Logits, batch: Batch) -> nn.Linear:
    """The linear layer that ran last with as many outputs as there are logits.

    Raises:
        ModelError: If there is none.
    """
    ran: list[nn.Linear] = []

    def note(module: nn.Module, args: tuple[Any, ...], _: Any) -> None:
        if isinstance(module, nn.Linear) and args and args[0].dim() == 2:
            ran.append(module)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            count = logits(model, batch)[0].shape[1]
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    heads = [layer for layer in ran if layer.out_features == count]
    if not heads:
        raise ModelError(
            f"boundary-expanding adds a unit to the last nn.Linear, but the net has none that "
            f"makes its {count} logits; give it such a layer, or use boundary-shrink"
        )
    return heads[-1]

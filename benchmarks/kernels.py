"""What the kernels cost beside the passes they go with, at the size of a ResNet-18.

    python benchmarks/kernels.py [--batch 64] [--rounds 7] [--save FILE]

Both sides of a ratio run in one process and take turns, since absolute times drift on a
shared machine.
"""

import sys

import torch
import torch.nn.functional as F
from common import Row, conclude, in_turns, parse, peak_bytes, ratio
from torch import Tensor, nn

from expunge.kernels import (
    VARIANTS,
    connection_sensitivity,
    frozen_statistics,
    project_,
    reinitialise,
    top_share,
)
from expunge.models.zoo import build_network

Batch = tuple[Tensor, Tensor]


def batches_of(count: int, size: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(size, 3, 32, 32, generator=generator),
            torch.randint(10, (size,), generator=generator),
        )
        for _ in range(count)
    ]


def saliency(model: nn.Module, size: int, rounds: int, variant: str) -> Row:
    batches = batches_of(2, size)
    weights = list(model.parameters())

    def loss(batch: Batch) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def plain() -> None:
        for batch in batches:
            torch.autograd.grad(loss(batch).sum(), weights)

    def kernel() -> None:
        connection_sensitivity(model, loss, batches, variant=variant)

    bare, ours = in_turns(rounds, plain, kernel)
    return Row(f"connection sensitivity, {variant} / gradient pass", ratio(ours, bare), 1.05)


def repair(model: nn.Module, size: int, rounds: int) -> Row:
    """Both gradients, Eq. 3 and Eq. 5 and the step, beside both gradients and a step."""
    retain, forget = batches_of(2, size)
    weights = list(model.parameters())
    optimizer = torch.optim.SGD(weights, lr=0.0, momentum=0.9)

    def gradient(batch: Batch) -> list[Tensor]:
        return list(torch.autograd.grad(F.cross_entropy(model(batch[0]), batch[1]), weights))

    def step(gradients: list[Tensor]) -> None:
        for weight, value in zip(weights, gradients, strict=True):
            weight.grad = value
        optimizer.step()
        optimizer.zero_grad()

    def plain() -> None:
        gradient(forget)
        step(gradient(retain))

    def projected() -> None:
        g_f, g = gradient(forget), gradient(retain)
        torch._foreach_add_(g, g_f, alpha=-0.05)
        project_(g, g_f)
        step(g)

    bare, ours = in_turns(rounds, plain, projected)
    return Row("projected step / two gradients and a step", ratio(ours, bare), 1.10)


def projection_memory(model: nn.Module) -> Row:
    objective = [torch.randn_like(weight) for weight in model.parameters()]
    forget = [tensor + 0.1 for tensor in objective]
    share = peak_bytes(lambda: project_(objective, forget)) / sum(t.nbytes for t in objective)
    return Row("projection, memory / one gradient", share, 1.0)


def ranking(model: nn.Module, rounds: int) -> list[Row]:
    generator = torch.Generator().manual_seed(0)
    scores = {
        name: torch.randn(weight.shape, generator=generator).square()
        for name, weight in model.named_parameters()
    }
    rows = []
    for share in (0.001, 0.03, 0.5):
        [times] = in_turns(rounds, lambda share=share: top_share(scores, share))
        rows.append(Row(f"top share {share:g}, seconds", sorted(times)[rounds // 2], 0.3))
    masks = top_share(scores, 0.03)
    draw = torch.Generator().manual_seed(0)
    [times] = in_turns(rounds, lambda: reinitialise(model, masks, scheme="uniform", generator=draw))
    return [*rows, Row("re-initialise 3 %, seconds", sorted(times)[rounds // 2])]


def main() -> int:
    asked = parse(__doc__, batch=64, rounds=7)
    model = build_network("resnet18", num_classes=10, image_shape=(3, 32, 32)).model.train()
    count = sum(weight.numel() for weight in model.parameters())
    rows = [projection_memory(model), *ranking(model, asked.rounds)]
    with frozen_statistics(model):
        rows += [saliency(model, asked.batch, asked.rounds, variant) for variant in VARIANTS]
    rows.append(repair(model, asked.batch, asked.rounds))
    title = f"Kernels, {count / 1e6:.1f} M parameters, batch {asked.batch}"
    return conclude(title, rows, asked.save)


if __name__ == "__main__":
    sys.exit(main())

"""What the kernels cost beside the passes they go with.

    python benchmarks/kernels.py [--batch-size 64] [--rounds 7] [--cpu-time --threads 1]

Prints a table of ratios: both sides of a ratio run in one process and take turns, so that
whatever else the machine does meets both. On a busy machine, processor time of one thread
says more than wall-clock time, in which threads wait for each other. The net has the size
of a CIFAR ResNet-18 (11 M parameters).
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from expunge.core.memory import PeakMemory
from expunge.kernels import (
    connection_sensitivity,
    frozen_statistics,
    project_,
    reinitialise,
    top_share,
)
from expunge.models.zoo import build_net

CLOCK = {"now": time.perf_counter}


def seconds(act: Callable[[], object]) -> float:
    start = CLOCK["now"]()
    act()
    return CLOCK["now"]() - start


def take_turns(rounds: int, *acts: Callable[[], object]) -> list[float]:
    """Least seconds of each, after one round to warm up: other work only ever adds."""
    times = [[seconds(act) for act in acts] for _ in range(rounds + 1)][1:]
    return [min(column) for column in zip(*times, strict=True)]


def batches_of(count: int, batch_size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(batch_size, 3, 32, 32, generator=generator),
            torch.randint(10, (batch_size,), generator=generator),
        )
        for _ in range(count)
    ]


def saliency_ratio(model: nn.Module, batch_size: int, rounds: int, variant: str) -> float:
    batches = batches_of(2, batch_size)
    weights = list(model.parameters())

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def plain() -> None:
        for batch in batches:
            torch.autograd.grad(loss(batch).sum(), weights)

    def kernel() -> None:
        connection_sensitivity(model, loss, batches, variant=variant)

    bare, ours = take_turns(rounds, plain, kernel)
    return ours / bare


def repair_ratio(model: nn.Module, batch_size: int, rounds: int) -> float:
    """Both gradients, Eq. 3 and Eq. 5 and the step, beside both gradients and a step."""
    retain, forget = batches_of(2, batch_size)
    weights = list(model.parameters())
    optimizer = torch.optim.SGD(weights, lr=0.0, momentum=0.9)

    def gradient(batch: tuple[torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
        return list(torch.autograd.grad(F.cross_entropy(model(batch[0]), batch[1]), weights))

    def step(gradients: list[torch.Tensor]) -> None:
        for weight, value in zip(weights, gradients, strict=True):
            weight.grad = value
        optimizer.step()
        optimizer.zero_grad()

    def plain() -> None:
        gradient(forget)
        step(gradient(retain))

    def repair() -> None:
        g_f, g = gradient(forget), gradient(retain)
        torch._foreach_add_(g, g_f, alpha=-0.05)
        project_(g, g_f)
        step(g)

    bare, ours = take_turns(rounds, plain, repair)
    return ours / bare


def project_memory(model: nn.Module) -> float:
    """Bytes that project_ needs at its peak, as a share of one gradient."""
    objective = [torch.randn_like(weight) for weight in model.parameters()]
    forget = [tensor + 0.1 for tensor in objective]
    size = sum(tensor.nbytes for tensor in objective)
    project_([torch.ones(9)], [torch.ones(9)])
    for tensor in objective + forget:
        tensor.sum()  # a system that reclaims memory may have moved it out
    with PeakMemory(torch.device("cpu")) as before:
        pass
    with PeakMemory(torch.device("cpu")) as during:
        project_(objective, forget)
    if before.peak is None or during.peak is None:
        return float("nan")
    return (during.peak - before.peak) / size


def scores_of(model: nn.Module) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(weight.shape, generator=generator).square()
        for name, weight in model.named_parameters()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cpu-time", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.cpu_time:
        CLOCK["now"] = time.process_time
    size, rounds = asked.batch_size, asked.rounds
    model = build_net("resnet18", num_classes=10, image_shape=(3, 32, 32)).model.train()
    count = sum(weight.numel() for weight in model.parameters())
    print(f"{count / 1e6:.1f} M parameters, batch {size}, {torch.get_num_threads()} threads\n")
    print(f"{'what':<58}{'measured':>10}{'limit':>8}")

    def row(what: str, value: float, limit: str = "") -> None:
        print(f"{what:<58}{value:>10.3f}{limit:>8}", flush=True)

    row("project_, peak memory / one gradient", project_memory(model), "1")
    scores = scores_of(model)
    for share in (0.001, 0.03, 0.5):
        [took] = take_turns(rounds, lambda share=share: top_share(scores, share))
        row(f"top_share {share:g}, seconds", took, "0.3")
    masks = top_share(scores, 0.03)
    draw = torch.Generator().manual_seed(0)
    [took] = take_turns(
        rounds, lambda: reinitialise(model, masks, scheme="uniform", generator=draw)
    )
    row("reinitialise, seconds", took)
    with frozen_statistics(model):
        for variant in ("signed-sum", "batch-moduli"):
            ratio = saliency_ratio(model, size, rounds, variant)
            row(f"connection_sensitivity {variant} / gradient pass", ratio, "1.05")
    row("repair step / two passes and a step", repair_ratio(model, size, rounds), "1.10")


if __name__ == "__main__":
    main()

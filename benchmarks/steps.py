"""What a repair step and the training loop cost beyond plain forward and backward passes.

    python benchmarks/steps.py [--net resnet18] [--batch 128] [--rounds 5]

Prints ratios of medians, measured by turns in one process, since absolute times drift on
a shared machine, and the peak memory of a repair step against plain training (each in a
process of its own). Limits: repair step <= 1.10 of its two passes, training loop >= 0.95
of a bare one, memory <= plain training and two copies of the gradient.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from expunge import build_net
from expunge.core import Run, UnlearningData
from expunge.core.memory import PeakMemory
from expunge.core.precision import with_precision
from expunge.data import ImageSet
from expunge.methods import Scissorhands
from expunge.methods.plan import make_plan
from expunge.methods.repair import Repair
from expunge.tasks import Classification
from expunge.training import make_recipe
from expunge.training.train import fit

STEPS = 4
CPU = torch.device("cpu")
TASK = with_precision(Classification(num_classes=10), "auto", CPU)


def world(net: str, batch: int) -> tuple[nn.Module, UnlearningData]:
    """A fresh net, and random images enough for ``STEPS`` batches of each set."""
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> ImageSet:
        pixels = torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
        labels = torch.randint(10, (count,), generator=generator)
        return ImageSet(pixels, labels, mean=(0.5,) * 3, std=(0.25,) * 3)

    model = build_net(net, num_classes=10, image_shape=(3, 32, 32)).model
    model = model.to(memory_format=torch.channels_last).train()
    forget, retain, held_out = (images(STEPS * batch) for _ in range(3))
    with torch.no_grad():  # labels that the net gives by itself: the gate stays open
        guesses = model(forget.batch(torch.arange(len(forget)), None)[0]).argmax(1)
    known = ImageSet(forget.images, guesses, mean=(0.5,) * 3, std=(0.25,) * 3)
    return model, UnlearningData(known, retain, held_out)


def passes(model: nn.Module, data: UnlearningData, batch: int) -> None:
    """The two forward and backward passes of ``STEPS`` repair steps, and SGD steps."""
    run = Run(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    sets = [run.batches(name, getattr(data, name), batch) for name in ("forget", "retain")]
    for step in range(STEPS):
        for stream in sets:
            optimizer.zero_grad()
            TASK.loss(model, stream[step]).mean().backward()
        optimizer.step()


def repair(model: nn.Module, data: UnlearningData, batch: int, constraint: str) -> None:
    """``STEPS`` repair steps in which the constraint binds."""
    method = Scissorhands(
        trim="off", constraint=constraint, batch_size=batch, lr=1e-4, epochs=1, relative=False
    )
    run = Run(0)
    Repair(method, make_plan(method, model, TASK, data, run), TASK, data, run)(model, "repair")


def bare_loop(model: nn.Module, data: UnlearningData, batch: int) -> None:
    """What one would write by hand."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(data.retain), generator=generator)
    for step in range(STEPS):
        inputs, labels = data.retain.batch(order[step * batch : (step + 1) * batch], generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(inputs)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad()


def library_loop(model: nn.Module, data: UnlearningData, batch: int) -> None:
    """The library's."""
    recipe = make_recipe("quick", epochs=1, batch_size=batch, lr=1e-4)
    fit(model, data.retain, recipe, TASK, Run(0))


def medians(rounds: int, *jobs: Callable[[], None]) -> list[float]:
    """Median seconds of each job; they take turns, after one round that is not counted."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for job, row in zip(jobs, times, strict=True):
            start = time.perf_counter()
            job()
            if turn:
                row.append(time.perf_counter() - start)
    return [statistics.median(row) for row in times]


def peak(what: str, net: str, batch: int) -> int:
    """Bytes at the peak of one job, in a new process."""
    command = [sys.executable, __file__, "--net", net, "--batch", str(batch), "--peak", what]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603


def measure_peak(what: str, net: str, batch: int) -> None:
    """Print the peak of one job in this process, after a small one has loaded the code."""
    model, data = world(net, batch)
    with PeakMemory(CPU) as memory:
        if what == "plain":
            library_loop(model, data, batch)
        else:
            repair(model, data, batch, what)
    print(memory.peak or 0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", default="resnet18")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", default="")
    args = parser.parse_args()
    if args.peak:
        measure_peak(args.peak, args.net, args.batch)
        return
    model, data = world(args.net, args.batch)
    jobs = [
        lambda: passes(model, data, args.batch),
        lambda: repair(model, data, args.batch, "always"),
        lambda: repair(model, data, args.batch, "held-out"),
        lambda: bare_loop(model, data, args.batch),
        lambda: library_loop(model, data, args.batch),
    ]
    two, always, held_out, bare, library = medians(args.rounds, *jobs)
    gradient = 4 * sum(p.numel() for p in model.parameters() if p.requires_grad)
    plain = peak("plain", args.net, args.batch)
    print(f"{args.net}, batch {args.batch}, {torch.get_num_threads()} threads")
    print(f"repair step, always   / two passes   {always / two:6.3f}   (<= 1.10)")
    print(f"repair step, held-out / two passes   {held_out / two:6.3f}   (<= 1.10)")
    print(f"bare loop / training loop            {bare / library:6.3f}   (>= 0.95)")
    for constraint in ("always", "held-out"):
        extra = (peak(constraint, args.net, args.batch) - plain) / gradient
        print(f"memory of {constraint:9s} beyond training  {extra:6.2f} gradients (<= 2)")


if __name__ == "__main__":
    main()

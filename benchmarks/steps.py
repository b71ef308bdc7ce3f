"""What a repair step and the training loop cost beyond plain forward and backward passes.

    python benchmarks/steps.py [--net resnet18] [--batch 128] [--rounds 5] [--save FILE]

Prints ratios, measured by turns in one process, since absolute times drift on a shared
machine, and the tensors of a repair step at its peak against those of plain training.
"""

import sys
from functools import partial

import torch
import torch.nn.functional as F
from common import Row, conclude, in_turns, parse, peak_bytes, ratio
from torch import nn

from expunge import build_network
from expunge.core import Run, UnlearningData
from expunge.core.precision import with_precision
from expunge.data import ImageSet
from expunge.methods import Scissorhands
from expunge.methods.scissorhands.plan import make_plan
from expunge.methods.scissorhands.repair import Repair
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

    model = build_network(net, num_classes=10, image_shape=(3, 32, 32)).model
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


def memory(net: str, batch: int) -> list[Row]:
    """Tensor memory of a repair step beyond that of a training step, in gradients."""
    model, data = world(net, batch)
    gradient = 4 * sum(p.numel() for p in model.parameters() if p.requires_grad)
    plain = peak_bytes(lambda: library_loop(model, data, batch))
    rows = []
    for constraint in ("always", "held-out"):
        model, data = world(net, batch)
        peak = peak_bytes(partial(repair, model, data, batch, constraint))
        what = f"memory of a repair step beyond training, {constraint}, gradients"
        rows.append(Row(what, (peak - plain) / gradient, 2.0))
    return rows


def main() -> int:
    """Print the table."""
    asked = parse(__doc__, net="resnet18", batch=128, rounds=5)
    rows = memory(asked.net, asked.batch)
    model, data = world(asked.net, asked.batch)
    jobs = [
        lambda: passes(model, data, asked.batch),
        lambda: repair(model, data, asked.batch, "always"),
        lambda: repair(model, data, asked.batch, "held-out"),
        lambda: bare_loop(model, data, asked.batch),
        lambda: library_loop(model, data, asked.batch),
    ]
    two, always, held_out, bare, library = in_turns(asked.rounds, *jobs)
    rows = [
        Row("repair step / its two passes, always", ratio(always, two), 1.10),
        Row("repair step / its two passes, held-out", ratio(held_out, two), 1.10),
        Row("bare loop / training loop", ratio(bare, library), 0.95, at_least=True),
        *rows,
    ]
    return conclude(f"Steps, {asked.net}, batch {asked.batch}", rows, asked.save)


if __name__ == "__main__":
    sys.exit(main())

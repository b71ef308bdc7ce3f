"""Large requests: 200,000 images of 1,000 classes, lists of 100,000 ids, D_f of 90 % and of one.

Seconds, and peak memory of the process beyond that of the images, on synthetic images of 32
pixels and a linear net: what is measured is the way to the method and around it.

    python benchmarks/scale.py --save results/benchmarks/scale.json
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import Row, conclude, in_turns, parse
from torch import nn

import expunge
from expunge.core.memory import PeakMemory
from expunge.core.schemas.request import parse_request
from expunge.data.bundle import Bundle
from expunge.data.requests.copies import settle_copies
from expunge.data.requests.select import resolve

IMAGES, CLASSES, TEST = 200_000, 1_000, 10_000


def images(count: int, seed: int) -> expunge.ImageSet:
    """Random images with a trace of their class, so that a net learns something."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    pixels = torch.randint(0, 200, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(count), 0, labels % 32, labels // 32] = 255
    return expunge.ImageSet(pixels, labels, ids=[f"{seed}/{row}.png" for row in range(count)])


def main() -> int:
    asked = parse(__doc__)
    rows: list[Row] = []

    def measure(what: str, work: Callable[[], Any], limit: float | None = None) -> Any:
        before = resident()
        began = time.perf_counter()
        with PeakMemory(torch.device("cpu")) as memory:
            found = work()
        rows.append(Row(f"{what}, seconds", time.perf_counter() - began, limit))
        rows.append(
            Row(f"{what}, MB beyond the images", max(0.0, (memory.peak or 0) - before) / 1e6)
        )
        print(rows[-2], rows[-1], sep="\n", flush=True)
        return found

    train = measure("200,000 images become a set", lambda: images(IMAGES, 0))
    bundle = Bundle("large", train, None, images(TEST, 1), None, CLASSES, train.image_shape)
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "ids.csv"
        order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(2)).tolist()
        listed.write_text("id\n" + "\n".join(f"0/{row}.png" for row in order[:100_000]) + "\n")
        half = parse_request({"kind": "ids", "file": str(listed)})
        (turns,) = in_turns(5, lambda: resolve(bundle, half))
    # The best: whatever else the machine does can only make it longer.
    rows.append(Row("list of 100,000 ids to positions, best of 5, seconds", min(turns), 1.0))
    one = parse_request({"kind": "ids", "ids": ["0/77.png"]})
    most = parse_request({"kind": "random", "fraction": 0.9})
    task = expunge.Classification(num_classes=CLASSES)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, CLASSES))
    for name, spec in (("one sample", one), ("90 %", most)):
        selection = measure(f"D_f of {name}: positions", lambda spec=spec: resolve(bundle, spec))
        measure(
            f"D_f of {name}: copies and near copies",
            lambda spec=spec, chosen=selection: settle_copies(bundle, spec, chosen, "keep"),
        )
        data = bundle.unlearning_data(selection.positions)
        method = expunge.Scissorhands(epochs=0.25)
        result = measure(
            f"D_f of {name}: Scissorhands, a quarter of a pass",
            lambda data=data, method=method: expunge.unlearn(net, data, method, task=task),
        )
        measure(
            f"D_f of {name}: evaluation of two models",
            lambda data=data, result=result: expunge.evaluate(
                result, original=net, data=data, relearn=False
            ),
        )
    return conclude("Scale: 200,000 images, 1,000 classes", rows, asked.save)


def resident() -> int:
    """Bytes of memory that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    sys.exit(main())

"""Handmade records; every number in them is invented for the tests."""

import base64
import io
import math
from typing import Any

from PIL import Image

from expunge.core.schemas.record import Record

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
HOSTILE = "<script>alert(1)</script>'\"&--></style><!--<img src=x onerror=alert(2)>{{ 7*7 }}"


def png(position: int, side: int = 32) -> str:
    """A coloured gradient, different for every position."""
    image = Image.new("RGB", (side, side))
    for x in range(side):
        for y in range(side):
            image.putpixel((x, y), ((x * 8 + 37 * position) % 256, (y * 8) % 256, 90 + position))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def minimal(**changes: Any) -> Record:
    """Only what the schema demands; everything optional is None or empty."""
    payload: dict[str, Any] = {
        "created": "2025-01-02T03:04:05+00:00",
        "versions": {},
        "request": {"spec": {"kind": "ids", "file": "delete.csv"}, "found": 3},
        "model": {"name": "", "parameters": 1, "sha256_before": "a" * 64, "sha256_after": "b" * 64},
        "data": {"name": "", "sizes": {}},
        "method": {"name": "fine-tune", "hyperparameters": {}, "seed": 0},
        "cost": {"seconds": 0.25},
        "scores": {"original": {}, "unlearned": {}},
        "verdict": {"status": "cannot tell", "reasons": []},
    }
    return Record.model_validate(payload | changes)


def full(**changes: Any) -> Record:
    """Every field filled, with two retrains, ten classes and a long history."""
    payload: dict[str, Any] = {
        "created": "2025-01-02T03:04:05+00:00",
        "versions": {"expunge": "0.1.0", "python": "3.11.9", "torch": "2.6.0"},
        "command": "expunge unlearn configs/cifar10-random10.toml --set method.epochs=2",
        "request": {
            "spec": {"kind": "random", "fraction": 0.1, "seed": 0},
            "found": 4500,
            "commitment": "d1" * 32,
        },
        "model": {
            "name": "fast",
            "parameters": 2031754,
            "sha256_before": "0a" * 32,
            "sha256_after": "1b" * 32,
        },
        "data": {
            "name": "cifar10",
            "sizes": {"forget": 4500, "retain": 40500, "validation": 5000, "test": 10000},
            "classes": CLASSES,
            "fingerprint": "f7" * 32,
        },
        "method": {
            "name": "scissorhands",
            "hyperparameters": {"trim": 0.0, "weight": 0.3, "lr": 0.1, "epochs": 2, "layers": None},
            "seed": 0,
            "precision": "bf16",
            "decisions": {
                "constraint": {
                    "value": "held-out",
                    "reason": "The records to forget are spread over classes that are kept.",
                },
                "trim": {"value": 0.0, "reason": "Trimming does not help for random records."},
            },
        },
        "cost": {
            "seconds": 131.2,
            "retrain_seconds": 501.0,
            "rte": 0.2619,
            "retrain_recipe": "speedrun",
            "train_seconds": 622.0,
            "peak_memory_bytes": 1_610_612_736,
            "samples_read": 94_500,
        },
        "scores": scores(),
        "avg_gap": 0.58,
        "original_gap": 4.56,
        "floor": 0.18,
        "relearn": relearn(),
        "distributions": distributions(),
        "per_class": per_class(CLASSES),
        "samples": samples(16),
        "history": history(600),
        "warnings": [{"code": "other", "text": "Accuracy on kept records fell by 1.2 points."}],
        "verdict": {
            "status": "pass",
            "reasons": [
                "The distance to retrained (Avg. Gap 0.58) is an eighth of the original's (4.56).",
                "Accuracy on test records is within 1 point of retrained.",
            ],
        },
    }
    return Record.model_validate(payload | changes)


def scores() -> dict[str, dict[str, float]]:
    """Original, unlearned and two retrains."""
    names = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")
    losses = ("forget_loss", "retain_loss", "test_loss")
    table = {
        "original": (97.7, 97.3, 90.1, 7.5, 0.081, 0.083, 0.331),
        "unlearned": (89.9, 96.1, 89.4, 16.6, 0.334, 0.121, 0.352),
        "retrained": (89.7, 97.2, 89.8, 17.2, 0.341, 0.084, 0.338),
        "retrained_again": (90.2, 97.3, 89.8, 17.3, 0.336, 0.083, 0.336),
    }
    return {key: dict(zip((*names, *losses), values, strict=True)) for key, values in table.items()}


def relearn() -> dict[str, Any]:
    return {
        "protocol": {"lr": 0.01, "batch_size": 512, "forget_per_batch": 64},
        "measured_on": "forget",
        "steps": [0, 3, 6, 9, 12],
        "curves": {
            "original": [97.7, 97.8, 97.8, 97.9, 98.0],
            "unlearned": [89.9, 90.8, 91.9, 92.7, 93.1],
            "retrained": [89.7, 90.1, 91.0, 91.8, 92.4],
        },
    }


def distributions(bins: int = 20) -> dict[str, Any]:
    """Histograms that rise towards 1, the more the better a set is known."""

    def counts(steepness: float, size: int) -> list[int]:
        return [round(size * math.exp(steepness * (i - bins + 1) / bins)) for i in range(bins)]

    sharp = {
        "original": (9.0, 9.2, 5.0),
        "unlearned": (5.2, 8.0, 4.8),
        "retrained": (5.0, 9.0, 5.0),
    }
    return {
        "quantity": "confidence of the true class",
        "edges": [i / bins for i in range(bins + 1)],
        "counts": {
            key: {"forget": counts(f, 2000), "retain": counts(r, 18000), "test": counts(t, 4500)}
            for key, (f, r, t) in sharp.items()
        },
    }


def per_class(names: list[str]) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "original": 90.0 + i % 7,
            "unlearned": 90.0 + i % 7 + math.sin(3 * i) * 2,
            "retrained": 90.0 + i % 7 + math.cos(5 * i),
        }
        for i, name in enumerate(names)
    }


def samples(number: int) -> list[dict[str, Any]]:
    return [
        {
            "label": CLASSES[i % 10],
            "png": png(i),
            "probability": {
                "original": 0.99 - 0.005 * (i % 5),
                "unlearned": 0.2 + 0.045 * (i % 16),
                "retrained": 0.25 + 0.04 * (i % 16),
            },
        }
        for i in range(number)
    ]


def history(steps: int, constraints: int | None = None) -> list[dict[str, Any]]:
    """A repair: losses meet, the constraint is active in about half of the steps."""
    rows: list[dict[str, Any]] = []
    for step in range(steps):
        done = step / steps
        wave = math.sin(step * 1.7) * 0.05
        v = max(0.0, 0.2 - 0.25 * done + wave)
        rows.append(
            {
                "stage": "repair",
                "step": step,
                "retain_loss": 0.08 + 0.3 * math.exp(-6 * done) + wave / 4 + 0.02,
                "forget_loss": 0.09 + 0.26 * (1 - math.exp(-5 * done)) + wave,
                "held_out_loss": 0.34 + wave / 2,
                "v": v if constraints is None else [v + i / 10 for i in range(constraints)],
                "cosine": 0.6 * math.exp(-2 * done) + wave * 3,
                "active": v > 0.05,
            }
        )
    return rows


def hostile() -> Record:
    """Text that tries to leave its place, wherever a record can hold text."""
    names = [HOSTILE, *CLASSES[1:]]
    rows = history(30)
    rows[0]["stage"] = HOSTILE
    return full(
        created=HOSTILE,
        command=HOSTILE,
        versions={HOSTILE: HOSTILE},
        request={"spec": {"kind": HOSTILE, HOSTILE: HOSTILE}, "found": 1, "commitment": HOSTILE},
        model={
            "name": HOSTILE,
            "parameters": 5,
            "sha256_before": HOSTILE,
            "sha256_after": HOSTILE,
        },
        data={
            "name": HOSTILE,
            "sizes": {"forget": 1, "retain": 9, HOSTILE: 1},
            "classes": names,
            "fingerprint": HOSTILE,
        },
        method={
            "name": HOSTILE,
            "hyperparameters": {HOSTILE: {HOSTILE: [HOSTILE]}},
            "seed": 1,
            "precision": HOSTILE,
            "decisions": {HOSTILE: {"value": HOSTILE, "reason": HOSTILE}},
        },
        relearn={
            "protocol": {HOSTILE: HOSTILE},
            "measured_on": HOSTILE,
            "steps": [0, 1],
            "curves": {"unlearned": [1.0, 2.0], HOSTILE: [3.0, 4.0]},
        },
        distributions=distributions() | {"quantity": HOSTILE},
        per_class=per_class(names),
        samples=[
            {"label": HOSTILE, "png": HOSTILE, "probability": {"original": 0.5}},
            {"label": HOSTILE, "png": "bm90IGEgcGljdHVyZQ==", "probability": {HOSTILE: 0.5}},
        ],
        history=rows,
        warnings=[{"code": HOSTILE, "text": HOSTILE}],
        verdict={"status": "fail", "reasons": [HOSTILE]},
    )


def failed() -> Record:
    """An untouched original handed over as unlearned."""
    table = scores()
    table["unlearned"] = table["original"]
    return full(
        scores=table,
        avg_gap=4.56,
        warnings=[],
        verdict={
            "status": "fail",
            "reasons": ["The unlearned model is as far from retrained as the original was."],
        },
    )


def one_class() -> Record:
    """A whole class forgotten, an unbounded forget loss, several constraints."""
    changes = per_class(CLASSES)
    changes[CLASSES[0]] |= {"original": 92.0, "unlearned": 0.0, "retrained": 0.0}
    rows = history(80, constraints=3)
    for row in rows:
        row["forget_loss"] = 0.05 * math.exp(row["step"] / 9)
    return full(
        request={"spec": {"kind": "classes", "classes": ["airplane"]}, "found": 4500},
        per_class=changes,
        history=rows,
    )


def large() -> Record:
    """More of everything than a page can hold."""
    names = [f"class number {i}" for i in range(1000)]
    return full(
        per_class=per_class(names),
        history=history(20_000, constraints=40),
        samples=samples(40) * 40,
        distributions=distributions(1000),
        warnings=[{"code": "other", "text": "A warning that goes on and on. " * 100}] * 200,
    )


def generated(**changes: Any) -> Record:
    """Of a text-to-image model: two prompts, two images each, predictions of a judge."""
    models = ("original", "unlearned", "retrained", "retrained_again")
    payload = full().model_dump(mode="json", by_alias=True) | {
        "scores": {
            name: {"forget_accuracy": 97.0 - n, "retain_accuracy": 95.0, "fid": 1.25 + n}
            for n, name in enumerate(models)
        },
        "avg_gap": None, "original_gap": None, "floor": None, "relearn": None,
        "distributions": None, "per_class": {}, "samples": [],
        "generated": [
            {
                "group": group, "prompt": text, "seed": seed,
                "png": {name: png(seed + n) for n, name in enumerate(models)},
                "predicted": {name: f"class {n}" for n, name in enumerate(models)},
            }
            for group, text in (("target", "a church"), ("other", "a golf ball"))
            for seed in (7, 8)
        ],
        "prompts": [
            {
                "group": "target", "prompt": "a church", "label": "church",
                "recognised": {name: 97.0 - n for n, name in enumerate(models)},
            },
        ],
        "verdict": {"status": "pass", "reasons": ["Recognised as rarely as of a retrained one."]},
        "generation_protocol": {"steps": 25, "guidance": 3.0, "judge": "a net"},
        "generation_probes": [
            {"probe": probe, "strength": strength, "images": 20,
             "recognised": {name: 90.0 - 30 * n for n, name in enumerate(models)}}
            for probe, strength in (("plain", 0.0), ("completion", 0.3), ("noise", 0.1))
        ],
    }  # fmt: skip
    return Record.model_validate(payload | changes)

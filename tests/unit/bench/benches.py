"""A handmade bench; every number in it is invented for the tests."""

import random
from typing import Any

from expunge.core.schemas.results import Bench

SEEDS = (0, 1, 2)
METHODS = (
    "fine-tune", "gradient-ascent", "l1-sparse", "salun", "scissorhands", "scrub", "ssd", "no_t",
)  # fmt: skip
SCENARIOS = ("random 10 %", "one class")
REFUSED = "the model lost 88.0 points of retain accuracy; lower lr or raise Guard.points"
# Per method: what it adds to the scores of a retrained model, and its seconds.
OFFSETS: dict[str, tuple[tuple[float, float, float, float], float]] = {
    "fine-tune": ((4.0, -0.2, -0.1, -6.0), 41.0),
    "gradient-ascent": ((5.0, 0.1, 0.0, -10.5), 3.2),
    "l1-sparse": ((0.4, -1.2, -1.4, 1.1), 44.0),
    "salun": ((-1.4, 0.1, -0.5, 2.4), 33.0),
    "scissorhands": ((0.3, -0.3, -0.4, 0.5), 18.5),
    "scrub": ((1.5, -0.9, -0.8, -2.0), 151.0),
    "ssd": ((-30.0, -28.0, -26.0, 30.0), 1.4),
    "no_t": ((0.0, 0.0, 0.0, 0.0), 12.0),
}
TRUTH = {"random 10 %": (91.6, 99.9, 91.8, 14.2), "one class": (0.0, 99.9, 92.4, 100.0)}
NAMES = ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia")


def result(kind: str, method: str, scenario: str, seed: int, **changes: Any) -> dict[str, Any]:
    """One result as the JSON would hold it."""
    number = changes.pop("number", 0)
    noise = random.Random(f"{kind} {number} {method} {scenario} {seed}")
    offsets, seconds = OFFSETS.get(method, ((0.0,) * 4, 120.0))
    if kind == "original":
        offsets = tuple(
            a - b
            for a, b in zip(
                (99.9, 99.9, 92.0, 0.5), TRUTH.get(scenario, TRUTH[SCENARIOS[0]]), strict=True
            )
        )
    sd = 0.0 if kind == "original" else 0.35
    values = [
        min(100.0, max(0.0, truth + offset + noise.gauss(0, sd)))
        for truth, offset in zip(TRUTH.get(scenario, TRUTH[SCENARIOS[0]]), offsets, strict=True)
    ]
    start = values[0]
    record = {
        "created": "2025-01-02T03:04:05+00:00",
        "versions": {"expunge": "0.1.0"},
        "method": {"hyperparameters": changes.pop("settings", {"lr": 0.01, "epochs": 5})},
        "cost": {
            "seconds": changes.pop("seconds", seconds * (0.95 + noise.random() / 10)),
            "samples_read": changes.pop("samples_read", int(seconds * 3000)),
            "peak_memory_bytes": changes.pop("peak_memory_bytes", 1_610_612_736),
        },
    }
    payload = {
        "key": f"{kind}-{number}-{method}-{scenario}-{seed}",
        "kind": kind,
        "number": number,
        "data": "cifar10",
        "model": "fast",
        "scenario": scenario,
        "method": method,
        "seed": seed,
    }
    losses = {"forget_loss": 0.3 + noise.random() / 20, "retain_loss": 0.01, "test_loss": 0.29}
    scores = changes.pop("scores", dict(zip(NAMES, values, strict=True)) | losses)
    if scores is not None:
        record["scores"] = {kind: scores}
    curve = [start + (98 - start) * k / 6 + noise.random() for k in range(5)]
    if changes.pop("relearn", True):
        steps = [0, 3, 6, 9, 12]
        record["relearn"] = {
            "protocol": {}, "measured_on": "forget", "steps": steps, "curves": {kind: curve},
        }  # fmt: skip
    layers = {"layer1": 0.98, "layer2": 0.9 + noise.random() / 20}
    record["cka"] = changes.pop("cka", layers)
    return payload | changes | {"record": record}


def _results(scenario: str) -> list[dict[str, Any]]:
    found = []
    for seed in SEEDS:
        found.append(result("original", "original", scenario, seed, settings={}))
        for number in (1, 2):
            recipe = {"recipe": "speedrun", "epochs": 10}
            found.append(
                result("retrained", "retrain", scenario, seed, number=number, settings=recipe)
            )
        for method in METHODS:
            if method == "gradient-ascent" and scenario == "one class":
                nothing = {"scores": None, "relearn": None, "cka": {}, "seconds": 2.0}
                found.append(result("unlearned", method, scenario, seed, **nothing, error=REFUSED))
            elif method == "ssd" and scenario == "random 10 %" and seed == 2:
                nothing = {"scores": None, "relearn": None, "cka": {}, "error": REFUSED}
                found.append(result("unlearned", method, scenario, seed, **nothing))
            elif not (method == "l1-sparse" and scenario == "one class" and seed == 1):
                found.append(result("unlearned", method, scenario, seed))
    return found


def _tuning(scenario: str, method: str) -> dict[str, Any]:
    trials = [
        {"settings": {"lr": 0.1 / 2**k, "epochs": 2 + k}, "value": 2.0 + (k - 2) ** 2 / 3,
         "seconds": 4.0 + k}
        for k in range(6)
    ]  # fmt: skip
    trials[0]["value"] = None
    return {
        "data": "cifar10", "model": "fast", "scenario": scenario, "method": method,
        "objective": "retrain", "pilot_seed": 100, "trials": trials, "best": trials[2]["settings"],
    }  # fmt: skip


def full(**changes: Any) -> Bench:
    """Two scenarios, three seeds, eight methods; one result is missing, four are errors."""
    results = [one for scenario in SCENARIOS for one in _results(scenario)]
    payload = {
        "title": "Unlearning on CIFAR-10",
        "command": "expunge bench configs/bench.toml --set scale=100_%",
        "created": "2025-01-02T03:04:05+00:00",
        "config": {
            "seeds": list(SEEDS),
            "retrain": 2,
            "scale": "full",
            "scenario": [{"label": one} for one in SCENARIOS],
            "method": [{"name": one} for one in METHODS],
        },
        "order": list(METHODS),
        "planned": len(SEEDS) * len(SCENARIOS) * (3 + len(METHODS)),
        "tuning": [_tuning(one, method) for one in SCENARIOS for method in METHODS[:-1]],
        "results": results,
    }
    return Bench.model_validate(payload | changes)


def minimal(**changes: Any) -> Bench:
    """Nothing was measured yet."""
    payload = {
        "title": "Nothing yet", "created": "now", "config": {}, "order": [], "planned": 5,
        "results": [],
    }  # fmt: skip
    return Bench.model_validate(payload | changes)


def bare() -> Bench:
    """One seed, no second retrain, no times, no attack, no curves."""
    few = {"seconds": None, "samples_read": None, "peak_memory_bytes": None, "relearn": None,
           "cka": {}, "settings": {}}  # fmt: skip
    scores = {"forget_accuracy": 90.0, "retain_accuracy": 99.0}
    place = SCENARIOS[0]
    results = [
        result("original", "original", place, 0, scores=scores, **few),
        result("retrained", "retrain", place, 0, number=1, scores=scores, **few),
        result("unlearned", "ssd", place, 0, scores=scores, **few),
    ]
    return minimal(title="Bare", planned=3, order=["ssd"], results=results)

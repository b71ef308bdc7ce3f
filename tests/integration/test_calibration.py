"""Calibration on the digits: no original scores better than retraining, no retrain fails.

Two requests, each with an original and independent retrained nets: a class is forgotten, and
mislabelled samples (canaries) are.
"""

from dataclasses import dataclass
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from expunge.core import UnlearningData, model_digest
from expunge.core.schemas.record import Scores
from expunge.evaluation import (
    Relearning,
    judge,
    layer_cka,
    relearn_curves,
    relearn_times,
    score_model,
)
from expunge.metrics import (
    METRICS,
    average_gap,
    canary_memorisation,
    canary_recovery,
    distance,
    frechet_distance,
    run_time_efficiency,
    tug_of_war,
)
from expunge.tasks import Classification

TASK = Classification(10)
EPOCHS = 30  # enough to memorise a part of the canaries
CANARIES = 60
PROTOCOL = Relearning(steps=(0, 2, 4, 8, 16, 32), batch_size=256, forget_per_batch=64, lr=0.05)


@dataclass
class Forgetting:
    """One request on the digits, and what was measured of its nets; the original is first."""

    data: UnlearningData
    nets: list[nn.Module]
    scores: list[Scores]

    @property
    def retrains(self) -> list[Scores]:
        return self.scores[1:]


def train(parts: list[TensorDataset], seed: int) -> nn.Module:
    inputs, labels = (torch.cat([part.tensors[i] for part in parts]) for i in (0, 1))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10)
        )
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(labels)).split(200):
                optimizer.zero_grad()
                F.cross_entropy(net(inputs[rows]), labels[rows]).backward()
                optimizer.step()
    return net.eval()


def request(
    inputs: Tensor, labels: Tensor, forget: Tensor, held: Tensor, retrains: int
) -> Forgetting:
    def chosen(rows: Tensor) -> TensorDataset:
        return TensorDataset(inputs[rows], labels[rows])

    data = UnlearningData(chosen(forget & ~held), chosen(~forget & ~held), test=chosen(held))
    nets = [train([data.forget, data.retain], 0)]
    nets += [train([data.retain], seed) for seed in range(1, retrains + 1)]
    return Forgetting(data, nets, [score_model(net, data, TASK, precision="fp32") for net in nets])


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (1797, 64), labels, and which samples are held out for the test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    inputs = torch.from_numpy(bunch.data).float() / 16
    held = torch.rand(len(inputs), generator=torch.Generator().manual_seed(0)) < 0.25
    return inputs, torch.from_numpy(bunch.target).long(), held


@pytest.fixture(scope="module")
def by_class(digits: tuple[Tensor, Tensor, Tensor]) -> Forgetting:
    """All threes are forgotten."""
    inputs, labels, held = digits
    return request(inputs, labels, labels == 3, held, retrains=3)


@pytest.fixture(scope="module")
def by_canary(digits: tuple[Tensor, Tensor, Tensor]) -> tuple[Forgetting, Tensor]:
    """Mislabelled training samples are forgotten; with their true labels."""
    inputs, labels, held = digits
    rows = (~held).nonzero().flatten()[:: int((~held).sum()) // CANARIES]
    forget = torch.zeros_like(held)
    forget[rows] = True
    given = torch.where(forget, (labels + 1) % 10, labels)
    return request(inputs, given, forget, held, retrains=2), labels[forget]


@pytest.fixture(scope="module")
def measured(
    by_class: Forgetting, by_canary: tuple[Forgetting, Tensor]
) -> dict[str, dict[str, float]]:
    """Every metric of original, first retrain (the reference) and second retrain."""
    names = ("original", "retrained", "retrained_again")
    gold = by_class.retrains[0]
    nets = dict(zip(names, by_class.nets, strict=False))
    curves = relearn_curves(nets, TASK, by_class.data, PROTOCOL, precision="fp32")
    times = relearn_times(curves)
    canaries, true = by_canary
    values: dict[str, dict[str, float]] = {}
    for name, net, scores, other in zip(
        names, by_class.nets, by_class.scores, canaries.nets, strict=False
    ):
        likeness = layer_cka(net, nets["retrained"], by_class.data.forget, precision="fp32")
        given, predicted = canaries.data.forget.tensors[1], predictions(other, canaries)
        time = times[name]
        found = {
            **scores.model_dump(),
            "relearn": curves.curves[name][0],
            "relearn_time": float("inf") if time is None else time,
            "canary_accuracy": canary_memorisation(predicted, given),
            "canary_recovery": canary_recovery(predicted, true),
            "avg_gap": average_gap(scores, gold),
            "tow": tug_of_war(scores, gold),
            "cka": list(likeness.values())[-1],
            # These nets do not draw: their outputs on D_f stand beside those on D_t.
            "fid": frechet_distance(*(outputs(net, one) for one in forgotten_and_test(by_class))),
            "rte": run_time_efficiency(0.0 if name == "original" else 2.0, 2.0),
        }
        values[name] = {key: value for key, value in found.items() if value is not None}
    return values


def forgotten_and_test(forgetting: Forgetting) -> list[Tensor]:
    return [forgetting.data.forget.tensors[0], forgetting.data.test.tensors[0]]


def outputs(net: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(inputs).softmax(1)
    return found


def predictions(net: nn.Module, forgetting: Forgetting) -> Tensor:
    with torch.no_grad():
        return net(forgetting.data.forget.tensors[0]).argmax(1)


def test_every_metric_is_measured(measured: dict[str, dict[str, float]]) -> None:
    for values in measured.values():
        assert set(values) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_an_original_never_scores_better_than_retraining(
    name: str, measured: dict[str, dict[str, float]]
) -> None:
    gold = measured["retrained"][name]
    assert distance(name, measured["original"][name], gold) >= distance(name, gold, gold) == 0


SEPARATING = (
    "forget_accuracy", "mia", "forget_loss", "relearn", "relearn_time", "canary_accuracy",
    "canary_recovery", "avg_gap", "tow", "cka",
)  # fmt: skip


@pytest.mark.parametrize("name", SEPARATING)
def test_a_second_retrain_is_nearer_than_the_original(
    name: str, measured: dict[str, dict[str, float]]
) -> None:
    gold = measured["retrained"][name]
    again = distance(name, measured["retrained_again"][name], gold)
    assert again < distance(name, measured["original"][name], gold)


def test_canary_accuracy_is_forget_accuracy_on_the_wrong_labels(
    by_canary: tuple[Forgetting, Tensor], measured: dict[str, dict[str, float]]
) -> None:
    canaries, _ = by_canary
    for values, scores in zip(measured.values(), canaries.scores, strict=False):
        assert values["canary_accuracy"] == scores["forget_accuracy"]


def verdict(forgetting: Forgetting, unlearned: Scores, one: int, other: int | None) -> str:
    original, gold = forgetting.scores[0], forgetting.retrains[one]
    scores = {"original": original, "unlearned": unlearned, "retrained": gold}
    floor = None if other is None else average_gap(forgetting.retrains[other], gold)
    return judge(scores, average_gap(unlearned, gold), average_gap(original, gold), floor).status


def test_a_second_retrain_is_never_called_a_failure(
    by_class: Forgetting, by_canary: tuple[Forgetting, Tensor]
) -> None:
    for forgetting in (by_class, by_canary[0]):
        seeds = range(len(forgetting.retrains))
        for one, other in permutations(seeds, 2):
            for floor in (None, *(seed for seed in seeds if seed != one)):
                again = forgetting.retrains[other]
                assert verdict(forgetting, again, one, floor) != "fail", (one, other, floor)


def test_an_untouched_original_never_passes(
    by_class: Forgetting, by_canary: tuple[Forgetting, Tensor]
) -> None:
    for forgetting in (by_class, by_canary[0]):
        original, seeds = forgetting.scores[0], range(len(forgetting.retrains))
        # Two losses changed by a hair: it is the scores that fail, not their being the same.
        moved = original | {"forget_loss": 1e-6, "retain_loss": 1e-6}
        for one in seeds:
            for floor in (None, *(seed for seed in seeds if seed != one)):
                assert verdict(forgetting, original, one, floor) == "fail"
                assert verdict(forgetting, moved, one, floor) != "pass"


def test_measuring_changes_no_net(by_class: Forgetting) -> None:
    before = [model_digest(net) for net in by_class.nets]
    layer_cka(*by_class.nets[:2], by_class.data.test)
    relearn_curves({"a": by_class.nets[0]}, TASK, by_class.data, Relearning(steps=(0, 1)))
    assert [model_digest(net) for net in by_class.nets] == before

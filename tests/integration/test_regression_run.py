"""A task without labels and accuracy, from training to the report."""

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import TensorDataset

import expunge
from expunge import Recipe, Regression, UnlearningData

RECIPE = Recipe(epochs=40, batch_size=64, lr=0.02, weight_decay=0.0)
TASK = Regression()
METHODS = [
    expunge.Scissorhands(epochs=2),
    expunge.Scissorhands(trim=0.02, constraint="always", lr=0.005, epochs=2),
    expunge.FineTune(lr=0.01, epochs=2),
    expunge.GradientAscent(lr=1e-3, epochs=2),
    expunge.Retrain(recipe="quick", lr=0.02, epochs=10),
    expunge.NegGradPlus(lr=1e-3, epochs=2),
    expunge.L1Sparse(lr=1e-3, epochs=2),
    expunge.SSD(threshold=2.0),
    expunge.SFRon(lr=1e-3, epochs=2),
    expunge.InfluenceUnlearning(samples=20),
    expunge.InfluenceUnlearning(solver="cg", samples=50, damping=5),
]


def make_net(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))


@pytest.fixture(scope="module")
def diabetes() -> UnlearningData:
    """442 patients, standardised: 32 to forget, 290 to keep, 60 held out, 60 for the test."""
    found = load_diabetes(scaled=False)
    inputs, targets = torch.tensor(found.data).float(), torch.tensor(found.target).float()[:, None]
    inputs, targets = ((x - x.mean(0)) / x.std(0) for x in (inputs, targets))
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    parts = order.split([32, 290, 60, 60])
    return UnlearningData(*(TensorDataset(inputs[part], targets[part]) for part in parts))


@pytest.fixture(scope="module")
def original(diabetes: UnlearningData) -> nn.Module:
    both = torch.utils.data.ConcatDataset([diabetes.forget, diabetes.retain])
    return expunge.train(make_net(0), both, RECIPE, task=TASK, precision="fp32").model


@pytest.mark.parametrize("method", METHODS, ids=lambda one: one.name)
def test_methods_that_read_the_loss_alone_run(
    method: expunge.Method, diabetes: UnlearningData, original: nn.Module
) -> None:
    result = expunge.unlearn(original, diabetes, method, task=TASK)
    before, after = result.health["before"], result.health["after"]
    assert before["forget"].accuracy is None
    assert after["forget"].accuracy is None
    assert any(
        not torch.equal(one, other)
        for one, other in zip(original.parameters(), result.model.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    "name",
    [
        "salun",
        "random-label",
        "boundary-shrink",
        "boundary-expanding",
        "scrub",
        "bad-teacher",
        "unsir",
    ],
)
def test_methods_that_need_labels_or_logits_refuse(
    name: str, diabetes: UnlearningData, original: nn.Module
) -> None:
    with pytest.raises(expunge.InputError, match=r"task with labels|no logits"):
        expunge.unlearn(original, diabetes, expunge.METHODS[name](), task=TASK)


def test_a_record_holds_losses_and_its_report_says_what_is_missing(
    diabetes: UnlearningData, original: nn.Module, tmp_path: Path
) -> None:
    retrained = [
        expunge.train(make_net(seed), diabetes.retain, RECIPE, task=TASK, precision="fp32").model
        for seed in (1, 2)
    ]
    ascent = expunge.GradientAscent(lr=1e-3, epochs=2)
    result = expunge.unlearn(original, diabetes, ascent, task=TASK)
    record = expunge.evaluate(
        result, original=original, data=diabetes, retrained=retrained, precision="fp32"
    )
    for scores in record.scores.values():
        for field in ("forget_accuracy", "retain_accuracy", "test_accuracy", "mia"):
            assert getattr(scores, field) is None
        for field in ("forget_loss", "retain_loss", "test_loss"):
            assert getattr(scores, field) > 0
    assert record.scores["unlearned"]["forget_loss"] > record.scores["original"]["forget_loss"]
    assert record.scores["retrained"]["forget_loss"] > record.scores["original"]["forget_loss"]
    assert record.relearn is None
    assert record.avg_gap is None
    assert record.distributions is not None
    assert record.distributions.quantity == "loss"
    assert record.verdict.status == "cannot tell"
    page = tmp_path / "report.html"
    expunge.report(record, page)
    text = page.read_text(encoding="utf-8")
    assert "Loss, forgotten" in text
    assert "no retrained model" not in text
    assert "not known: scores are missing" in text


def test_an_unchanged_model_is_pointed_out_by_its_loss(
    diabetes: UnlearningData, original: nn.Module
) -> None:
    slow = expunge.GradientAscent(lr=1e-9, epochs=1, weight_decay=0)
    result = expunge.unlearn(original, diabetes, slow, task=TASK)
    assert result.warnings[0].text.startswith("nothing was forgotten: on the forget set loss is as")

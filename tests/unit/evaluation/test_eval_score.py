"""Scores of one model: right, cheap, and without a trace in the model."""

from typing import Any

import pytest
import torch
from tests.unit.evaluation.world import MeanSquare
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from expunge.core import ModelError, UnlearningData, model_digest
from expunge.core.batches import seeded
from expunge.evaluation import score_model, score_sets
from expunge.evaluation.score import evaluating, judged_test, on_device
from expunge.metrics import SetScores, membership_svc, summarise
from expunge.metrics.set_scores import membership
from expunge.tasks import Classification
from expunge.tasks.labels import absent_labels


def test_scores_equal_a_loop_over_single_samples(
    blob_conv_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    sets = score_sets(blob_conv_model, task, blobs, batch_size=7, precision="fp32")
    assert set(sets) == {"forget", "retain", "test"}
    for name, scores in sets.items():
        dataset = getattr(blobs, name)
        assert len(scores.loss) == len(dataset)
        for index in range(len(dataset)):
            inputs, label = dataset[index]
            with torch.no_grad():
                chances = blob_conv_model(inputs[None]).softmax(1)[0]
            assert scores.probability is not None
            assert scores.correct is not None
            assert float(scores.probability[index]) == pytest.approx(
                float(chances[label]), abs=1e-5
            )
            assert float(scores.loss[index]) == pytest.approx(
                -float(chances[label].log()), abs=1e-4
            )
            assert bool(scores.correct[index]) == (int(chances.argmax()) == int(label))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_nothing_about_the_model_changes(
    blob_conv_model: nn.Module, blobs: UnlearningData, task: Classification, precision: str
) -> None:
    model = blob_conv_model.train()
    model[2].eval()  # a frozen BatchNorm inside a model in training mode
    before, randomness = model_digest(model), torch.get_rng_state()
    modes = [module.training for module in model.modules()]
    score_sets(model, task, blobs, precision=precision)
    assert model_digest(model) == before
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), randomness)


def test_modes_come_back_after_an_error(blob_model: nn.Module) -> None:
    blob_model.train()
    with pytest.raises(RuntimeError, match="stop"), evaluating(blob_model):
        raise RuntimeError("stop")
    assert all(module.training for module in blob_model.modules())


def test_dropout_is_off(blob_model: nn.Module, blobs: UnlearningData, task: Classification) -> None:
    asleep = score_sets(blob_model.train(), task, blobs)
    awake = score_sets(blob_model.eval(), task, blobs)
    assert torch.equal(asleep["retain"].loss, awake["retain"].loss)


class Counting(nn.Module):
    """Counts its forward passes, and takes its input by position or by name."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.calls = inner, 0
        self.hint = 3

    def forward(self, inputs: Tensor, scale: float = 1.0) -> Tensor:
        self.calls += 1
        return self.inner(inputs) * scale


def test_one_forward_pass_per_batch(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    model = Counting(blob_model).eval()
    score_sets(model, task, blobs, batch_size=24)
    assert model.calls == 1 + 5 + 2


class Asking(MeanSquare):
    """Calls the model with other arguments each time, and reads an attribute of it."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        assert model.hint == 3
        once, named = model(batch[0]), model(batch[0], scale=2.0)
        again = model(batch[0], scale=2.0)
        assert torch.equal(again, 2 * once)
        assert torch.equal(again, named)
        return again.square().mean(1)


def test_different_questions_get_different_answers(
    blob_model: nn.Module, blobs: UnlearningData
) -> None:
    model = Counting(blob_model)
    score_sets(model, Asking(), UnlearningData(blobs.forget, blobs.retain), batch_size=200)
    assert model.calls == 4  # two different questions for each of two sets


class Noisy(MeanSquare):
    """A loss that draws noise, as those of denoising do."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        return model(batch[0] + torch.randn_like(batch[0])).square().mean(1)


def test_noisy_losses_are_the_same_each_time(blob_model: nn.Module, blobs: UnlearningData) -> None:
    first, second = (score_sets(blob_model, Noisy(), blobs) for _ in range(2))
    assert torch.equal(first["test"].loss, second["test"].loss)


def test_a_task_without_classes_has_losses_only(blobs: UnlearningData) -> None:
    points = TensorDataset(torch.randn(10, 4), torch.zeros(10, 3))
    others = (TensorDataset(torch.randn(10, 4), torch.zeros(10, 3)) for _ in range(3))
    data = UnlearningData(points, *others)
    model = nn.Linear(4, 3)
    scores = score_model(model, data, MeanSquare(), precision="fp32")
    expected = model(points.tensors[0]).square().mean().item()
    assert scores["forget_loss"] == pytest.approx(expected, rel=1e-5)
    known = {name for name, value in scores.items() if value is not None}
    assert known == {"forget_loss", "retain_loss", "test_loss"}


def test_without_a_test_set(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    scores = score_model(blob_model, UnlearningData(blobs.forget, blobs.retain), task)
    assert scores["retain_accuracy"] is not None
    assert (scores["test_accuracy"], scores["test_loss"], scores["mia"]) == (None, None, None)


def test_summary_is_made_of_the_metrics(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    sets = score_sets(blob_model, task, blobs)
    scores = summarise(sets)
    correct, losses = sets["test"].correct, sets["test"].loss
    assert correct is not None
    assert scores["test_accuracy"] == pytest.approx(100 * float(correct.float().mean()))
    assert scores["test_loss"] == pytest.approx(float(losses.mean()))
    assert scores["mia"] is not None
    assert 0 <= scores["mia"] <= 100
    assert summarise(sets) == scores


def test_attack_draws_as_many_members_as_there_are_test_samples() -> None:
    retain = torch.linspace(0.5, 1, 90)
    test, forget = torch.linspace(0.1, 0.8, 30), torch.linspace(0.2, 1, 11)
    sets = {
        "forget": SetScores(torch.zeros(11), None, forget),
        "retain": SetScores(torch.zeros(90), None, retain),
        "test": SetScores(torch.zeros(30), None, test),
    }
    values = {membership(sets, seed) for seed in range(12)}
    assert len(values) > 1  # other members, drawn by the seed
    sets["retain"] = SetScores(torch.zeros(20), None, retain[:20])
    # And as few others, drawn likewise, where D_r is the smaller one.
    order = torch.randperm(30, generator=seeded(0, "membership-svc"))
    balanced = membership_svc(retain[:20], test[order[:20]], forget)
    assert summarise(sets)["mia"] == balanced != membership_svc(retain[:20], test, forget)


def test_absent_labels_are_those_of_the_forget_set_alone(
    blobs: UnlearningData, class_data: UnlearningData, task: Classification
) -> None:
    assert absent_labels(task, blobs).tolist() == []
    assert absent_labels(task, class_data).tolist() == [0]
    assert absent_labels(MeanSquare(), class_data).tolist() == []


def test_absent_labels_are_sorted_and_unique(task: Classification) -> None:
    def make(labels: list[int]) -> TensorDataset:
        return TensorDataset(torch.randn(len(labels), 4), torch.tensor(labels))

    data = UnlearningData(make([2, 1, 2, 0, 1]), make([0, 0]))
    assert absent_labels(task, data).tolist() == [1, 2]


def test_forgotten_classes_do_not_count_in_the_test_set(
    blob_model: nn.Module, class_data: UnlearningData, task: Classification
) -> None:
    sets = score_sets(blob_model, task, class_data)
    labels = class_data.test.tensors[1]
    assert len(sets["test"].loss) == len(labels)  # all are scored
    others = labels != 0
    scores = summarise(sets)
    probability, correct = sets["test"].probability, sets["test"].correct
    assert correct is not None
    assert probability is not None
    assert scores["test_accuracy"] == pytest.approx(100 * float(correct[others].float().mean()))
    assert scores["test_loss"] == pytest.approx(float(sets["test"].loss[others].mean()))
    by_hand = {**sets, "test": SetScores(sets["test"].loss, correct, probability[others])}
    assert scores["mia"] == summarise(by_hand)["mia"]


def test_a_test_set_of_forgotten_classes_alone_says_nothing(
    blob_model: nn.Module, class_data: UnlearningData, task: Classification
) -> None:
    chosen = (class_data.test.tensors[1] == 0).nonzero().flatten()
    only = TensorDataset(*class_data.test[chosen])
    data = UnlearningData(class_data.forget, class_data.retain, test=only)
    scores = score_model(blob_model, data, task)
    assert (scores["test_accuracy"], scores["test_loss"], scores["mia"]) == (None, None, None)


def test_all_test_samples_count_if_no_class_goes(
    blobs: UnlearningData, task: Classification
) -> None:
    judged = judged_test(task, blobs)
    assert judged is not None
    assert bool(judged.all())
    assert judged_test(task, UnlearningData(blobs.forget, blobs.retain)) is None


class Shouting(Dataset):  # type: ignore[type-arg]
    """A set that augments by the global generator, whatever it is asked."""

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.randn(4), self.labels[index]


def test_sets_that_draw_randomness_meet_the_same_each_time(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    data = UnlearningData(Shouting(torch.zeros(9, dtype=torch.long)), blobs.retain)
    first, second = (score_sets(blob_model, task, data)["forget"] for _ in range(2))
    assert torch.equal(first.loss, second.loss)


def test_losses_that_are_not_finite_are_refused(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    with torch.no_grad():
        blob_model[0].weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="for 24 of 24 samples of the forget set"):
        score_sets(blob_model, task, blobs)


def test_another_device_gets_a_copy(blob_model: nn.Module) -> None:
    assert on_device(blob_model, torch.device("cpu")) is blob_model
    moved = on_device(blob_model, torch.device("meta"))
    assert next(moved.parameters()).is_meta
    assert not next(blob_model.parameters()).is_meta

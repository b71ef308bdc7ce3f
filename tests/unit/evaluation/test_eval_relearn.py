"""Relearn curves: the same for all models, repeatable, and on copies only."""

from dataclasses import fields, replace
from itertools import pairwise

import pytest
import torch
from tests.conftest import make_mlp
from tests.unit.evaluation.world import MeanSquare, by_class, fit_on
from torch import nn
from torch.utils.data import TensorDataset

from expunge.core import GuardError, InputError, UnlearningData, model_digest
from expunge.core.schemas.record import Relearn
from expunge.evaluation import (
    UNTIL_RELEARNT,
    Relearning,
    relearn_curve,
    relearn_curves,
    relearn_times,
)
from expunge.evaluation.relearn import join, measured_set
from expunge.metrics import relearn_time
from expunge.tasks import Classification

STEPS = (0, 10, 40, 80)


def test_a_fresh_net_learns_what_a_trained_one_knows(
    blob_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    curve = relearn_curve(make_mlp(3), task, blobs, steps=STEPS, lr=0.1)
    assert len(curve) == len(STEPS)
    assert curve[-1] > curve[0] + 20
    assert all(later >= earlier - 15 for earlier, later in pairwise(curve))
    known = relearn_curve(blob_model, task, blobs, steps=(0,))
    assert known[0] > curve[0]


def test_a_forgotten_class_comes_back_and_is_measured_on_unseen_samples(
    class_data: UnlearningData, task: Classification
) -> None:
    retrained = fit_on(class_data.retain)
    measured, text = measured_set(task, class_data)
    assert set(measured.dataset.tensors[1][measured.indices].tolist()) == {0}
    assert text == f"{len(measured)} unseen samples of the forgotten classes"
    curve = relearn_curve(retrained, task, class_data, steps=STEPS, lr=0.05)
    assert curve[0] == 0.0
    assert curve[-1] > 50


def test_same_seed_same_bits_other_seed_other_batches(
    blobs: UnlearningData, task: Classification
) -> None:
    net = make_mlp(1)
    first, second, other = (
        relearn_curve(net, task, blobs, steps=tuple(range(1, 25)), lr=0.1, seed=seed)
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_size": 40},
        {"forget_per_batch": 20},
        {"lr": 0.5},
        {"momentum": 0.0},
        {"steps": (2, 4)},
        {"seed": 4},
    ],
)
def test_every_setting_changes_the_result(
    blobs: UnlearningData, task: Classification, changed: dict[str, float]
) -> None:
    settings = {
        "steps": tuple(range(1, 25)),
        "batch_size": 80,
        "forget_per_batch": 8,
        "lr": 0.1,
        "precision": "fp32",
    }
    curve = relearn_curve(make_mlp(1), task, blobs, **settings)  # type: ignore[arg-type]
    assert relearn_curve(make_mlp(1), task, blobs, **{**settings, **changed}) != curve  # type: ignore[arg-type]


def test_the_model_given_stays_as_it_is(
    blob_conv_model: nn.Module, blobs: UnlearningData, task: Classification
) -> None:
    before, randomness = model_digest(blob_conv_model), torch.get_rng_state()
    relearn_curve(blob_conv_model, task, blobs, steps=(0, 2), precision="bf16")
    assert model_digest(blob_conv_model) == before
    assert not blob_conv_model.training
    assert torch.equal(torch.get_rng_state(), randomness)


def test_frozen_parameters_are_trained_all_the_same(
    blobs: UnlearningData, task: Classification
) -> None:
    free, frozen = make_mlp(1), make_mlp(1).requires_grad_(False)
    settings = {"steps": (2, 6), "lr": 0.2}
    assert relearn_curve(frozen, task, blobs, **settings) == relearn_curve(  # type: ignore[arg-type]
        free,
        task,
        blobs,
        **settings,  # type: ignore[arg-type]
    )
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_the_whole_curve_goes_into_the_record(blobs: UnlearningData, task: Classification) -> None:
    protocol = Relearning(steps=(0, 2), lr=0.1, seed=3)
    models = {"original": make_mlp(0), "fresh": make_mlp(1)}
    part = relearn_curves(models, task, blobs, protocol)
    assert part.steps == [0, 2]
    assert part.measured_on == "24 of the 24 forgotten samples"
    assert set(part.curves) == {"original", "fresh"}
    alone = relearn_curve(make_mlp(1), task, blobs, steps=(0, 2), lr=0.1, seed=3)
    assert part.curves["fresh"] == alone
    assert {field.name for field in fields(Relearning)} <= set(part.protocol)
    assert part.protocol["batch_size"] == sum(protocol.sizes(blobs))
    assert part.protocol["optimizer"] == "SGD"


def test_default_protocol(blobs: UnlearningData, task: Classification) -> None:
    part = relearn_curves({"fresh": make_mlp(1)}, task, blobs)
    assert part.steps == [0, 3, 6, 9, 12]
    assert len(part.curves["fresh"]) == 5


def points(count: int) -> TensorDataset:
    return TensorDataset(torch.zeros(count, 4), torch.zeros(count, dtype=torch.long))


@pytest.mark.parametrize(
    ("forget", "retain", "expected"),
    [
        (5000, 40000, (64, 448)),
        (64, 448, (64, 448)),
        (32, 40000, (32, 224)),
        (5000, 224, (32, 224)),
        (1, 100, (1, 7)),
        (10, 3, (1, 3)),
    ],
)
def test_sizes_shrink_and_keep_the_mix(forget: int, retain: int, expected: tuple[int, int]) -> None:
    assert Relearning().sizes(UnlearningData(points(forget), points(retain))) == expected


def test_large_sets_are_measured_on_a_thousand(task: Classification) -> None:
    data = UnlearningData(points(1500), points(3))
    assert measured_set(task, data)[1] == "1000 of the 1500 forgotten samples"


def test_a_class_without_unseen_samples_is_measured_on_the_forget_set(
    blobs: UnlearningData, task: Classification
) -> None:
    data = by_class(blobs, 0)
    no_test = UnlearningData(data.forget, data.retain)
    assert measured_set(task, no_test)[0] is data.forget
    others = TensorDataset(*blobs.test[(blobs.test.tensors[1] != 0).nonzero().flatten()])
    assert measured_set(task, UnlearningData(data.forget, data.retain, test=others))[0] is (
        data.forget
    )


def test_a_rare_class_that_goes_by_chance_is_not_a_forgotten_class(task: Classification) -> None:
    def make(labels: list[int]) -> TensorDataset:
        return TensorDataset(torch.zeros(len(labels), 4), torch.tensor(labels))

    data = UnlearningData(make([0, 0, 1, 2]), make([0, 1]), test=make([0, 1, 2, 2]))
    assert measured_set(task, data)[0] is data.forget
    most = UnlearningData(make([0, 2, 2]), make([0, 1]), test=make([0, 1, 2, 2]))
    assert measured_set(task, most)[1] == "2 unseen samples of the forgotten classes"


def test_unlabelled_test_samples_are_of_no_class(class_data: UnlearningData) -> None:
    class Partly(Classification):
        def labels(self, dataset: object) -> torch.Tensor | None:  # type: ignore[override]
            return None if dataset is class_data.test else super().labels(dataset)

    assert measured_set(Partly(3), class_data)[0] is class_data.forget


def test_a_task_without_accuracy_has_no_curve() -> None:
    data = UnlearningData(*(TensorDataset(torch.zeros(4, 4), torch.zeros(4, 3)) for _ in "fr"))
    with pytest.raises(InputError, match=r"correct\(\) gives None"):
        relearn_curve(nn.Linear(4, 3), MeanSquare(), data, steps=(0,))


def test_a_diverging_model_is_reported(blobs: UnlearningData, task: Classification) -> None:
    with pytest.raises(GuardError, match="became"):
        relearn_curve(make_mlp(0), task, blobs, steps=(0, 30), lr=1e30)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": ()}, "increasing"),
        ({"steps": (0, 3, 3)}, "increasing"),
        ({"steps": (-1, 3)}, "increasing"),
        ({"lr": 0.0}, "lr > 0"),
        ({"momentum": -1.0}, "momentum >= 0"),
        ({"batch_size": 0}, "batch_size > 0"),
        ({"forget_per_batch": 512}, "forget_per_batch < batch_size"),
    ],
)
def test_impossible_settings(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Relearning(**settings)  # type: ignore[arg-type]


def test_batches_of_any_form_join() -> None:
    one, other = torch.zeros(2, 3), torch.ones(1, 3)
    both = torch.cat([one, other])
    assert torch.equal(join(one, other), both)
    pair = join((one, torch.tensor([1, 2])), (other, torch.tensor([3])))
    assert torch.equal(pair[0], both)
    assert pair[1].tolist() == [1, 2, 3]
    named = join({"x": one, "id": ("a", "b")}, {"x": other, "id": ("c",)})
    assert torch.equal(named["x"], both)
    assert named["id"] == ("a", "b", "c")


@pytest.mark.slow
def test_relearn_times_lie_between_their_anchors(
    class_data: UnlearningData, task: Classification
) -> None:
    models = {
        "original": fit_on(TensorDataset(*(torch.cat(parts) for parts in zip(
            class_data.forget.tensors, class_data.retain.tensors, strict=True)))),
        "retrained": fit_on(class_data.retain),
        "fresh": make_mlp(9),
    }  # fmt: skip
    protocol = replace(UNTIL_RELEARNT, lr=0.1, batch_size=80, forget_per_batch=24)
    curves = relearn_curves(models, task, class_data, protocol)
    times = relearn_times(curves)
    assert times["original"] == 0
    for name in ("retrained", "fresh"):
        goal = curves.curves["original"][0]
        assert times[name] == relearn_time(curves.steps, curves.curves[name], goal)
        assert times[name] is not None
        assert 0 < times[name] <= 256
    late = relearn_times(curves.model_copy(update={"curves": {"original": [100.0] + [0.0] * 9,
                                                             "fresh": [0.0] * 10}}))  # fmt: skip
    assert late == {"original": 0, "fresh": None}


def test_the_long_protocol_is_the_default_one_for_longer() -> None:
    same = replace(UNTIL_RELEARNT, steps=Relearning.steps)
    assert same == Relearning()
    assert UNTIL_RELEARNT.steps[0] == 0
    assert UNTIL_RELEARNT.steps[-1] >= 20 * Relearning.steps[-1]


def test_relearn_times_need_the_original_and_step_zero() -> None:
    part = Relearn(protocol={}, measured_on="", steps=[0, 2], curves={"original": [90.0, 91.0]})
    assert relearn_times(part) == {"original": 0}
    with pytest.raises(InputError, match="did you mean 'original'"):
        relearn_times(part, target="orignal")
    late = part.model_copy(update={"steps": [2, 4]})
    with pytest.raises(InputError, match=r"start at step 0.* got steps \[2, 4\]"):
        relearn_times(late)

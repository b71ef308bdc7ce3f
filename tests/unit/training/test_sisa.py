"""SISA: a request gives the bits of training without the samples, and costs less."""

import json

import pytest
import torch
from tests.conftest import CLASSES, make_blobs
from torch import nn
from torch.utils.data import Dataset, Subset, TensorDataset

from expunge import Recipe, Regression, Sisa, load_sisa, make_recipe, train_sisa, unlearn_sisa
from expunge.core import DataError, InputError, ModelError
from expunge.core.batches import derive_seed
from expunge.core.isolation import isolated_randomness, seed_everything
from expunge.training import train

RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05)
SHARDS, SLICES = 3, 2
OPTIONS = {"shards": SHARDS, "slices": SLICES, "seed": 5, "precision": "fp32"}
REQUEST = [3, 17, 40]


def make_net():
    """BatchNorm and Dropout: running statistics and randomness must be right as well."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)),
        nn.Conv2d(1, 4, 2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(36, CLASSES),
    )


@pytest.fixture(scope="module")
def data():
    return TensorDataset(*(column[:66] for column in make_blobs().retain.tensors))


@pytest.fixture
def folder(tmp_path, data, task):
    train_sisa(make_net, data, RECIPE, task=task, folder=tmp_path / "sisa", **OPTIONS)
    return tmp_path / "sisa"


def scratch(folder, data, task, without):
    return train_sisa(make_net, data, RECIPE, task=task, folder=folder, without=without, **OPTIONS)


def plan(folder):
    return json.loads((folder / "sisa.json").read_text())


def weights(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}


def in_part(folder, shard, place):
    return [i for i, part in enumerate(plan(folder)["parts"]) if part == shard * SLICES + place]


def same(first, second):
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_unlearning_has_the_bits_of_training_without_the_samples(folder, tmp_path, data, task):
    before = weights(folder)
    result = unlearn_sisa(folder, REQUEST, make_net, data, task=task)
    expected = scratch(tmp_path / "scratch", data, task, REQUEST)
    assert same(result.model, expected)
    assert weights(folder) == weights(tmp_path / "scratch")
    assert weights(folder) != before
    assert plan(folder) == plan(tmp_path / "scratch")
    inputs = data.tensors[0]
    assert torch.equal(result.model(inputs), load_sisa(folder, make_net)(inputs))


def test_training_without_them_is_a_plain_loop_over_slices(folder, data, task):
    result = unlearn_sisa(folder, REQUEST, make_net, data, task=task)
    parts, read = plan(folder)["parts"], 0
    for shard in range(SHARDS):
        with isolated_randomness():
            seed_everything(derive_seed(5, "sisa", "net", shard))
            net = make_net()
        for place in range(SLICES):
            seen = [shard * SLICES + earlier for earlier in range(place + 1)]
            kept = [i for i, part in enumerate(parts) if part in seen and i not in REQUEST]
            done = train(
                net,
                Subset(data, kept),
                Recipe(epochs=2, batch_size=8, lr=0.05),  # 3 * 2 / (2 + 1)
                task=task,
                seed=derive_seed(5, "sisa", shard, place),
                precision="fp32",
            )
            net, read = done.model, read + done.samples_read
        assert same(result.model.nets[shard], net)
    assert result.samples_full == read


def test_only_what_saw_the_sample_is_retrained(folder, data, task):
    before = weights(folder)
    late = in_part(folder, 1, 1)[0]
    result = unlearn_sisa(folder, [late], make_net, data, task=task)
    assert result.retrained == {1: 1}
    after = weights(folder)
    assert [name for name in before if before[name] != after[name]] == [
        "shard-1-slice-1.safetensors"
    ]
    early = in_part(folder, 2, 0)[0]
    again = unlearn_sisa(folder, [early], make_net, data, task=task)
    assert again.retrained == {2: 0}
    assert 0 < result.samples_read < again.samples_read < again.samples_full
    assert again.samples_full > 2.5 * again.samples_read
    assert plan(folder)["removed"] == sorted([late, early])


def test_requests_accumulate_and_old_ones_cost_nothing(folder, tmp_path, data, task):
    unlearn_sisa(folder, REQUEST[:1], make_net, data, task=task)
    gone = TensorDataset(*(column.clone() for column in data.tensors))
    gone.tensors[0][REQUEST[0]] = 0  # what was removed need not be kept
    result = unlearn_sisa(folder, REQUEST, make_net, gone, task=task)
    expected = scratch(tmp_path / "scratch", data, task, REQUEST)
    assert same(result.model, expected)
    again = unlearn_sisa(folder, torch.tensor(REQUEST), make_net, gone, task=task)
    assert (again.retrained, again.samples_read) == ({}, 0)


@pytest.mark.parametrize("repeat", [True, False])
def test_a_killed_request_goes_on_and_keeps_nothing_of_the_samples(
    folder, tmp_path, data, task, repeat
):
    rows = []

    def stop_in_the_middle(row):
        rows.append(row)
        if row["slice"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unlearn_sisa(folder, REQUEST, make_net, data, task=task, on_log=stop_in_the_middle)
    assert {"shard", "slice", "loss"} <= rows[0].keys()
    parts = plan(folder)["parts"]
    for shard, place in (divmod(parts[position], SLICES) for position in REQUEST):
        left = [p for p in range(place, SLICES) if p >= plan(folder)["done"][shard]]
        assert not any((folder / f"shard-{shard}-slice-{p}.safetensors").exists() for p in left)
    with pytest.raises(InputError, match=r"slices are missing; repeat the request"):
        load_sisa(folder, make_net)
    result = unlearn_sisa(folder, REQUEST if repeat else [], make_net, data, task=task)
    assert same(result.model, scratch(tmp_path / "scratch", data, task, REQUEST))


def test_a_killed_training_resumes_with_the_same_bits(folder, tmp_path, data, task):
    def stop_in_the_middle(row):
        if row["shard"] == 1 and row["slice"] == 1:
            raise KeyboardInterrupt

    half = {"task": task, "folder": tmp_path / "half", **OPTIONS}
    with pytest.raises(KeyboardInterrupt):
        train_sisa(make_net, data, RECIPE, on_log=stop_in_the_middle, **half)
    with pytest.raises(InputError, match=r"holds a training already.*resume = True"):
        train_sisa(make_net, data, RECIPE, **half)
    with pytest.raises(InputError, match=r"holds another training"):
        train_sisa(make_net, data, RECIPE, resume=True, **{**half, "seed": 6})
    result = train_sisa(make_net, data, RECIPE, resume=True, **half)
    assert same(result, load_sisa(folder, make_net))


def test_a_shard_that_lost_all_samples_has_no_say(folder, tmp_path, data, task):
    gone = in_part(folder, 0, 0) + in_part(folder, 0, 1)
    result = unlearn_sisa(folder, gone, make_net, data, task=task)
    assert len(result.model.nets) == SHARDS - 1
    assert result.samples_read == 0
    assert same(result.model, scratch(tmp_path / "scratch", data, task, gone))


def test_samples_are_dealt_out_evenly_by_the_seed(folder, tmp_path, data, task):
    parts = plan(folder)["parts"]
    assert sorted(parts) == sorted(list(range(6)) * 11)
    assert parts != sorted(parts)
    other = {**OPTIONS, "seed": 6}
    brief = Recipe(epochs=0.1, batch_size=8, lr=0.05)
    train_sisa(make_net, data, brief, task=task, folder=tmp_path / "other", **other)
    assert plan(tmp_path / "other")["parts"] != parts
    nets = load_sisa(folder, make_net).nets
    assert not same(nets[0], nets[1])


class Dictionaries(Dataset):
    """Mappings with a random transform, as a user may write it."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return {
            "x": torch.full((3,), float(index)) + 0.1 * torch.randn(3),
            "y": torch.tensor([float(index)]),
            "name": str(index),
        }


def test_regression_on_a_set_with_random_transforms(tmp_path):
    data, task = Dictionaries(), Regression(target_std=4.0)
    recipe = Recipe(epochs=1, batch_size=4, lr=1e-3, schedule="constant")
    options = {"task": task, "shards": 2, "combine": "outputs"}

    def line():
        return nn.Linear(3, 1)

    train_sisa(line, data, recipe, folder=tmp_path / "a", **options)
    result = unlearn_sisa(tmp_path / "a", [5], line, data, task=task).model
    expected = train_sisa(line, data, recipe, folder=tmp_path / "b", without=[5], **options)
    assert same(result, expected)
    inputs = torch.randn(4, 3)
    torch.testing.assert_close(result(inputs), sum(net(inputs) for net in result.nets) / 2)


def test_the_ensemble_combines_as_it_says():
    nets = [nn.Linear(4, 3) for _ in range(5)]
    inputs = torch.randn(7, 4)
    logits = [net(inputs) for net in nets]
    mean = sum(each.softmax(1) for each in logits) / 5
    torch.testing.assert_close(Sisa(nets)(inputs), mean.log())
    votes = Sisa(nets, "votes")(inputs)
    for row, answer in enumerate(votes.exp()):
        counts = [sum(int(each[row].argmax()) == c for each in logits) for c in range(3)]
        assert answer.tolist() == pytest.approx([(count + 1) / 8 for count in counts])
    assert not Sisa(nets).training
    with pytest.raises(InputError, match="did you mean 'votes'"):
        Sisa(nets, "vote")
    with pytest.raises(InputError, match="at least one net"):
        Sisa([])
    with pytest.raises(ModelError, match=r'shape \(B, C\).*combine = "outputs"'):
        Sisa([nn.Flatten(0)])(inputs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shards": 67, "slices": 1}, r"shards \* slices <= 66.*got 67 \* 1"),
        ({"shards": 34}, r"shards \* slices <= 66.*got 34 \* 2"),
        ({"shards": 0}, "expected shards > 0, got 0"),
        ({"slices": -1}, "expected slices > 0, got -1"),
        ({"combine": "median"}, "expected combine to be one of"),
        ({"without": [66]}, r"between 0 and 65, got 66 \(1 out of range\)"),
        ({"without": range(66)}, "expected some of the 66 samples to stay"),
        ({"recipe": make_recipe("paper")}, "milestones are epochs of a single training"),
    ],
)
def test_training_that_cannot_be_is_refused(tmp_path, data, task, changes, words):
    options = {**OPTIONS, "recipe": RECIPE, "task": task, "folder": tmp_path / "x", **changes}
    with pytest.raises(InputError, match=words):
        train_sisa(make_net, data, **options)
    assert not (tmp_path / "x").exists()


def test_requests_that_cannot_be_are_refused_and_change_nothing(folder, data, task):
    before, told = weights(folder), plan(folder)

    def refuse(error, words, positions=(1,), net=make_net, dataset=data, place=folder):
        with pytest.raises(error, match=words):
            unlearn_sisa(place, positions, net, dataset, task=task)

    refuse(InputError, r"between 0 and 65, got -1 \(2 out of range\)", [70, -1])
    refuse(InputError, "at least one position to remove, got none", [])
    refuse(InputError, r"as integers, got torch\.bool; turn a mask", torch.ones(66) > 0)
    refuse(InputError, "expected some of the 66 samples to stay", range(66))
    refuse(DataError, "expected the 66 samples .* got 65", dataset=Subset(data, range(65)))
    turned = Subset(data, [*range(1, 66), 0])
    refuse(DataError, "fingerprint of the samples that are still in differs", dataset=turned)
    refuse(InputError, "make_net makes another net", net=lambda: nn.Linear(4, 3))
    refuse(InputError, "name the folder that train_sisa filled", place=folder / "no")
    assert weights(folder) == before
    assert plan(folder) == told
    (folder / "sisa.json").write_text('{"shards": 3}')
    refuse(InputError, "damaged or of another version")

"""Random labels: which are drawn, when they change, and a plain loop over the mix."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset, TensorDataset

from expunge.core import DataError, Guard, InputError, Run, UnlearningData, unlearn
from expunge.data import ImageSet
from expunge.methods import RandomLabel
from expunge.methods._shared.relabel import Mixed
from expunge.tasks.labels import with_labels

LENIENT = Guard(max_retain_drop=100)


class Pairs(Dataset):
    """The same points as mappings with a name, as Hugging Face sets give them."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        inputs, label = self.dataset[index]
        return {"x": inputs, "label": label, "file": f"{index}.png"}


class NoLabels:
    """A task that has none, such as one of plain images."""

    loss_ceiling = 20.0

    def labels(self, dataset):
        return None


@pytest.mark.parametrize("relabel", ["once", "each-pass"])
def test_it_follows_a_plain_loop(blob_conv_model, blobs, task, relabel):
    method = RandomLabel(relabel=relabel, lr=0.05, epochs=2, batch_size=48)
    result = unlearn(blob_conv_model, blobs, method, task=task, seed=5, guard=LENIENT)

    model = copy.deepcopy(blob_conv_model).train()
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    mixed = Mixed(task, blobs, Run(5))
    inputs = torch.cat([blobs.forget.tensors[0], blobs.retain.tensors[0]])
    order = Run(5).batches("mixed", TensorDataset(torch.arange(144)), 48)
    for step in range(6):
        mixed.draw(step // 3 if relabel == "each-pass" else 0)
        labels = torch.cat([mixed.wrong, blobs.retain.tensors[1]])
        chosen = order[step][0]
        sgd.zero_grad()
        F.cross_entropy(model(inputs[chosen]), labels[chosen]).backward()
        sgd.step()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(
            result.model.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name
        )


def test_no_drawn_label_is_right_and_all_others_occur(blobs, task):
    mixed = Mixed(task, blobs, Run(0))
    own = blobs.forget.tensors[1]
    drawn = set()
    for number in range(20):
        mixed.draw(number)
        assert not (mixed.wrong == own).any()
        drawn |= set(zip(own.tolist(), mixed.wrong.tolist(), strict=True))
    assert drawn == {(a, b) for a in range(3) for b in range(3) if a != b}


def test_labels_of_a_draw_depend_on_the_seed_and_its_number_alone(blobs, task):
    first, second, third = (Mixed(task, blobs, Run(seed)) for seed in (0, 0, 1))
    start = first.wrong
    assert torch.equal(start, second.wrong)
    assert not torch.equal(start, third.wrong)
    first.draw(3)
    assert not torch.equal(start, first.wrong)
    first.draw(0)
    assert torch.equal(start, first.wrong)


def test_labels_may_have_gaps_and_a_forgotten_class_gets_none_of_its_own(task):
    inputs = torch.zeros(12, 4)
    data = UnlearningData(
        TensorDataset(inputs, torch.full((12,), 7)),
        TensorDataset(inputs, torch.tensor([2, 40] * 6)),
    )
    wrong = Mixed(task, data, Run(0)).wrong
    assert set(wrong.tolist()) == {2, 40}


@pytest.mark.parametrize("form", ["pairs", "mappings", "images"])
def test_a_batch_holds_wrong_labels_for_d_f_only(blobs, task, form):
    if form == "images":
        sets = [
            ImageSet((40 * part.tensors[0].abs()).byte().view(-1, 1, 2, 2), part.tensors[1])
            for part in (blobs.forget, blobs.retain)
        ]
    else:
        sets = [blobs.forget, blobs.retain]
        sets = [Pairs(part) for part in sets] if form == "mappings" else sets
    mixed = Mixed(task, UnlearningData(*sets), Run(0))
    own = blobs.retain.tensors[1]
    for chosen in ([0, 30, 5, 143], [2, 3], [24, 25]):
        batch = mixed.batch(torch.tensor(chosen), None)
        forget = [place for place in chosen if place < 24]
        retain = [place - 24 for place in chosen if place >= 24]
        labels = batch["label"] if form == "mappings" else batch[1]
        assert labels.tolist() == torch.cat([mixed.wrong[forget], own[retain]]).tolist()
        if form == "mappings":
            assert list(batch["file"]) == [f"{place}.png" for place in forget + retain]
    assert task.labels(sets[0]).tolist() == blobs.forget.tensors[1].tolist()


def test_it_forgets_what_it_relabels(blob_model, blobs, task):
    method = RandomLabel(lr=0.05, epochs=10, batch_size=24)
    result = unlearn(blob_model, blobs, method, task=task, guard=LENIENT).model

    def accuracy(model, dataset):
        return task.correct(model, dataset.tensors).float().mean()

    assert accuracy(result, blobs.forget) < accuracy(blob_model, blobs.forget) - 0.2
    assert accuracy(result, blobs.retain) > 0.6


def test_a_task_without_labels_is_refused(blob_model, blobs):
    with pytest.raises(InputError, match=r"task with labels, but NoLabels\.labels gives None"):
        RandomLabel()(blob_model, NoLabels(), blobs, Run(0))


def test_a_single_label_leaves_no_wrong_one(task):
    same = TensorDataset(torch.zeros(8, 4), torch.ones(8, dtype=torch.long))
    with pytest.raises(InputError, match=r"at least 2 different labels, got only \[1\]"):
        Mixed(task, UnlearningData(same, TensorDataset(*same.tensors)), Run(0))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(3, 4), "got Tensor"),
        ((torch.zeros(3, 4),), "got tuple"),
        ({"x": torch.zeros(3, 4)}, r"got keys \['x'\]"),
        ((torch.zeros(3, 4), torch.zeros(3, 2)), r"shape \(3,\), got \(3, 2\)"),
        ((torch.zeros(3, 4), ("a", "b", "c")), r"shape \(3,\), got tuple"),
    ],
)
def test_a_batch_without_a_label_per_sample_is_named(batch, message):
    with pytest.raises(DataError, match=message):
        with_labels(batch, torch.ones(3, dtype=torch.long))


def test_an_unknown_way_to_relabel_is_named():
    with pytest.raises(InputError, match="did you mean 'each-pass'"):
        RandomLabel(relabel="each-pas")

"""What Python callers hand over by mistake is named, with what was meant."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.prune as pruning
from torch import nn
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

import expunge
from expunge import Classification, InputError, ModelError, UnlearningData
from expunge.core import DataError
from expunge.models import load_weights

TASK = Classification(num_classes=3)
METHOD = expunge.FineTune(epochs=1, batch_size=8, lr=0.01)


def items(size: int = 40) -> TensorDataset:
    inputs = torch.randn(size, 6, generator=torch.Generator().manual_seed(0))
    return TensorDataset(inputs, torch.arange(size) % 3)


def net(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), *layers, nn.ReLU(), nn.Linear(8, 3))


def data() -> UnlearningData:
    return UnlearningData.split(items(), range(6))


def run(model=None, sets=None, method=METHOD, task=TASK, **how):
    return expunge.unlearn(model or net(), sets or data(), method, task=task, **how)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": lambda x: x}, "expected model to be a torch.nn.Module, got function"),
        ({"model": net().state_dict()}, "call load_state_dict with it"),
        ({"sets": {"forget": items()}}, "UnlearningData, got dict; make one with"),
        ({"method": expunge.FineTune}, "got the class FineTune, not one of its kind: call it"),
        ({"method": "fine-tune"}, "expected method to be a method such as .*, got 'fine-tune'"),
        ({"task": Classification}, "got the class Classification"),
        ({"device": "tpu"}, "expected device to be one of torch .*, got 'tpu'"),
        ({"seed": "a"}, "seed to be a whole number from 0 to .*, got 'a'"),
        ({"seed": -1}, "got -1"),
        ({"seed": True}, "got True"),
        ({"seed": 2**63}, f"got {2**63}"),
        ({"seed": 1.0}, "got 1.0"),
    ],
)
def test_the_wrong_kind_is_named(given, message) -> None:
    with pytest.raises(InputError, match=message):
        run(**given)


def test_a_seed_of_numpy_is_a_seed() -> None:
    one, two = run(seed=np.int64(3)), run(seed=3)
    assert one.seed == 3
    assert type(one.seed) is int
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expunge.train(net(), items(), "quick", task=TASK), "recipe to be Recipe, got 'qu"),
        (lambda: expunge.report("record.json", "x.html"), "record to be Record, got 'record.json'"),
        (lambda: expunge.evaluate(net(), original=net(), data=data()), "what unlearn returns"),
        (lambda: expunge.save_weights(5, "x.safetensors"), "a torch.nn.Module, got 5"),
        (lambda: expunge.load_source(None), "source to be a name such as 'cifar10', got None"),
        (lambda: expunge.select_forget(None, {"kind": "random"}), "bundle to be Bundle, got None"),
        (lambda: expunge.load_config(5), "expected config to be the path of a file, got 5"),
    ],
)
def test_so_it_is_elsewhere(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_gradients_that_the_caller_turned_off_are_on_inside() -> None:
    expected = run().model
    with torch.no_grad():
        found = run().model
        assert not torch.is_grad_enabled()
    pairs = zip(found.parameters(), expected.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net()

    def forward(self, inputs):
        return self.net(inputs).detach()


class Complex(Detached):
    def forward(self, inputs):
        return self.net(inputs) + 1j


def pruned() -> nn.Module:
    model = net()
    pruning.l1_unstructured(model[0], "weight", 0.5)
    model(torch.zeros(1, 6))
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Detached, "does not depend on any parameter"),
        (Complex, "expected real numbers as logits, got complex ones"),
        (lambda: net(nn.BatchNorm1d(8, track_running_stats=False)), "1 .BatchNorm1d. keeps no run"),
        (lambda: net().to("meta"), "'0.weight' has a shape but no values"),
        (pruned, r"cannot be copied .*prune.remove"),
    ],
)
def test_nets_that_cannot_be_unlearned_say_why(model, message) -> None:
    with pytest.raises(ModelError, match=message):
        run(model())


def test_training_a_net_without_a_graph_says_why() -> None:
    with pytest.raises(ModelError, match="does not depend on any parameter"):
        expunge.train(Detached(), items(), expunge.RECIPES["quick"], task=TASK)


class Items(Dataset):
    def __init__(self, make) -> None:
        self.make = make

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index):
        return self.make(index)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda i: (b"abc", i % 3), "in the forget set: expected one tensor .*, got "),
        (lambda i: ((torch.zeros(6), torch.zeros(6)), i % 3), "got (tuple|list) of 2"),
        (lambda i: (torch.zeros(6), i % 3 - 1), "got -1 at position 0"),
        (lambda i: (torch.zeros(6).long(), i % 3), "inputs in torch.int64 do not go with this mo"),
    ],
)
def test_items_that_no_net_reads(make, message) -> None:
    with pytest.raises(InputError, match=message):
        run(sets=UnlearningData.split(Items(make), range(4)))


def test_lists_of_numbers_are_tensors() -> None:
    rows = items()
    lists = Items(lambda i: (rows[i][0].tolist(), int(rows[i][1])))
    found = run(sets=UnlearningData.split(lists, range(6))).model
    expected = run().model
    pairs = zip(found.parameters(), expected.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_table_of_plain_lists_runs() -> None:
    tables = pytest.importorskip("datasets")
    rows = items()
    columns = {"x": rows.tensors[0].tolist(), "label": rows.tensors[1].tolist()}
    found = run(sets=UnlearningData.split(tables.Dataset.from_dict(columns), range(6))).model
    pairs = zip(found.parameters(), run().model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_views_of_one_set_do_not_overlap() -> None:
    rows = items()
    with pytest.raises(DataError, match="10 samples are in the forget set and in the retain"):
        UnlearningData(Subset(rows, range(10)), ConcatDataset([rows]))
    tables = pytest.importorskip("datasets")
    table = tables.Dataset.from_dict({"x": list(range(40)), "label": [0] * 40})
    for form in (table, table.with_format("torch")):
        for forget in (form.select(range(10)), form.select([5, 3, 8])):
            with pytest.raises(DataError, match=f"{len(forget)} samples are in the forget set"):
                UnlearningData(forget, form)
        kept = UnlearningData(form.select(range(10)), form.select(range(10, 40)))
        assert kept.sizes() == {"forget": 10, "retain": 30}


def test_sets_of_different_origin_are_compared_by_their_bytes() -> None:
    inputs, labels = items().tensors
    part, rest = TensorDataset(inputs[:6], labels[:6]), TensorDataset(inputs[6:], labels[6:])
    with pytest.raises(DataError, match="all 6 samples of the forget set are in the retain set"):
        UnlearningData(part, TensorDataset(inputs.clone(), labels))
    with pytest.raises(DataError, match="all 6 samples of the forget set are in the retain set"):
        UnlearningData([part[row] for row in range(6)], TensorDataset(inputs, labels))
    with pytest.warns(UserWarning, match="3 inputs of the forget set are, byte for byte, in the r"):
        UnlearningData(part, TensorDataset(inputs[3:], labels[3:]))
    with pytest.warns(UserWarning, match="34 inputs of the retain set are, byte for byte, in the"):
        UnlearningData.split(items(), range(6), test=TensorDataset(inputs[6:], labels[6:]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        UnlearningData(part, rest)
        UnlearningData(part, TensorDataset(inputs[4:], labels[4:]))  # some recur by nature
        twice = TensorDataset(torch.cat([inputs, inputs]), torch.cat([labels, labels]))
        UnlearningData.split(twice, range(6))  # one training set may repeat itself


class Jittered(TensorDataset):
    def __getitem__(self, row: int) -> Any:
        return self.tensors[0][row] + torch.randn(6), 0


class Broken(TensorDataset):
    def __getitem__(self, row: int) -> Any:
        raise OSError("no such file")


def test_items_that_augment_are_compared_and_those_that_break_are_not() -> None:
    inputs, _ = items().tensors
    with pytest.raises(DataError, match="all 6 samples of the forget set are in the retain set"):
        UnlearningData(Jittered(inputs[:6]), Jittered(inputs))
    assert UnlearningData(Jittered(inputs[:6]), Jittered(inputs[6:])).sizes()["retain"] == 34
    assert UnlearningData(Broken(inputs[:6]), Broken(inputs)).sizes()["retain"] == 40


def test_one_sample_cannot_keep_a_model() -> None:
    with pytest.raises(InputError, match="all training samples but one are to be forgotten"):
        run(sets=UnlearningData.split(items(), range(39)), method=expunge.Scissorhands())


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"train": items(), "test": items()}, "as the training set, got dict of train, test"),
        ({}, "as the training set, got dict of "),
    ],
)
def test_several_sets_are_not_one(sets: Any, told: str) -> None:
    with pytest.raises(DataError, match=f"expected one data set {told}"):
        UnlearningData.split(sets, [0])
    with pytest.raises(DataError, match="expected one data set as the retain set, got dict"):
        UnlearningData(items(), sets)


def test_positions_beyond_int64_are_not_negative_ones() -> None:
    with pytest.raises(DataError, match="expected positions between 0 and 39, got 3 to 4611686"):
        UnlearningData.split(items(), np.array([2**64 - 1, 3], dtype=np.uint64))
    found = UnlearningData.split(items(), np.array([4, 3], dtype=np.uint64))
    assert torch.equal(found.forget[0][0], items()[3][0])


def test_complex_positions_are_refused() -> None:
    with pytest.raises(DataError, match="got complex ones such as"):
        UnlearningData.split(items(), [1 + 0j])


def test_weights_beside_those_of_a_loss_are_read(tmp_path) -> None:
    model = net()
    there = {f"model.{name}": value + 1 for name, value in model.state_dict().items()}
    torch.save({"state_dict": {**there, "criterion.weight": torch.ones(3)}}, tmp_path / "a.ckpt")
    load_weights(model, tmp_path / "a.ckpt")
    assert torch.equal(model[0].weight, there["model.0.weight"])
    # Two copies of the net: nobody knows which one is meant.
    torch.save({**there, **{f"ema.{k[6:]}": v for k, v in there.items()}}, tmp_path / "b.pth")
    with pytest.raises(ModelError, match="do not fit the net"):
        load_weights(net(), tmp_path / "b.pth")


def test_one_bit_of_an_archive_of_torch(tmp_path) -> None:
    model = net()
    path = tmp_path / "w.pth"
    torch.save(model.state_dict(), path)
    whole = bytearray(path.read_bytes())
    place = whole.find(model[0].weight.detach().numpy().tobytes()[:16])
    whole[place + 5] ^= 4
    path.write_bytes(whole)
    with pytest.raises(ModelError, match=r"w.pth is damaged: the checksum of .* does not match"):
        load_weights(net(), path)


def test_retraining_names_buffers_that_stay() -> None:
    class Centre(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.ones(8))

        def forward(self, inputs):
            return inputs - self.mean

    found = run(net(Centre()), method=expunge.Retrain(recipe="quick", epochs=1, batch_size=8))
    assert found.decisions["kept_buffers"]["value"] == ["1.mean"]
    found = run(method=expunge.Retrain(recipe="quick", epochs=1, batch_size=8))
    assert "kept_buffers" not in found.decisions

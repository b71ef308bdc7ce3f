"""What a task or set can do is asked by protocol; wrappers can do exactly what they wrap."""

import pickle
from typing import Any

import pytest
import torch
from tests.unit.tasks import denoisers
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from expunge import FineTune, Scissorhands
from expunge.core import Guard, InputError, UnlearningData, unlearn
from expunge.core import capabilities as can
from expunge.core.method import needs_of, optional_sets, required_sets
from expunge.core.precision import AutocastTask
from expunge.data import ImageSet, LatentSet
from expunge.methods import METHODS
from expunge.tasks import Classification, Regression

TASKS = {
    "classification": lambda: Classification(3),
    "regression": Regression,
    "denoising": denoisers.text_task,
}
OF_TASKS = [
    can.GivesLogits,
    can.BoundsLosses,
    can.ChecksSets,
    can.ChecksLabels,
    can.ChecksModel,
    can.NamesOptimizer,
    can.NamesLabels,
    can.Denoises,
]


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_in_half_precision_can_do_what_it_could(kind):
    task = TASKS[kind]()
    wrapped = AutocastTask(task, "cpu")
    for one in OF_TASKS:
        assert isinstance(wrapped, one) == isinstance(task, one), one
    again = pickle.loads(pickle.dumps(wrapped)) if kind != "denoising" else wrapped
    assert isinstance(again, AutocastTask)
    assert isinstance(again, can.GivesLogits) == isinstance(task, can.GivesLogits)


def test_tasks_can_do_what_their_kind_says():
    found = {
        kind: {one.__name__ for one in OF_TASKS if isinstance(make(), one)}
        for kind, make in TASKS.items()
    }
    assert found["classification"] == {"GivesLogits", "ChecksLabels", "ChecksModel", "NamesLabels"}
    assert found["regression"] == {"ChecksSets", "NamesLabels"}
    assert found["denoising"] >= {"Denoises", "BoundsLosses", "NamesOptimizer", "ChecksLabels"}
    assert "GivesLogits" not in found["denoising"]


def test_a_need_is_checked_before_anything_starts(blob_model, blobs):
    rows: list[Any] = []
    for name, method in METHODS.items():
        if can.GivesLogits in needs_of(method):
            floats = (TensorDataset(x, x) for x in blobs.forget.tensors[0].split(12))
            with pytest.raises(InputError, match=rf"{name} needs class scores, but the task Regr"):
                unlearn(
                    blob_model,
                    UnlearningData(*floats),
                    method(),
                    task=Regression(),
                    on_log=rows.append,
                )
    assert not rows


def test_what_a_method_does_not_declare_has_a_default(blobs):
    assert needs_of(FineTune()) == optional_sets(FineTune) == frozenset()
    assert optional_sets(Scissorhands()) == {"validation"}
    assert required_sets(Scissorhands) == {"forget", "retain"}


class Loader(Dataset):
    """Has a ``batch`` that groups rows, as sets of Hugging Face and torchdata have."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return torch.tensor(index)

    def batch(self, batch_size, drop_last=False):
        raise AssertionError


class Fast:
    def __len__(self):
        return 3

    def batch(self, rows, chance):
        return rows


class FastByDefault(Fast):
    def batch(self, rows, generator=None):
        return rows


class Wrapper(Fast):
    def batch(self, *given):
        return given[0]


def test_a_fast_set_is_known_by_what_its_batch_takes():
    assert not can.makes_batches(Loader())
    assert all(can.makes_batches(kind()) for kind in (Fast, FastByDefault, Wrapper))
    assert can.makes_batches(LatentSet(torch.zeros(2, 1), torch.zeros(2)))


def test_an_image_set_can_do_everything_that_a_set_can():
    images = ImageSet(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]))
    kinds = [
        value for name, value in vars(can).items() if name.endswith("Set") and name != "TableSet"
    ]
    assert len(kinds) >= 10
    assert all(isinstance(images, kind) for kind in kinds)
    assert not isinstance(images, can.TableSet)


class Rows(Dataset):
    """A ``TensorDataset`` of dicts."""

    def __init__(self, inputs: Tensor, labels: Tensor) -> None:
        self.inputs, self.classes_of = inputs, labels

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"x": self.inputs[index], "label": self.classes_of[index]}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "method",
    [
        FineTune(lr=0.05, epochs=1, batch_size=16),
        Scissorhands(lr=0.05, epochs=1, batch_size=16),
    ],
    ids=["fine-tune", "scissorhands"],
)
def test_a_set_of_hugging_face_is_taken_as_it_is(blob_model, blobs, method):
    datasets = pytest.importorskip("datasets")
    both = (blobs.forget.tensors, blobs.retain.tensors)
    inputs, labels = (torch.cat(column) for column in zip(*both, strict=True))

    def table(x: Tensor, y: Tensor) -> Any:
        columns = {"x": x.tolist(), "label": y.tolist()}
        return datasets.Dataset.from_dict(columns).with_format("torch")

    found = []
    for make in (table, Rows):
        train, held = make(inputs, labels), make(*blobs.validation.tensors)
        data = UnlearningData.split(train, torch.arange(24), validation=held)
        assert data.sizes() == {"forget": 24, "retain": 120, "validation": 48}
        result = unlearn(
            blob_model, data, method, task=Classification(3), guard=Guard(max_retain_drop=100)
        )
        found.append(result.model.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])

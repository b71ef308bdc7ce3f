"""What methods with teachers share: another object, its weights, its divergence."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from expunge.core import InputError, Run
from expunge.core.precision import AutocastTask
from expunge.methods import METHODS
from expunge.methods._shared.teachers import divergence, frozen_copy

NEED_LOGITS = ("bad-teacher", "boundary-expanding", "boundary-shrink", "scrub")


class LossOnly:
    """A task that can be learnt but does not show class scores."""

    loss_ceiling = 20.0

    def loss(self, model, batch):
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def correct(self, model, batch):
        return None

    def labels(self, dataset):
        return None


@pytest.mark.parametrize("wrap", [lambda task: task, lambda task: AutocastTask(task, "cpu")])
@pytest.mark.parametrize("name", NEED_LOGITS)
def test_a_task_without_logits_is_refused_with_a_way_out(name, wrap, blob_model, blobs):
    with pytest.raises(InputError, match=rf"{name} needs class scores.*use scissorhands"):
        METHODS[name]()(blob_model, wrap(LossOnly()), blobs, Run(0))


def test_logits_are_computed_in_bfloat16_and_come_out_in_float32(blob_model, blobs, task):
    seen = []
    blob_model[0].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    logits, labels = AutocastTask(task, "cpu").logits(blob_model, blobs.forget.tensors)
    assert seen == [torch.bfloat16]
    assert logits.dtype == torch.float32
    assert torch.equal(labels, blobs.forget.tensors[1])


def test_a_frozen_copy_shares_nothing_and_has_nothing_to_train(blob_model):
    blob_model.train()
    teacher = frozen_copy(blob_model)
    assert not teacher.training
    assert blob_model.training
    assert not any(p.requires_grad for p in teacher.parameters())
    shared = {p.data_ptr() for p in blob_model.parameters()}
    assert not shared & {p.data_ptr() for p in teacher.parameters()}


def test_divergence_is_that_of_softened_distributions():
    teacher, student = torch.randn(2, 5, 3).unbind()
    p, q = (values.div(2).softmax(1) for values in (teacher, student))
    expected = 4 * (p * (p / q).log()).sum(1)
    torch.testing.assert_close(divergence(teacher, student, 2.0), expected)
    assert divergence(teacher, teacher, 2.0).abs().max() < 1e-6


def test_divergence_stays_finite_where_a_teacher_is_certain():
    sure, other = torch.tensor([[500.0, -500.0]]), torch.tensor([[-500.0, 500.0]])
    other.requires_grad_()
    found = divergence(sure, other, 1.0)
    found.sum().backward()
    assert math.isclose(found.item(), 1000.0)
    assert torch.isfinite(other.grad).all()


@pytest.mark.parametrize("name", ["bad-teacher", "scrub", "boundary-shrink"])
def test_teachers_do_not_move(name, blob_conv_model, blobs, task, monkeypatch):
    import importlib

    module = importlib.import_module(f"expunge.methods.{name.replace('-', '_')}")
    teachers = []

    def keep(model: nn.Module) -> nn.Module:
        teachers.append(frozen_copy(model))
        return teachers[-1]

    monkeypatch.setattr(module, "frozen_copy", keep)
    student = copy.deepcopy(blob_conv_model).train()
    with torch.random.fork_rng():
        METHODS[name](lr=0.05, epochs=1, batch_size=8)(student, task, blobs, Run(0))
    original = blob_conv_model.state_dict()
    assert all(torch.equal(value, original[key]) for key, value in teachers[0].state_dict().items())
    assert not any(
        torch.equal(a, b)
        for a, b in zip(student.parameters(), teachers[0].parameters(), strict=True)
    )
    assert all(teacher is not student and not teacher.training for teacher in teachers)

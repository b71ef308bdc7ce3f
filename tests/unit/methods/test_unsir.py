"""UNSIR: noise that climbs the loss, one step of each stage by hand, and what is refused."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from expunge.core import Guard, InputError, Run, UnlearningData, unlearn
from expunge.methods import UNSIR

LENIENT = Guard(max_retain_drop=100)
GONE = 2  # the class that ``class_blobs`` forgets


class Recorder:
    """A task that keeps each batch, the mode of the model, and its weights at that time."""

    def __init__(self, task):
        self._task, self.calls = task, []

    def loss(self, model, batch):
        weights = copy.deepcopy(model.state_dict())
        inputs, labels = batch
        self.calls.append((inputs.detach().clone(), labels.clone(), model.training, weights))
        return self._task.loss(model, batch)

    def __getattr__(self, name):
        return getattr(self._task, name)


def record(model, data, task, **options):
    """The calls for noise and those of the steps, and the model that came out."""
    recorder, private = Recorder(task), copy.deepcopy(model).train()
    with torch.random.fork_rng():
        result = UNSIR(**{"batch_size": 16, **options})(private, recorder, data, Run(5))
    noise = [call for call in recorder.calls if not call[2]]
    return noise, [call for call in recorder.calls if call[2]], result


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


def test_the_noise_climbs_the_loss_of_the_original_and_moves_nothing(
    blob_conv_model, class_blobs, task
):
    noise, steps, _ = record(blob_conv_model, class_blobs, task)
    assert len(noise) == 40
    losses = [
        F.cross_entropy(blob_conv_model(inputs), labels).item() for inputs, labels, *_ in noise
    ]
    assert all((labels == GONE).all() for _, labels, *_ in noise)
    assert losses[-1] > 3 * losses[0]
    # The class that the original sees in it is another one.
    assert (blob_conv_model(noise[-1][0]).argmax(1) != GONE).all()
    for *_, weights in [*noise, steps[0]]:
        assert same(weights, blob_conv_model.state_dict())


def test_the_penalty_keeps_the_noise_small(blob_conv_model, class_blobs, task):
    free, held = (
        record(blob_conv_model, class_blobs, task, penalty=penalty)[0][-1][0].norm()
        for penalty in (0.0, 1.0)
    )
    assert held < 0.5 * free


def test_one_step_of_each_stage_by_hand(blob_conv_model, class_blobs, task):
    # The first step of Adam: by lr, against the sign of the gradient.
    tiny = {"impair_lr": 1e-4, "impair_epochs": 1e-3, "repair_lr": 2e-4, "repair_epochs": 1e-3}
    noise, (impair, repair), result = record(
        blob_conv_model, class_blobs, task, noise_steps=1, noise_ratio=2.0, **tiny
    )
    start = noise[0][0].requires_grad_()
    loss = F.cross_entropy(blob_conv_model(start), torch.full((16,), GONE))
    (slope,) = torch.autograd.grad(0.1 * start.square().sum(1).mean() - loss, start)
    climbed = start.detach() - 0.1 * slope / (slope.abs() + 1e-8)

    inputs, labels, _, _ = impair
    unreal = labels == GONE
    assert 0 < unreal.sum() < 16
    for row in inputs[unreal]:
        assert (climbed - row).abs().amax(1).min() < 1e-6, "noise as it was learnt"

    model = copy.deepcopy(blob_conv_model).train()
    for (inputs, labels, _, before), lr in ((impair, 1e-4), (repair, 2e-4)):
        for name, weight in model.named_parameters():
            torch.testing.assert_close(before[name], weight.detach(), rtol=0, atol=1e-7, msg=name)
        weights = list(model.parameters())
        slopes = torch.autograd.grad(F.cross_entropy(model(inputs), labels), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight.sub_(lr * slope / (slope.abs() + 1e-8))
    for (name, new), expected in zip(
        result.state_dict().items(), model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(new, expected, rtol=0, atol=1e-6, msg=name)


def test_the_stages_hold_noise_and_the_part_of_the_retain_set(blob_model, class_blobs, task):
    options = {"retain_share": 0.5, "noise_ratio": 1.0, "noise_steps": 2, "batch_size": 8}
    _, steps, _ = record(blob_model, class_blobs, task, **options)
    impair, repair = steps[:12], steps[12:]  # of 48 samples and as much noise
    assert len(repair) == 6
    labels = torch.cat([call[1] for call in impair])
    assert int((labels == GONE).sum()) == 48
    rows = {tuple(row.tolist()) for row in torch.cat([call[0] for call in impair])[labels == GONE]}
    assert len(rows) == 8, "a batch of noise, used again and again"
    forget, retain = (
        {tuple(row.tolist()) for row in part.tensors[0]}
        for part in (class_blobs.forget, class_blobs.retain)
    )
    real = {tuple(row.tolist()) for row in torch.cat([call[0] for call in impair])[labels != GONE]}
    healed = {tuple(row.tolist()) for row in torch.cat([call[0] for call in repair])}
    assert real == healed
    assert real < retain
    assert not rows & forget, "no input of the forget set is read"


def test_each_class_gets_its_own_noise(blob_model, task, blobs):
    keep = blobs.retain.tensors[1] == 0
    gone = [
        torch.cat([part[~keep], other[other_labels != 0]])
        for part, other, other_labels in zip(
            blobs.retain.tensors,
            blobs.forget.tensors,
            [blobs.forget.tensors[1]] * 2,
            strict=True,
        )
    ]
    retain = TensorDataset(*(part[keep] for part in blobs.retain.tensors))
    data = UnlearningData(TensorDataset(*gone), retain)
    noise, steps, _ = record(blob_model, data, task, noise_steps=2, batch_size=4, noise_ratio=1.0)
    assert [int(labels[0]) for _, labels, *_ in noise] == [1, 2, 1, 2]
    counts = torch.cat([call[1] for call in steps[:30]]).bincount(minlength=3).tolist()
    assert counts == [40, 40, 40]
    images = [
        {
            tuple(row.tolist())
            for inputs, labels, *_ in steps[:30]
            for row in inputs[labels == label]
        }
        for label in (1, 2)
    ]
    assert [len(one) for one in images] == [4, 4]
    assert not images[0] & images[1]


def test_the_class_is_gone_and_the_others_stay(blob_conv_model, class_blobs, task):
    result = unlearn(blob_conv_model, class_blobs, UNSIR(), task=task)
    before, after = result.health["before"], result.health["after"]
    assert after["forget"].accuracy < before["forget"].accuracy - 50
    assert after["retain"].accuracy > before["retain"].accuracy - 5


def test_scattered_samples_are_refused_with_a_way_out(blob_model, blobs, task):
    words = r"whole classes, but .* 3 of the 3 labels to forget \(0, 1, 2\); forget all samples"
    with pytest.raises(InputError, match=words):
        unlearn(blob_model, blobs, UNSIR(), task=task)


def test_inputs_that_noise_cannot_replace_are_refused(class_blobs):
    class Whole:
        loss_ceiling = 20.0

        def loss(self, model, batch):
            return F.cross_entropy(model(batch[0].float()), batch[1], reduction="none")

        def correct(self, model, batch):
            return None

        def labels(self, dataset):
            return dataset.tensors[1]

    forget, retain = (
        TensorDataset(part.tensors[0].long(), part.tensors[1])
        for part in (class_blobs.forget, class_blobs.retain)
    )
    with pytest.raises(InputError, match=r"floating-point inputs, got torch.int64.*convert"):
        unlearn(torch.nn.Linear(4, 3), UnlearningData(forget, retain), UNSIR(), task=Whole())


@pytest.mark.parametrize("share", [0.0, 1.5, -1.0])
def test_bad_shares_are_named(share):
    with pytest.raises(InputError, match=f"expected retain_share to be a share.*got {share}"):
        UNSIR(retain_share=share)


def test_a_batch_larger_than_the_part_is_refused(blob_model, class_blobs, task):
    with pytest.raises(InputError, match="expected batch_size <= 10, the size of the repair set"):
        unlearn(blob_model, class_blobs, UNSIR(retain_share=0.1, batch_size=11), task=task)

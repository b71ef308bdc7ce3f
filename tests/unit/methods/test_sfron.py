"""SFRon: a plain loop with torch's own optimiser, the mask bit by bit, and its parts."""

import copy

import pytest
import torch
import torch.nn.functional as F

from expunge.core import Guard, InputError, Run, unlearn
from expunge.methods import SFRon
from expunge.methods.sfron import _clipped, _weighted

LENIENT = Guard(max_retain_drop=100)
SMALL = {"lr": 0.01, "epochs": 2, "batch_size": 24, "alpha": 500.0, "forget_every": 3}


def masks_by_hand(model, data, run, threshold=1.0):
    """Where the Fisher information of D_f is no less than that of D_r, in eval mode."""
    model = copy.deepcopy(model).eval()
    weights = list(model.parameters())

    def fisher(batches):
        total = [torch.zeros_like(weight) for weight in weights]
        for inputs, labels in batches:
            slopes = torch.autograd.grad(F.cross_entropy(model(inputs), labels), weights)
            total = [a + slope**2 / len(batches) for a, slope in zip(total, slopes, strict=True)]
        return total

    stream = run.batches("fisher-retain-24", data.retain, 24)
    retain = fisher([stream[step] for step in range(5)])
    return [f >= threshold * r for f, r in zip(fisher([data.forget.tensors]), retain, strict=True)]


@pytest.mark.parametrize("max_norm", [7.0, 0.3])
def test_a_run_does_what_a_plain_loop_does(blob_conv_model, blobs, task, max_norm):
    method = SFRon(**SMALL, max_norm=max_norm)
    result = unlearn(blob_conv_model, blobs, method, task=task, seed=3, guard=LENIENT)

    model, run = copy.deepcopy(blob_conv_model).train(), Run(3)
    masks = masks_by_hand(model, blobs, run)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    retain = run.batches("retain", blobs.retain, 24)
    inputs, labels = run.batches("forget", blobs.forget, 24)[0]  # D_f is one batch
    lengths = []
    for step in range(10):
        if step % 3 == 0:
            statistics = copy.deepcopy(model[2].state_dict())
            losses = F.cross_entropy(model(inputs), labels, reduction="none")
            coefficients = losses.detach().clamp(min=2.0**-23) ** -0.5
            coefficients *= len(losses) / coefficients.sum()
            alpha = 500.0 * schedule.get_last_lr()[0] / 0.01
            optimizer.zero_grad()
            (-alpha * (coefficients * losses).mean()).backward()
            for weight, mask in zip(model.parameters(), masks, strict=True):
                weight.grad[~mask] = 0
            lengths.append(torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm).item())
            optimizer.step()
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                getattr(model[2], name).copy_(statistics[name])
        optimizer.zero_grad()
        kept, targets = retain[step]
        F.cross_entropy(model(kept), targets).backward()
        optimizer.step()
        schedule.step()

    assert (max(lengths) > max_norm) == (max_norm < 1), "clips in one of the cases alone"
    for (name, new), expected in zip(
        result.model.state_dict().items(), model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(new, expected, rtol=0, atol=1e-5, msg=name)
    rows = [row for row in result.history if row["stage"] == "sfron"]
    assert [row["step"] for row in rows if "forget_loss" in row] == [0, 3, 6, 9]


class Watching:
    """A task that keeps the weights with which each loss in training mode was taken."""

    def __init__(self, task):
        self._task, self.seen = task, []

    def loss(self, model, batch):
        if model.training:
            self.seen.append([weight.detach().clone() for weight in model.parameters()])
        return self._task.loss(model, batch)

    def __getattr__(self, name):
        return getattr(self._task, name)


def test_a_forget_step_moves_masked_weights_alone(blob_conv_model, blobs, task):
    watching = Watching(task)
    method = SFRon(**{**SMALL, "epochs": 0.01}, momentum=0.0, weight_decay=0.0)
    result = unlearn(blob_conv_model, blobs, method, task=watching, seed=3, guard=LENIENT)
    before, after = watching.seen  # the loss on D_f, then that on D_r
    masks = masks_by_hand(blob_conv_model, blobs, Run(3))
    for old, new, mask in zip(before, after, masks, strict=True):
        assert torch.equal(old[~mask], new[~mask])
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert 0 < sum(int(mask.sum()) for mask in masks) < sum(mask.numel() for mask in masks)
    for old, new in zip(after, result.model.parameters(), strict=True):
        assert not torch.equal(old, new), "the step on D_r moves every parameter"


def test_a_mask_of_no_weights_is_plain_descent(blob_conv_model, blobs, task):
    first, second = (
        unlearn(blob_conv_model, blobs, SFRon(**{**SMALL, **change}), task=task, guard=LENIENT)
        for change in ({"threshold": 1e30}, {"alpha": 0.0})
    )
    for (name, a), b in zip(
        first.model.state_dict().items(), second.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


def test_samples_that_are_fitted_best_weigh_most():
    losses = torch.tensor([1.0, 4.0], requires_grad=True)
    mean = _weighted(losses, 0.5, 20.0)  # weights 4/3 and 2/3
    assert mean.item() == pytest.approx(2.0)
    (slope,) = torch.autograd.grad(mean, losses)
    torch.testing.assert_close(slope, torch.tensor([2 / 3, 1 / 3]))
    assert _weighted(losses, 0.0, 20.0).item() == pytest.approx(2.5)


def test_losses_of_zero_and_beyond_the_ceiling():
    losses = torch.tensor([0.0, 1e-4, 30.0], requires_grad=True)
    (slope,) = torch.autograd.grad(_weighted(losses, 0.5, 20.0), losses)
    assert torch.isfinite(slope).all()
    assert slope[1] > 0.01 * slope[0], "one loss of zero does not silence the others"
    assert slope[2] == 0


def test_long_gradients_are_shortened_and_others_kept():
    assert [t.item() for t in _clipped([torch.tensor(3.0), torch.tensor(4.0)], 2.5)] == [1.5, 2.0]
    assert [t.item() for t in _clipped([torch.tensor(3.0), torch.tensor(4.0)], 5.0)] == [3.0, 4.0]


class Stopping(Watching):
    """Interrupts the first loss in training mode: the mask is made, no step is."""

    def loss(self, model, batch):
        if model.training:
            raise KeyboardInterrupt
        return self._task.loss(model, batch)


def test_stopped_between_mask_and_first_step_it_keeps_its_history(
    blob_model, blobs, task, tmp_path
):
    method, options = SFRon(**SMALL), {"task": task, "guard": LENIENT}
    whole = unlearn(blob_model, blobs, method, **options)
    kept = {"folder": tmp_path, "checkpoint_seconds": 0.0}
    with pytest.raises(KeyboardInterrupt):
        unlearn(blob_model, blobs, method, **{**options, "task": Stopping(task)}, **kept)
    resumed = unlearn(blob_model, blobs, method, **options, **kept, resume=True)
    assert resumed.history == whole.history
    assert resumed.cost["samples_read"] == whole.cost["samples_read"]


def test_bad_values_are_named():
    with pytest.raises(InputError, match="expected forget_every > 0, got 0"):
        SFRon(forget_every=0)
    with pytest.raises(InputError, match="expected threshold >= 0, got -1"):
        SFRon(threshold=-1)

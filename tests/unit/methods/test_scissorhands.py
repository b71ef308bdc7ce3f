"""Scissorhands by its parts: the plan, the gate, one step of each reading by hand."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tests.conftest import make_conv
from torch.utils.data import TensorDataset

from expunge.core import Guard, InputError, Run, UnlearningData, unlearn
from expunge.core.codes import Code
from expunge.core.task import Bounded
from expunge.methods import Scissorhands
from expunge.tasks import Classification, Regression

LENIENT = Guard(max_retain_drop=100)
ONE_STEP = {"lr": 0.01, "epochs": 0.01, "batch_size": 15, "momentum": 0.0, "weight_decay": 0.0}


def by_class(blobs, label):
    """The same points, with a whole class as the forget set."""
    inputs = torch.cat([blobs.forget.tensors[0], blobs.retain.tensors[0]])
    labels = torch.cat([blobs.forget.tensors[1], blobs.retain.tensors[1]])
    chosen = (labels == label).nonzero().flatten()
    return UnlearningData.split(
        TensorDataset(inputs, labels), chosen, validation=blobs.validation, test=blobs.test
    )


def decisions(model, data, task, **options):
    result = unlearn(model, data, Scissorhands(**options), task=task, guard=LENIENT)
    return {name: entry["value"] for name, entry in result.decisions.items()}


def test_samples_of_known_classes_get_the_held_out_gate_and_no_trim(blob_model, blobs, task):
    chosen = decisions(blob_model, blobs, task, lr=0.01, epochs=1)
    assert chosen["scenario"] == "samples of known classes"
    assert chosen["constraint"] == "held-out"
    assert chosen["trim"] is None


def test_without_labels_nothing_is_said_about_classes(blobs):
    data = UnlearningData(*(
        TensorDataset(part.tensors[0], part.tensors[0].sum(1, keepdim=True))
        for part in (blobs.forget, blobs.retain, blobs.validation)
    ))  # fmt: skip
    method = Scissorhands(lr=1e-4, epochs=1)
    found = unlearn(torch.nn.Linear(4, 1), data, method, task=Regression(), guard=LENIENT)
    assert found.decisions["scenario"] == {
        "value": "samples",
        "reason": "the task has no labels, so that no class can be gone",
    }


def test_a_whole_class_gets_a_relative_trim_and_is_held_at_the_ceiling(blob_model, blobs, task):
    chosen = decisions(blob_model, by_class(blobs, 1), task, lr=0.01, epochs=1)
    assert chosen["scenario"] == "whole classes"
    assert chosen["constraint"] == "ceiling"
    assert chosen["forget_weight"] == 0.1
    assert chosen["relative"] is True
    assert 0 < chosen["trim"] < 1


def test_every_choice_comes_with_a_reason_and_none_is_listed_that_was_asked_for(
    blob_model, blobs, task
):
    method = Scissorhands(
        trim=0.1, relative=False, constraint="off", forget_weight=0.0, lr=0.01, epochs=1
    )
    result = unlearn(blob_model, blobs, method, task=task, guard=LENIENT)
    assert set(result.decisions) == {"scenario"}
    assert all(entry["reason"] for entry in result.decisions.values())


def test_without_held_out_data_the_default_is_the_plain_projection(blob_model, blobs, task):
    bare = replace(blobs, validation=None)
    chosen = decisions(blob_model, bare, task, lr=0.01, epochs=1)
    assert chosen["constraint"] == "always"
    assert chosen["forget_weight"] == 0.0
    with pytest.raises(InputError, match="needs held-out data"):
        unlearn(blob_model, bare, Scissorhands(constraint="held-out"), task=task)


def test_the_record_says_what_acted(blob_model, blobs, task):
    """Counted from the steps themselves."""
    plain = {"lr": 0.01, "epochs": 2, "batch_size": 15, "trim": "off"}
    for options in (
        {"constraint": "always", "forget_weight": 0.0},
        {"constraint": "always", "forget_weight": 0.0, "project": False},
        {"constraint": "held-out"},
        {"constraint": "ceiling"},
    ):
        method = Scissorhands(**plain, **options)
        result = unlearn(blob_model, blobs, method, task=task, guard=LENIENT)
        steps = [row for row in result.history if row["stage"] == "repair"]
        opened = sum(row["active"] > 0 for row in steps)
        bound = sum(row.get("v", 0) > 0 for row in steps)
        told = {name: entry["value"] for name, entry in result.decisions.items()}
        assert told["constraint_open"] == f"{opened} of {len(steps)} steps"
        assert told["projection_bound"] == f"{bound} of {len(steps)} steps"
        if options["constraint"] == "always":
            assert opened == len(steps)
            assert (bound > 0) is options.get("project", True)


def test_what_was_never_pushed_is_not_to_be_trusted(blob_model, blobs, task):
    """Wrong labels that were not learnt by heart are fitted worse than held-out data."""
    inputs, labels = blobs.forget.tensors
    data = replace(blobs, forget=TensorDataset(inputs, (labels + 1) % 3))
    method = Scissorhands(lr=1e-6, epochs=1, batch_size=15)
    found = unlearn(blob_model, data, method, task=task, guard=LENIENT)
    assert found.decisions["constraint_open"]["value"].startswith("0 of ")
    [notice] = [one for one in found.warnings if one.code == Code.NOT_PUSHED]
    assert "do not trust that where its labels are wrong" in notice.text
    usual = unlearn(blob_model, blobs, Scissorhands(lr=0.01, epochs=1), task=task, guard=LENIENT)
    assert usual.decisions["constraint_open"]["value"] != "0 of 16 steps"
    assert not [one for one in usual.warnings if one.code == Code.NOT_PUSHED]


def gradients(model, batch):
    loss = F.cross_entropy(model(batch[0]), batch[1])
    return torch.autograd.grad(loss, list(model.parameters()))


def assert_pushed(new, old, data, pushes, atol=1e-6, steady=False):
    """One step of ``ONE_STEP`` by hand, seed 2; ``pushes`` makes L_f of the losses of D_f.

    ``steady``: D_f passes norms that use their running statistics; nothing else has a mode here.
    """
    model, run = copy.deepcopy(old).train(not steady), Run(2)
    inputs, labels = run.batches("forget", data.forget, 15)[0]
    losses = F.cross_entropy(model(inputs), labels, reduction="none")
    g_f = torch.autograd.grad(pushes(losses), list(model.parameters()))
    model.train()
    g_r = gradients(model, run.batches("retain", data.retain, 15)[0])
    assert_projected(new, old, g_r, g_f, atol=atol)


def assert_projected(result, start, g_r, g_f, atol=1e-6):
    """The step from ``start`` by Eq. 3 with weight .3, then Eq. 5, at rate .01."""
    g_o = [r - 0.3 * f for r, f in zip(g_r, g_f, strict=True)]
    dot = sum((o * f).sum() for o, f in zip(g_o, g_f, strict=True))
    v = max(0.0, float(dot / sum((f * f).sum() for f in g_f)))
    named = zip(result.named_parameters(), start.parameters(), g_o, g_f, strict=True)
    for (name, new), old, o, f in named:
        torch.testing.assert_close(new, old - 0.01 * (o - v * f), rtol=0, atol=atol, msg=name)


@pytest.mark.parametrize("trained", [True, False])
def test_one_step_to_the_letter_of_the_paper(blob_conv_model, blobs, task, trained):
    # In a net that learnt nothing yet the gradients agree, so that the constraint does bind.
    start = blob_conv_model if trained else make_conv()
    method = Scissorhands(
        trim="off", constraint="always", forget_weight=0.3, schedule="constant", **ONE_STEP
    )
    result = unlearn(start, blobs, method, task=task, seed=2, guard=LENIENT)
    assert trained or result.history[0]["v"] > 0.1

    model = copy.deepcopy(start).train()
    run = Run(2)
    g_f = gradients(model, run.batches("forget", blobs.forget, 15)[0])
    g_r = gradients(model, run.batches("retain", blobs.retain, 15)[0])
    assert_projected(result.model, start, g_r, g_f)


def test_forget_batches_do_not_move_batchnorm_statistics(blob_conv_model, blobs, task):
    method = Scissorhands(
        trim="off", constraint="held-out", schedule="constant", forget_weight=0.3, **ONE_STEP
    )
    result = unlearn(blob_conv_model, blobs, method, task=task, seed=2, guard=LENIENT).model
    model = copy.deepcopy(blob_conv_model).train()
    model(Run(2).batches("retain", blobs.retain, 15)[0][0])
    for name, value in model.named_buffers():
        assert torch.equal(value, dict(result.named_buffers())[name]), name


def test_the_gate_is_shut_while_held_out_data_is_fitted_as_well(blob_model, blobs, task):
    # D_f and held-out data exchanged for each other: what was unseen is "forgotten".
    swapped = replace(blobs, forget=blobs.test, validation=blobs.forget, test=None)
    method = Scissorhands(constraint="held-out", lr=0.001, epochs=3)
    shut = unlearn(blob_model, swapped, method, task=task, guard=LENIENT)
    opened = unlearn(blob_model, blobs, method, task=task, guard=LENIENT)
    share = lambda result: sum(row["active"] for row in result.history) / len(result.history)  # noqa: E731
    assert share(shut) < 0.3
    assert share(opened) > 0.7


def test_one_held_out_step_by_hand(blob_conv_model, blobs, task):
    method = Scissorhands(
        trim="off",
        constraint="held-out",
        schedule="constant",
        forget_weight=0.3,
        odds_share=0.2,
        **ONE_STEP,
    )
    unseen = TensorDataset(blobs.validation.tensors[0], (blobs.validation.tensors[1] + 1) % 3)
    blobs = replace(blobs, validation=unseen)  # of a high loss, so that the gate opens
    result = unlearn(blob_conv_model, blobs, method, task=task, seed=2, guard=LENIENT)
    assert result.history[0]["active"] == 1.0

    def mixed(losses):
        odds = torch.log(torch.exp(losses.clamp(min=1e-3)) - 1)
        return (0.8 * losses + 0.2 * odds).mean()

    assert_pushed(result.model, blob_conv_model, blobs, mixed, atol=1e-5, steady=True)


def test_log_odds_need_probabilities(blob_model, blobs):
    class Squared:
        """A task whose losses are no logarithms of probabilities."""

        loss_ceiling = 1.0

        def loss(self, model, batch):
            return model(batch[0]).square().mean(1)

        def correct(self, model, batch):
            return None

        def labels(self, dataset):
            return None

    with pytest.raises(InputError, match=r"odds_share = 0.5 needs a task that gives prob"):
        unlearn(blob_model, blobs, Scissorhands(odds_share=0.5), task=Squared())
    with pytest.raises(InputError, match=r"expected odds_share between 0 and 1, got 1\.5"):
        Scissorhands(odds_share=1.5)


def test_a_loss_beyond_the_ceiling_pushes_no_further(blob_model, blobs, task):
    low = replace(task, loss_ceiling=1e-9)
    options = {"lr": 0.05, "epochs": 2, "constraint": "held-out"}
    capped = unlearn(blob_model, blobs, Scissorhands(**options), task=low, guard=LENIENT)
    plain = unlearn(
        blob_model, blobs, Scissorhands(**options, forget_weight=0.0), task=low, guard=LENIENT
    )
    # With every sample above the ceiling, the ascent of Eq. 3 has no gradient left.
    for a, b in zip(capped.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_one_step_below_the_ceiling_by_hand(blob_conv_model, blobs, task):
    # The ceiling lies among the losses of the batch: those above it push no further.
    low = replace(task, loss_ceiling=0.3)
    method = Scissorhands(
        trim="off", constraint="ceiling", schedule="constant", forget_weight=0.3, **ONE_STEP
    )
    result = unlearn(blob_conv_model, blobs, method, task=low, seed=2, guard=LENIENT)
    assert result.history[0]["active"] == 1.0

    def below(losses):
        assert 0 < int((losses > 0.3).sum()) < 15
        return losses[losses < 0.3].sum() / 15

    assert_pushed(result.model, blob_conv_model, blobs, below)


class Nameless(Classification):
    """A task that says for each sample beyond which loss it counts as forgotten."""

    room = 0.1

    def bounded_loss(self, model, batch):
        losses = self.loss(model, batch)
        # Half of the samples are far above their ceiling, whatever the mean is.
        spread = torch.where(torch.arange(len(losses)) % 2 == 0, 5.0, -5.0)
        return Bounded(losses, losses.detach() + spread - spread.mean() + self.room)


class Grouped(Classification):
    """A task of two groups of samples, the first of which is past its ceiling."""

    def bounded_loss(self, model, batch):
        losses = self.loss(model, batch)
        groups = torch.arange(len(losses)) % 2
        # On average of both there is no room.
        return Bounded(losses, losses.detach() + 0.1 - 0.5 * (groups == 0), groups, 2)


# Deviations of 5 of 15 samples leave the mean in doubt by 1.3, twice which is chance.
@pytest.mark.parametrize(
    ("room", "active"), [(3.0, 1.0), (2.0, 0.0), (0.1, 0.0), (-0.1, 0.0), (-3.0, 0.0)]
)
def test_ceilings_of_single_samples_bind_by_their_mean_beyond_chance(
    blob_conv_model, blobs, room, active
):
    told = Nameless(num_classes=3)
    object.__setattr__(told, "room", room)
    method = Scissorhands(
        trim="off", constraint="ceiling", schedule="constant", forget_weight=0.3, **ONE_STEP
    )
    result = unlearn(blob_conv_model, blobs, method, task=told, seed=2, guard=LENIENT)
    assert result.history[0]["active"] == active
    if not active:
        return
    # All samples push, none is cut off.
    assert_pushed(result.model, blob_conv_model, blobs, torch.mean)


def test_groups_of_samples_bind_each_by_itself(blob_conv_model, blobs):
    method = Scissorhands(
        trim="off", constraint="ceiling", schedule="constant", forget_weight=0.3, **ONE_STEP
    )
    told = Grouped(num_classes=3)
    result = unlearn(blob_conv_model, blobs, method, task=told, seed=2, guard=LENIENT)
    assert result.history[0]["active"] == 0.5
    assert_pushed(result.model, blob_conv_model, blobs, lambda losses: losses[1::2].sum() / 15)


@pytest.mark.parametrize("constraint", ["always", "held-out"])
def test_other_constraints_are_on_the_loss_itself(blob_conv_model, blobs, task, constraint):
    method = Scissorhands(trim="off", constraint=constraint, forget_weight=0.3, **ONE_STEP)
    results = [
        unlearn(blob_conv_model, blobs, method, task=one, seed=2, guard=LENIENT)
        for one in (task, Grouped(num_classes=3))
    ]
    assert results[0].history == results[1].history


def mislabelled(blobs, wrong):
    """The blobs with wrong labels on ``wrong`` (a slice) of D_f, whose losses are high then."""
    inputs, labels = (column.clone() for column in blobs.forget.tensors)
    labels[wrong] = (labels[wrong] + 1) % 3
    return replace(blobs, forget=TensorDataset(inputs, labels))


def ceiling_runs(model, data, task):
    """A repair that is held at the ceiling, and a plain one."""
    options = {"trim": "off", "lr": 0.01, "epochs": 1, "batch_size": 15}
    methods = [Scissorhands(constraint=one, **options) for one in ("ceiling", "off")]
    return [unlearn(model, data, one, task=task, guard=LENIENT) for one in methods]


def test_above_the_ceiling_repair_is_plain(blob_conv_model, blobs, task):
    low = replace(task, loss_ceiling=1e-6)
    shut, plain = ceiling_runs(blob_conv_model, mislabelled(blobs, slice(None)), low)
    assert all(row["active"] == 0 for row in shut.history)
    for a, b in zip(shut.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_samples_far_above_the_ceiling_do_not_hide_those_below(blob_conv_model, blobs, task):
    low = replace(task, loss_ceiling=0.5)
    held, _ = ceiling_runs(blob_conv_model, mislabelled(blobs, slice(0, 10)), low)
    first = held.history[0]
    assert first["forget_loss"] > low.loss_ceiling  # by their mean they would be gone
    assert first["active"] == 1


def test_a_class_that_is_held_at_the_ceiling_is_learnt_again_more_slowly(blob_model, blobs, task):
    data = by_class(blobs, 1)
    options = {"trim": 0.05, "relative": True, "lr": 0.05, "epochs": 4, "batch_size": 15}
    losses = {}
    for constraint in ("off", "ceiling"):
        method = Scissorhands(constraint=constraint, **options)
        result = unlearn(blob_model, data, method, task=task, guard=LENIENT)
        losses[constraint] = result.health["after"]["forget"].loss
        assert result.health["after"]["retain"].accuracy > 85
    assert losses["ceiling"] > losses["off"] + 1


def test_trim_reinitialises_exactly_the_asked_share(blob_model, blobs, task):
    method = Scissorhands(trim=0.1, init="zeros", constraint="off", lr=1e-12, epochs=0.01)
    result = unlearn(blob_model, blobs, method, task=task, guard=LENIENT).model
    moved = sum(
        int((new != old).sum())
        for new, old in zip(result.parameters(), blob_model.parameters(), strict=True)
    )
    total = sum(p.numel() for p in blob_model.parameters())
    # The vanishing learning rate still moves last bits, also of what became zero.
    zeros = sum(int((p.abs() < 1e-9).sum()) for p in result.parameters())
    assert zeros == round(0.1 * total)
    assert moved >= zeros


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trim": 0}, "expected trim to be a share"),
        ({"trim": 1}, "expected trim to be a share"),
        ({"trim": "atuo"}, "did you mean 'auto'"),
        ({"constraint": "alway"}, "did you mean 'always'"),
        ({"init": "unifrom"}, "did you mean 'uniform'"),
        ({"trim_filter": "("}, "expected trim_filter to be a regular expression"),
        ({"forget_weight": -1}, "expected forget_weight >= 0"),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(InputError, match=message):
        Scissorhands(**options)

"""What the trim of Scissorhands reads and chooses, its random control, and Eq. 3 alone."""

import copy

import pytest
import torch
import torch.nn.functional as F

from expunge.core import Guard, InputError, Run, unlearn
from expunge.kernels import select_parameters
from expunge.methods import Scissorhands
from expunge.methods.scissorhands.plan import Plan
from expunge.methods.scissorhands.trim import Trim, by_chance

LENIENT = Guard(max_retain_drop=100)
PLAN = Plan(trim=(0.2,), relative=False, constraint="off", forget_weight=0.0, lr=0.1, epochs=1.0)


def trimmed(model, data, task, seed=0, plan=PLAN, **options):
    """The model right after the trim, and the run that says what was read and decided."""
    model, run = copy.deepcopy(model), Run(seed)
    options = {"trim": 0.2, "batch_size": 8, **options}
    with torch.random.fork_rng():
        Trim(Scissorhands(**options), plan, task, data, run, share=0.2)(model)
    return model, run


def zeroed(model, data, task, **options):
    """Which weights a trim to zero chose, by name (none of them is zero before)."""
    with torch.no_grad():
        model = copy.deepcopy(model)
        for parameter in model.parameters():
            parameter[parameter == 0] = 1e-3
    found, _ = trimmed(model, data, task, init="zeros", trim_filter="weight", **options)
    # Scales of BatchNorm become 1 instead; none of them is exactly that after training.
    return {
        name: value != before
        for (name, value), before in zip(found.named_parameters(), model.parameters(), strict=True)
    }


def counts(masks):
    return {name: int(mask.sum()) for name, mask in masks.items()}


@pytest.mark.parametrize("per_layer", [False, True])
def test_a_random_trim_is_as_large_as_the_salient_one_in_the_same_scope(
    blob_conv_model, blobs, task, per_layer
):
    salient, chance, again, other = (
        zeroed(blob_conv_model, blobs, task, per_layer=per_layer, mask=mask, seed=seed)
        for mask, seed in (("sensitivity", 0), ("random", 0), ("random", 0), ("random", 1))
    )
    assert sum(counts(salient).values()) == sum(counts(chance).values()) > 0
    if per_layer:
        assert counts(salient) == counts(chance)
    assert any(not torch.equal(salient[name], chance[name]) for name in salient)
    assert all(torch.equal(chance[name], again[name]) for name in chance)
    assert any(not torch.equal(chance[name], other[name]) for name in chance)
    outside = set(salient) - set(select_parameters(blob_conv_model, "weight"))
    assert outside
    assert all(not chance[name].any() for name in outside)


def test_a_random_trim_of_all_weights_has_exactly_the_asked_share(blob_model, blobs, task):
    model, run = trimmed(blob_model, blobs, task, mask="random", init="zeros")
    total = sum(p.numel() for p in model.parameters())
    assert sum(int((p == 0).sum()) for p in model.parameters()) == round(0.2 * total)
    assert run.decisions["mask"]["value"] == "random"
    assert f"{round(0.2 * total)} weights" in run.decisions["mask"]["reason"]


def test_chosen_weights_get_the_same_fresh_values_in_both(blob_model, blobs, task):
    salient, one = trimmed(blob_model, blobs, task)
    chance, two = trimmed(blob_model, blobs, task, mask="random")
    both = 0
    for a, b, old in zip(
        salient.parameters(), chance.parameters(), blob_model.parameters(), strict=True
    ):
        common = (a != old) & (b != old)
        both += int(common.sum())
        assert torch.equal(a[common], b[common])
    assert both > 0
    assert one.samples_read == two.samples_read
    assert "mask" not in one.decisions


def test_chance_spreads_evenly_over_the_weights():
    masks = {"a": torch.zeros(100, 20, dtype=torch.bool), "b": torch.ones(1000, dtype=torch.bool)}
    drawn = by_chance(masks, torch.Generator().manual_seed(0))
    assert sum(counts(drawn).values()) == 1000
    assert counts(drawn)["a"] == pytest.approx(667, abs=60)  # 4 standard deviations
    kept = by_chance(masks, torch.Generator().manual_seed(0), per_layer=True)
    assert counts(kept) == counts(masks)


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({}, 24),  # three batches of 8, at most 1024 samples
        ({"trim_samples": 16}, 16),
        ({"trim_samples": 5}, 5),
        ({"forget_share": 1.0}, 24),
        ({"forget_share": 0.5}, 12),  # two batches of 6
        ({"forget_share": 0.25, "trim_samples": 24}, 6),
        ({"forget_share": 0.001}, 1),
        ({"forget_share": 1.0, "batch_size": 9}, 24),  # three batches of 8
    ],
)
def test_a_share_of_the_forget_set_decides_how_much_is_read(blob_model, blobs, task, options, read):
    assert len(blobs.forget) == 24
    _, run = trimmed(blob_model, blobs, task, **options)
    assert run.samples_read == read


def test_as_much_is_read_of_the_retain_set_where_scores_are_relative(blob_model, blobs, task):
    plan = Plan(trim=(0.2,), relative=True, constraint="off", forget_weight=0.0, lr=0.1, epochs=1.0)
    _, run = trimmed(blob_model, blobs, task, plan=plan, forget_share=0.5)
    assert run.samples_read == 24


def test_the_published_reading_takes_one_batch_unless_a_share_is_asked_for(blob_model, blobs, task):
    plan = Plan(
        trim=(0.2,), relative=False, constraint="published", forget_weight=0.0, lr=0.1, epochs=1.0
    )
    assert trimmed(blob_model, blobs, task, plan=plan)[1].samples_read == 8
    assert trimmed(blob_model, blobs, task, plan=plan, forget_share=1.0)[1].samples_read == 24


def test_the_whole_forget_set_gives_the_scores_of_its_mean_loss(blob_model, blobs, task):
    found, _ = trimmed(blob_model, blobs, task, forget_share=1.0, init="zeros")
    model = copy.deepcopy(blob_model).eval()
    inputs, labels = blobs.forget.tensors
    F.cross_entropy(model(inputs), labels).backward()
    scores = torch.cat([(p.grad * p).abs().flatten() for p in model.parameters()])
    least = scores.sort().values[-round(0.2 * len(scores))]
    after = torch.cat([p.flatten() for p in found.parameters()])
    assert torch.equal(after == 0, scores >= least)


def test_without_the_projection_a_step_follows_equation_3_alone(blob_conv_model, blobs, task):
    method = Scissorhands(
        trim="off", constraint="always", forget_weight=0.3, schedule="constant", project=False,
        lr=0.01, epochs=0.01, batch_size=15, momentum=0.0, weight_decay=0.0,
    )  # fmt: skip
    result = unlearn(blob_conv_model, blobs, method, task=task, seed=2, guard=LENIENT)

    model, run = copy.deepcopy(blob_conv_model).train(), Run(2)
    loss = lambda batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    weights = list(model.parameters())
    g_f = torch.autograd.grad(loss(run.batches("forget", blobs.forget, 15)[0]), weights)
    g_r = torch.autograd.grad(loss(run.batches("retain", blobs.retain, 15)[0]), weights)
    for new, old, r, f in zip(
        result.model.parameters(), blob_conv_model.parameters(), g_r, g_f, strict=True
    ):
        torch.testing.assert_close(new, old - 0.01 * (r - 0.3 * f), rtol=0, atol=1e-6)
    assert [row["active"] for row in result.history] == [1.0]
    assert "v" not in result.history[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": "randm"}, "did you mean 'random'"),
        ({"forget_share": 0}, "expected forget_share to be a share above 0 and at most 1, got 0"),
        (
            {"forget_share": 1.5},
            "expected forget_share to be a share above 0 and at most 1, got 1.5",
        ),
        (
            {"forget_share": float("nan")},
            "expected forget_share to be a share above 0 and at most 1, got nan",
        ),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(InputError, match=message):
        Scissorhands(**options)

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import nn

from expunge.core.errors import InputError, ModelError
from expunge.kernels import connection_sensitivity, relative, select_parameters


def tiny_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def tiny_data(samples=24, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 4, generator=generator)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()


def losses_of(model):
    return lambda batch: F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def batches_of(x, y, sizes):
    return list(zip(x.split(sizes), y.split(sizes), strict=True))


def naive(model, x, y):
    """Eq. 2 as it is written: one gradient per sample, the mean inside the modulus."""
    sums = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for i in range(len(x)):
        model.zero_grad()
        F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in model.named_parameters():
            sums[name] += p.grad * p.detach()
    model.zero_grad()
    return {name: (total / len(x)).abs() for name, total in sums.items()}


def test_signed_sum_is_the_naive_definition_per_sample_with_batches_of_different_size():
    model, (x, y) = tiny_net(), tiny_data()
    scores = connection_sensitivity(model, losses_of(model), batches_of(x, y, [10, 2, 12]))
    expected = naive(model, x, y)
    assert list(scores) == list(expected)
    for name, score in scores.items():
        torch.testing.assert_close(score, expected[name], rtol=1e-5, atol=1e-7)


def test_batch_moduli_is_the_mean_of_moduli_and_equals_the_default_for_one_batch():
    model, (x, y) = tiny_net(), tiny_data()
    batches = batches_of(x, y, [10, 14])
    scores = connection_sensitivity(model, losses_of(model), batches, variant="batch-moduli")
    parts = [naive(model, *batch) for batch in batches]
    for name, score in scores.items():
        torch.testing.assert_close(score, (parts[0][name] + parts[1][name]) / 2)
    signed = connection_sensitivity(model, losses_of(model), batches)
    assert any(not torch.allclose(signed[name], scores[name]) for name in scores)
    one = {
        variant: connection_sensitivity(model, losses_of(model), [(x, y)], variant=variant)
        for variant in ("signed-sum", "batch-moduli")
    }
    for name in scores:
        torch.testing.assert_close(one["signed-sum"][name], one["batch-moduli"][name])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ranks_like_the_change_of_the_risk_when_each_connection_is_really_removed(seed):
    model, (x, y) = tiny_net(seed), tiny_data(60)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    forget = x[y == 2], y[y == 2]
    scores = connection_sensitivity(model, losses_of(model), [forget])
    first_order, exact = [], []
    with torch.no_grad():
        risk = losses_of(model)(forget).mean()
        for name, parameter in model.named_parameters():
            flat = parameter.view(-1)
            for j in range(len(flat)):
                kept = flat[j].clone()
                flat[j] = 0
                exact.append(float((risk - losses_of(model)(forget).mean()).abs()))
                flat[j] = kept
                first_order.append(float(scores[name].view(-1)[j]))
    # The first order ranks well, not perfectly: .94 to .99 on these three nets.
    assert spearmanr(first_order, exact).statistic > 0.9


def test_leaves_gradients_mode_weights_and_batch_statistics_of_eval_mode_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)).eval()
    model[0].weight.grad = torch.full_like(model[0].weight, 7.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():  # a caller's no_grad must not break it
        connection_sensitivity(model, losses_of(model), [tiny_data()])
    assert not model.training
    assert torch.equal(model[0].weight.grad, torch.full_like(model[0].weight, 7.0))
    assert model[2].weight.grad is None
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_scores_given_parameters_only_and_zero_for_unused_ones():
    model, (x, y) = tiny_net(), tiny_data()
    model.spare = nn.Linear(2, 2)
    chosen = select_parameters(model, r"^2\.|spare")

    def loss(batch):
        return F.cross_entropy(model[2](model[1](model[0](batch[0]))), batch[1], reduction="none")

    scores = connection_sensitivity(model, loss, [(x, y)], parameters=chosen)
    assert list(scores) == ["2.weight", "2.bias", "spare.weight", "spare.bias"]
    assert scores["2.weight"].sum() > 0
    assert scores["spare.weight"].sum() == 0
    only_unused = connection_sensitivity(
        model, loss, [(x, y)], parameters=select_parameters(model, "spare")
    )
    assert all(score.sum() == 0 for score in only_unused.values())


def test_accumulates_low_precision_gradients_in_float32():
    model = tiny_net().to(torch.bfloat16)
    x, y = tiny_data()
    scores = connection_sensitivity(
        model, losses_of(model), [(x.bfloat16(), y)], variant="batch-moduli"
    )
    assert all(score.dtype == torch.float32 for score in scores.values())


def test_two_processes_that_sum_their_parts_agree_with_one():
    model, (x, y) = tiny_net(), tiny_data()
    halves = batches_of(x, y, [10, 14])
    calls = []
    connection_sensitivity(
        model, losses_of(model), halves[1:], reduce=lambda t: calls.append(t.clone()) or t
    )
    other = iter(calls)
    reduced = connection_sensitivity(
        model, losses_of(model), halves[:1], reduce=lambda t: t + next(other)
    )
    whole = connection_sensitivity(model, losses_of(model), halves)
    for name in whole:
        torch.testing.assert_close(reduced[name], whole[name])


@pytest.mark.parametrize(
    ("loss", "batches", "message"),
    [
        (None, [], "at least one batch"),
        (lambda model, x, y: F.cross_entropy(model(x), y), "all", r'reduction="none"'),
        (lambda model, x, y: torch.zeros(len(x)), "all", "depends on trainable parameters"),
    ],
)
def test_bad_losses_are_named(loss, batches, message):
    model, data = tiny_net(), tiny_data()
    with pytest.raises(InputError, match=message):
        connection_sensitivity(
            model,
            losses_of(model) if loss is None else lambda batch: loss(model, *batch),
            [data] if batches == "all" else batches,
        )


def test_unknown_variant_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'signed-sum'"):
        connection_sensitivity(tiny_net(), lambda b: b, [], variant="signed-sums")


def test_relative_divides_by_retain_score_plus_its_mean():
    forget = {"a": torch.tensor([2.0, 4.0]), "b": torch.tensor([[6.0]])}
    retain = {"b": torch.tensor([[3.0]]), "a": torch.tensor([0.0, 3.0])}
    scores = relative(forget, retain)
    assert list(scores) == ["a", "b"]
    torch.testing.assert_close(scores["a"], torch.tensor([1.0, 0.8]))
    torch.testing.assert_close(scores["b"], torch.tensor([[1.2]]))


def test_relative_refuses_other_names_and_nothing_to_compare_with():
    one = {"a": torch.ones(2)}
    with pytest.raises(InputError, match=r"same parameters.*a, b"):
        relative(one, {"b": torch.ones(2)})
    with pytest.raises(InputError, match="only zeros"):
        relative(one, {"a": torch.zeros(2)})


def test_select_parameters_filters_by_search_and_keeps_the_order():
    model = tiny_net()
    assert list(select_parameters(model)) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    model[0].bias.requires_grad = False
    assert list(select_parameters(model, "bias|2")) == ["2.weight", "2.bias"]
    assert select_parameters(model)["2.bias"] is model[2].bias


def test_select_parameters_explains_what_did_not_match():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer4, self.head = nn.Linear(2, 2), nn.Linear(2, 2)

    with pytest.raises(InputError, match=r"did you mean 'layer4'.*head\.weight"):
        select_parameters(Named(), "layr4")
    with pytest.raises(InputError, match=r"regular expression.*'\('"):
        select_parameters(Named(), "(")
    many = nn.Sequential(*[nn.Linear(1, 1) for _ in range(11)])
    with pytest.raises(InputError, match=r"… \(22 in all\)"):
        select_parameters(many, "zzz")
    frozen = nn.Linear(1, 1).requires_grad_(False)
    with pytest.raises(ModelError, match="requires_grad=True"):
        select_parameters(frozen)

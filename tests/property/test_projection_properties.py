"""The properties of Eq. 5 that its derivation promises, on random gradients."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, nnls

from expunge.core.errors import GuardError, InputError
from expunge.kernels import inner, project, project_, project_many, squared_norm

EXAMPLES = settings(max_examples=150, deadline=None)
SPLITS = st.sampled_from([(6,), (1, 5), (2, 3, 1), (4, 2)])
NUMBERS = st.floats(-10, 10, allow_subnormal=False).map(lambda x: round(x, 3))
ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-12}


def cut(values, sizes, dtype):
    return list(torch.tensor(values, dtype=torch.float64).to(dtype).split(sizes))


@st.composite
def gradients(draw, count=2, dtypes=(torch.float32, torch.float64)):
    sizes, dtype = list(draw(SPLITS)), draw(st.sampled_from(dtypes))
    vector = st.lists(NUMBERS, min_size=6, max_size=6)
    return [cut(draw(vector), sizes, dtype) for _ in range(count)]


def flat(tensors):
    return torch.cat([tensor.reshape(-1) for tensor in tensors]).double()


def tolerance(*lists):
    """Rounding of a dot product of vectors of these lengths."""
    scale = max(float(flat(tensors).norm()) for tensors in lists)
    return ROUNDING[lists[0][0].dtype] * (1 + scale**2)


@given(gradients())
@EXAMPLES
def test_the_result_is_feasible_complementary_and_no_longer(pair):
    objective, forget = pair
    result = project(objective, forget)
    g, g_o, g_f = flat(result.gradient), flat(objective), flat(forget)
    small = tolerance(objective, forget)
    assert result.v >= 0
    assert g @ g_f <= small
    assert abs(result.v * (g @ g_f)) <= small * max(1, result.v)
    assert g.norm() <= g_o.norm() + small
    assert abs(g @ g_o - g @ g) <= small  # so it still descends the objective
    assert g @ g_o >= -small


@given(gradients(dtypes=(torch.float64,)))
@EXAMPLES
def test_inactive_exactly_when_the_two_do_not_agree_and_then_untouched(pair):
    objective, forget = pair
    result = project(objective, forget)
    disagree = bool(flat(objective) @ flat(forget) <= 0)
    assume(abs(float(flat(objective) @ flat(forget))) > 1e-9 or disagree)
    assert result.active == (not disagree)
    assert (result.v == 0) == disagree
    if disagree:
        assert all(a is b for a, b in zip(result.gradient, objective, strict=True))


@given(gradients(dtypes=(torch.float64,)), st.floats(0, 3))
@EXAMPLES
def test_the_weight_of_the_forget_loss_drops_out_while_active(pair, weight):
    retain, forget = pair
    objective = [r - weight * f for r, f in zip(retain, forget, strict=True)]
    agreement = float(flat(retain) @ flat(forget))
    level = weight * float(flat(forget) @ flat(forget))
    assume(abs(agreement - level) > 1e-6)
    result = project(objective, forget)
    assert result.active == (agreement > level)
    if result.active:
        f = flat(forget)
        torch.testing.assert_close(flat(result.gradient), flat(retain) - agreement / (f @ f) * f)
        without = project(retain, forget)
        torch.testing.assert_close(flat(result.gradient), flat(without.gradient))


@given(gradients(), st.floats(0, 2), st.floats(0, 2))
@EXAMPLES
def test_in_place_gives_the_same_bits(pair, margin, ridge):
    objective, forget = pair
    expected = project(objective, forget, margin=margin, ridge=ridge)
    work = [tensor.clone() for tensor in objective]
    result = project_(work, forget, margin=margin, ridge=ridge)
    assert result[1:] == expected[1:]
    for ours, theirs, target in zip(result.gradient, expected.gradient, work, strict=True):
        assert ours is target
        assert torch.equal(ours, theirs)


@given(gradients(dtypes=(torch.float64,)), st.floats(0, 2), st.floats(0, 2))
@EXAMPLES
def test_margin_and_ridge_are_those_of_the_published_code(pair, margin, ridge):
    objective, forget = pair
    dot, norm = flat(objective) @ flat(forget), flat(forget) @ flat(forget)
    assume(norm > 1e-3)
    assume(abs(dot) > 1e-9)
    result = project(objective, forget, margin=margin, ridge=ridge)
    expected = max(margin, float(dot / (norm + ridge))) if dot > 0 else 0.0
    assert result.v == pytest.approx(expected)
    torch.testing.assert_close(flat(result.gradient), flat(objective) - expected * flat(forget))


@given(gradients())
@EXAMPLES
def test_the_cosine_is_that_of_the_angle(pair):
    objective, forget = pair
    expected = torch.nn.functional.cosine_similarity(flat(objective), flat(forget), dim=0, eps=0)
    cosine = project(objective, forget).cosine
    assert -1 <= cosine <= 1
    assert cosine == pytest.approx(float(expected.nan_to_num(0.0)), abs=1e-5)


@given(gradients(count=5, dtypes=(torch.float64,)), st.integers(1, 4))
@EXAMPLES
def test_several_constraints_agree_with_nnls_and_keep_every_property(many, size):
    objective, constraints = many[0], many[1 : 1 + size]
    result = project_many(objective, constraints)
    g, g_o = flat(result.gradient), flat(objective)
    a = torch.stack([flat(constraint) for constraint in constraints], 1)
    v, distance = nnls(a.numpy(), g_o.numpy())  # min ||A v - g_o||: the same dual
    small = 1e-6 * (1 + float(g_o.norm()) * max(1.0, float(a.norm())))
    assert float(g.norm()) == pytest.approx(distance, abs=small)
    torch.testing.assert_close(g, g_o - a @ torch.from_numpy(v), atol=small, rtol=0)
    assert (result.v >= 0).all()
    assert (a.T @ g <= small).all()
    assert (result.v * (a.T @ g)).abs().max() <= small * (1 + float(result.v.max()))
    assert g @ g_o == pytest.approx(float(g @ g), abs=small)
    assert result.active == bool((result.v > 0).any())


@given(gradients(dtypes=(torch.float64,)))
@EXAMPLES
def test_one_of_several_is_the_closed_form_and_repeating_it_changes_nothing(pair):
    objective, forget = pair
    assume(float(flat(forget).norm()) > 1e-2)
    single = project(objective, forget)
    nothing = [torch.zeros_like(tensor) for tensor in forget]
    faint = [tensor * 1e-6 for tensor in forget]  # the same direction, badly scaled
    for constraints in ([forget], [forget, forget], [nothing, forget], [forget, faint]):
        several = project_many(objective, constraints)
        torch.testing.assert_close(
            flat(several.gradient), flat(single.gradient), atol=1e-6, rtol=1e-6
        )
        assert several.cosine == pytest.approx(single.cosine, abs=1e-6)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_general_quadratic_programme(size, seed):
    draws = np.random.default_rng(seed)
    g_o, a = draws.normal(size=7), draws.normal(size=(7, size)) + 0.4
    solved = minimize(
        lambda g: 0.5 * np.sum((g - g_o) ** 2),
        np.zeros(7),
        jac=lambda g: g - g_o,
        constraints={"type": "ineq", "fun": lambda g: -a.T @ g, "jac": lambda g: -a.T},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert solved.success
    objective = [torch.from_numpy(g_o)]
    constraints = [[torch.from_numpy(a[:, i])] for i in range(size)]
    several = project_many(objective, constraints)
    np.testing.assert_allclose(several.gradient[0].numpy(), solved.x, atol=1e-6)
    if size == 1:
        single = project(objective, constraints[0])
        np.testing.assert_allclose(single.gradient[0].numpy(), solved.x, atol=1e-6)


def test_a_zero_forget_gradient_binds_nothing():
    objective, zero = [torch.tensor([1.0, -2.0])], [torch.zeros(2)]
    for options in ({}, {"margin": 0.5}, {"ridge": 1e-3}):
        result = project(objective, zero, **options)
        assert result.gradient[0] is objective[0]
        assert result[1:] == (0.0, 0.0, False)
    many = project_many(objective, [zero, zero])
    assert torch.equal(many.gradient[0], objective[0])
    assert not many.active
    assert project_many(objective, []).v.shape == (0,)


def test_no_argument_is_changed_by_project():
    objective, forget = [torch.ones(3)], [torch.ones(3)]
    project(objective, forget)
    project_many(objective, [forget, [torch.tensor([1.0, 0.0, 0.0])]])
    assert torch.equal(objective[0], torch.ones(3))
    assert torch.equal(forget[0], torch.ones(3))


def test_dot_products_are_accurate_in_any_layout_and_precision():
    torch.manual_seed(0)
    a = torch.randn(64, 64, 5, 5) + 1
    b = torch.randn(64, 64, 5, 5) + 1
    exact = float((a.double() * b.double()).sum())
    mixed = a.contiguous(memory_format=torch.channels_last)
    assert float(inner([mixed], [b])) == pytest.approx(exact, rel=1e-6)
    assert float(inner([a, a], [b, b])) == pytest.approx(2 * exact, rel=1e-6)
    assert float(squared_norm([a])) == pytest.approx(float(a.double().square().sum()), rel=1e-6)
    assert inner([a], [b]).dtype == torch.float64
    # 300 ones: bfloat16 itself cannot count beyond 256.
    ones = torch.ones(300, dtype=torch.bfloat16)
    assert float(squared_norm([ones])) == 300


@pytest.mark.parametrize("size", [7, 1001, 600_000])
def test_the_bits_do_not_depend_on_where_a_tensor_lies(size):
    """A resumed run meets the same gradients at other addresses."""
    torch.manual_seed(0)
    store, other = torch.randn(size + 3), torch.randn(size)
    expected = inner([store[3:].clone()], [other])
    assert torch.equal(inner([store[3:]], [other]), expected)


def test_low_precision_gradients_keep_their_type():
    objective, forget = [torch.ones(4, dtype=torch.bfloat16)], [torch.ones(4, dtype=torch.bfloat16)]
    result = project(objective, forget)
    assert result.gradient[0].dtype == torch.bfloat16
    assert torch.equal(result.gradient[0], torch.zeros(4, dtype=torch.bfloat16))


@given(gradients(count=3, dtypes=(torch.float64,)))
@settings(max_examples=30, deadline=None)
def test_processes_that_hold_parts_agree_with_one_that_holds_all(three):
    objective, first, second = three
    if len(objective) < 2:
        return
    parts = [([o], [f], [s]) for o, f, s in zip(objective, first, second, strict=True)]

    def together(solve):
        """Run every part once to collect its scalars, then with their sum."""
        collected = []
        for part in parts:
            solve(part, lambda t: collected.append(t.clone()) or t)
        return [solve(part, lambda t: sum(collected)) for part in parts]

    whole = project(objective, first)
    for i, part in enumerate(together(lambda p, r: project(p[0], p[1], reduce=r))):
        assert part.v == pytest.approx(whole.v)
        torch.testing.assert_close(part.gradient[0], whole.gradient[i])
    whole = project_many(objective, [first, second])
    for i, part in enumerate(together(lambda p, r: project_many(p[0], [p[1], p[2]], reduce=r))):
        torch.testing.assert_close(part.gradient[0], whole.gradient[i], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_stops_the_run(bad):
    good, broken = [torch.ones(2)], [torch.tensor([1.0, bad])]
    for arguments in ((good, broken), (broken, good)):
        with pytest.raises(GuardError, match=r"not finite.*smaller learning rate"):
            project(*arguments)
        with pytest.raises(GuardError, match="not finite"):
            project_many(arguments[0], [arguments[1]])


def test_gradients_of_other_parameters_are_refused():
    with pytest.raises(InputError, match=r"1 and 2 tensors"):
        project([torch.ones(2)], [torch.ones(2), torch.ones(1)])
    with pytest.raises(InputError, match=r"\(2,\) stands against \(3,\)"):
        project_many([torch.ones(2)], [[torch.ones(3)]])
    with pytest.raises(InputError, match="non-empty"):
        project([], [])
    with pytest.raises(InputError, match="margin >= 0"):
        project([torch.ones(2)], [torch.ones(2)], margin=-1.0)

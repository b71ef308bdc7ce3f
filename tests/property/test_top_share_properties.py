import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.core.errors import InputError
from expunge.kernels import top_share

# Few distinct values, so that ties at the threshold are common.
VALUES = st.sampled_from([0.0, 0.0, 1e-30, 0.5, 1.0, 1.0000001, 3.0, float("inf")])
SHAPES = st.sampled_from([(), (1,), (5,), (2, 3), (2, 3, 2, 2), (0,)])


@st.composite
def score_maps(draw):
    scores = {}
    for i, shape in enumerate(draw(st.lists(SHAPES, min_size=1, max_size=5))):
        size = int(torch.Size(shape).numel())
        values = draw(st.lists(VALUES, min_size=size, max_size=size))
        dtype = draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
        tensor = torch.tensor(values, dtype=dtype).reshape(shape)
        if len(shape) == 4 and draw(st.booleans()):
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        scores[f"p{i}"] = tensor
    if not any(score.numel() for score in scores.values()):
        scores["last"] = torch.ones(1)
    return scores


def oracle(scores, share):
    """A stable sort: the highest first, ties in the order of position."""
    entries = [
        (-value, name, place)
        for name, score in scores.items()
        for place, value in enumerate(score.double().reshape(-1).tolist())
    ]
    order = {name: i for i, name in enumerate(scores)}
    entries.sort(key=lambda entry: (entry[0], order[entry[1]], entry[2]))
    return {(name, place) for _, name, place in entries[: max(1, round(share * len(entries)))]}


def marked(masks):
    return {
        (name, place)
        for name, mask in masks.items()
        for place in mask.reshape(-1).nonzero().flatten().tolist()
    }


@given(score_maps(), st.floats(0.001, 0.999))
@settings(max_examples=200, deadline=None)
def test_agrees_with_a_stable_sort(scores, share):
    masks = top_share(scores, share)
    assert list(masks) == list(scores)
    for name, mask in masks.items():
        assert mask.dtype == torch.bool
        assert mask.shape == scores[name].shape
    assert marked(masks) == oracle(scores, share)


@given(score_maps(), st.floats(0.001, 0.999))
@settings(max_examples=60, deadline=None)
def test_per_layer_ranks_each_tensor_on_its_own(scores, share):
    expected = set()
    for name, score in scores.items():
        if score.numel():
            expected |= oracle({name: score}, share)
    assert marked(top_share(scores, share, per_layer=True)) == expected


def test_scores_are_left_alone_and_large_ones_agree_with_topk():
    generator = torch.Generator().manual_seed(0)
    scores = {str(i): torch.rand(50, 41, generator=generator) for i in range(4)}
    before = {name: score.clone() for name, score in scores.items()}
    flat = torch.cat([score.flatten() for score in scores.values()])
    masks = top_share(scores, 0.03)
    chosen = torch.cat([mask.flatten() for mask in masks.values()])
    assert chosen.sum() == round(0.03 * len(flat))
    assert flat[chosen].min() >= flat[~chosen].max()
    assert all(torch.equal(before[name], score) for name, score in scores.items())


def test_nan_is_an_error_that_names_its_parameter():
    scores = {"good": torch.ones(100), "bad": torch.tensor([1.0, float("nan"), 0.0])}
    with pytest.raises(InputError, match="NaN in those of bad"):
        top_share(scores, 0.01)


@pytest.mark.parametrize("share", [0, 1, -0.1, 3, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InputError, match="share to be a share between 0 and 1"):
        top_share({"a": torch.ones(3)}, share)


@pytest.mark.parametrize("scores", [{}, {"a": torch.ones(0)}])
def test_nothing_to_rank_is_refused(scores):
    with pytest.raises(InputError, match="at least one parameter"):
        top_share(scores, 0.5)

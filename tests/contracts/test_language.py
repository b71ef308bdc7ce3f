"""The contracts once more on a language model, whose samples have neither labels nor scores.

Which methods run on it, and why the others do not, stands in ``RUNS`` and ``REFUSED``. Tests
that are imported by name are those of all methods; the fixtures below give them this task.
"""

import multiprocessing
import re
import signal
import warnings

import pytest
import torch

pytest.importorskip("transformers")

from expunge.core import InputError, Run, Split, UnlearningData
from expunge.methods import METHODS
from tests.contracts.test_methods import (
    Countdown,
    Untouchable,
    counted,
    run,
    same,
    state,
    test_does_not_disturb_global_randomness,
    test_keeps_names_shapes_and_types,
    test_leaves_the_given_model_untouched,
    test_reads_what_it_needs,
    test_same_seed_same_bits_and_another_seed_others,
)
from tests.unit.tasks import answerers

__all__ = [
    "test_does_not_disturb_global_randomness",
    "test_keeps_names_shapes_and_types",
    "test_leaves_the_given_model_untouched",
    "test_reads_what_it_needs",
    "test_same_seed_same_bits_and_another_seed_others",
]

_FAST = {"lr": 1e-3, "epochs": 1, "batch_size": 8}
RUNS = {
    "fine-tune": _FAST,
    "fisher": {"scale": 1e-4, "samples": 12},
    "gradient-ascent": _FAST,
    "influence": {"batch_size": 8, "samples": 6},
    "l1-sparse": _FAST,
    "munba": _FAST,
    "neg-grad-plus": _FAST,
    "not": _FAST,
    "retrain": {"recipe": "small-language", "epochs": 2, "batch_size": 8},
    "scissorhands": _FAST,
    "sfron": {**_FAST, "samples": 8},
    "ssd": {"threshold": 1.1, "samples": 12},
}
_SCORES, _LABELS = "needs class scores", r"labels, but CausalLM\.labels gives None"
_DENOISER = "needs a diffusion model"
REFUSED = {
    # One row of scores per sample is what these compare; an answer has one per token.
    "bad-teacher": _SCORES,
    "boundary-expanding": _SCORES,
    "boundary-shrink": _SCORES,
    "delete": _SCORES,
    "scrub": _SCORES,
    # There is no wrong label to draw, and no class to forget.
    "random-label": _LABELS,
    "salun": _LABELS,
    "unsir": _LABELS,
    # Tokens are numbers of words, to which no noise can be added.
    "l-codec": r"first argument is a floating tensor.* got torch\.int64",
    "erase-diff": _DENOISER,
    "esd-u": _DENOISER,
    "esd-x": _DENOISER,
    "selective-amnesia": _DENOISER,
    "uce": _DENOISER,
}
VARIANTS = {
    "always": ("scissorhands", {**_FAST, "constraint": "always", "trim": 0.2, "trim_samples": 8}),
    "ceiling": ("scissorhands", {**_FAST, "constraint": "ceiling", "relative": True, "trim": 0.2}),
    "rate-by-trial": ("scissorhands", {"epochs": 1}),
    "newton": ("influence", {"solver": "cg", "damping": 10.0, "iterations": 2, "samples": 6}),
}


@pytest.fixture(params=sorted(RUNS))
def name(request):
    return request.param


@pytest.fixture
def method(name):
    return METHODS[name](**RUNS[name])


@pytest.fixture
def task():
    return answerers.task()


@pytest.fixture
def blobs():
    return answerers.question_data()


@pytest.fixture
def model():
    return answerers.llama()


@pytest.fixture
def blob_model(model):
    return model


def test_every_method_either_runs_or_is_refused():
    assert sorted([*RUNS, *REFUSED]) == sorted(METHODS)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_those_that_cannot_run_say_why(model, blobs, task, name):
    before = state(model)
    with pytest.raises(InputError) as refused:
        run(model, blobs, METHODS[name](), task)
    assert re.search(REFUSED[name], str(refused.value), re.DOTALL)
    assert same(before, state(model))


@pytest.mark.parametrize("way", sorted(VARIANTS))
def test_other_ways_of_a_method_change_the_model_too(model, blobs, task, way):
    kind, settings = VARIANTS[way]
    result = run(model, blobs, METHODS[kind](**settings), task)
    assert not same(state(result.model), state(model))
    assert all(torch.isfinite(value).all() for value in result.model.state_dict().values())


def test_bfloat16_runs_the_same_method(model, blobs, task, method):
    result = run(model, blobs, method, task, precision="bf16")
    assert result.precision == "bf16"
    assert not same(state(result.model), state(model))


def test_reads_only_the_sets_it_declares(model, blobs, task, method):
    sets = {
        split.value: getattr(blobs, split.value) if split in method.reads else Untouchable()
        for split in Split
    }
    with torch.random.fork_rng():
        method(model.train(), task, UnlearningData(**sets), Run(0))


def test_killed_half_way_it_resumes_with_the_same_bits(model, blobs, task, method, tmp_path):
    counter = Countdown()
    expected = run(model, blobs, method, counted(task, counter))
    deadly = counted(task, Countdown(counter.calls // 2))
    options = {"folder": tmp_path, "checkpoint_seconds": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside idle threads
        child = multiprocessing.get_context("fork").Process(
            target=run, args=(model, blobs, method, deadly), kwargs=options
        )
        child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    resumed = run(model, blobs, method, task, resume=True, **options)
    assert same(state(resumed.model), state(expected.model))
    assert resumed.history == expected.history
    assert resumed.decisions == expected.decisions

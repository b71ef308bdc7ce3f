"""What must hold for every method. A new one is covered by its entry in ``CASES``."""

import copy
import dataclasses
import json
import math
import multiprocessing
import os
import random
import signal
import typing
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

import expunge.methods as methods_module
from expunge.core import Guard, GuardError, InputError, Split, UnlearningData, unlearn
from expunge.core.method import required_sets
from expunge.methods import METHODS
from tests.contracts.test_cases import CASES, VARIANTS
from tests.unit.tasks import denoisers

LENIENT = Guard(max_retain_drop=100, max_loss_factor=1e6)


@pytest.fixture
def name(request):
    return request.param


@pytest.fixture
def method(name):
    return METHODS[name](**CASES[name].base)


def case_of(request):
    chosen = request.node.callspec.params
    return CASES[chosen["name"] if "name" in chosen else chosen["method"].name]


@pytest.fixture
def blobs(request, blobs):
    """The request: scattered samples, or a class for a method that forgets nothing else."""
    case = case_of(request)
    if case.denoises:
        return denoisers.class_data()
    return request.getfixturevalue("class_blobs") if case.whole_class else blobs


@pytest.fixture
def task(request, task):
    return denoisers.text_task() if case_of(request).denoises else task


@pytest.fixture
def blob_model(request, blob_model):
    return denoisers.text_unet() if case_of(request).denoises else blob_model


@pytest.fixture
def blob_conv_model(request, blob_conv_model):
    return denoisers.text_unet() if case_of(request).denoises else blob_conv_model


NETS = ["blob_model", "blob_conv_model"]


@pytest.fixture
def model(request):
    return request.getfixturevalue(request.param)


def pytest_generate_tests(metafunc):
    """Each method, on each net if a test wants a model; those for denoisers have only one."""
    marks = metafunc.definition.iter_markers("parametrize")
    if any({"name", "method"} & set(mark.args[0]) or mark.args[0] == "method" for mark in marks):
        return
    if "model" in metafunc.fixturenames:
        pairs = [
            (name, net)
            for name in sorted(METHODS)
            for net in (NETS[:1] if CASES[name].denoises else NETS)
        ]
        metafunc.parametrize(("name", "model"), pairs, indirect=True)
    elif "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(METHODS), indirect=True)


def knobs():
    return [
        pytest.param(name, field.name, id=f"{name}-{field.name}")
        for name, cls in sorted(METHODS.items())
        for field in dataclasses.fields(cls)
    ]


def state(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def run(model, data, method, task, **options):
    return unlearn(model, data, method, task=task, **{"guard": LENIENT, **options})


def test_leaves_the_given_model_untouched(model, blobs, task, method):
    before = state(model)
    run(model, blobs, method, task)
    assert same(before, state(model))
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_keeps_names_shapes_and_types(model, blobs, task, method):
    result = run(model, blobs, method, task).model
    found = {key: (value.shape, value.dtype) for key, value in result.state_dict().items()}
    assert found == {key: (v.shape, v.dtype) for key, v in model.state_dict().items()}
    assert not result.training
    assert not same(state(result), state(model))


def test_same_seed_same_bits_and_another_seed_others(model, blobs, task, method):
    first, second, third = (run(model, blobs, method, task, seed=seed) for seed in (3, 3, 4))
    assert same(state(first.model), state(second.model))
    assert first.history == second.history
    assert same(state(first.model), state(third.model)) != CASES[method.name].random


def test_does_not_disturb_global_randomness(model, blobs, task, method):
    before = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy())  # noqa: NPY002
    run(model, blobs, method, task)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (np.random.get_state()[1] == before[2]).all()  # noqa: NPY002


_BASE: dict[str, dict[str, torch.Tensor]] = {}


@pytest.mark.parametrize(("name", "knob"), knobs())
def test_every_hyperparameter_has_an_effect(blob_model, blobs, task, name, knob):
    base = METHODS[name](**CASES[name].base)
    assert knob in CASES[name].other, f"CASES says no other value for {knob}"
    changed = dataclasses.replace(base, **CASES[name].other[knob])
    if name not in _BASE:  # the same for all of a method's settings
        _BASE[name] = state(run(blob_model, blobs, base, task).model)
    assert not same(_BASE[name], state(run(blob_model, blobs, changed, task).model))


class Untouchable(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise AssertionError("a method read a set that it does not declare in `reads`")


class Recording(Dataset):
    def __init__(self, dataset):
        self.dataset, self.reads = dataset, 0

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        self.reads += 1
        return self.dataset[index]


def test_reads_what_it_needs(blob_model, blobs, task, method):
    from expunge.core import Run

    sets = {split.value: Recording(getattr(blobs, split.value)) for split in Split}
    private = copy.deepcopy(blob_model).train()
    with torch.random.fork_rng():
        method(private, task, UnlearningData(**sets), Run(0))
    for split in required_sets(method):
        assert sets[split.value].reads > 0, f"{split} is declared but was not read"


def test_says_so_when_it_diverges(blob_model, blobs, task, name):
    ruin = CASES[name].ruin
    if ruin is None:
        pytest.skip(f"{name} cannot diverge")
    method = METHODS[name](**CASES[name].base)
    for field, value in ruin.items():  # beyond what a config accepts: some optimisers bear a lot
        object.__setattr__(method, field, value)
    words = r"smaller (learning rate|scale)"
    with pytest.raises(GuardError, match=rf"(NaN|nan|inf|finite)[\s\S]*{words}"):
        run(blob_model, blobs, method, task)


def numeric_knobs():
    return [
        pytest.param(name, field.name, id=f"{name}-{field.name}")
        for name, cls in sorted(METHODS.items())
        for field in dataclasses.fields(cls)
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    ]


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
@pytest.mark.parametrize(("name", "knob"), numeric_knobs())
def test_rejects_impossible_numbers(name, knob, value):
    with pytest.raises(InputError, match=rf"expected {knob} .*got {value}"):
        METHODS[name](**{knob: value})


def test_repr_and_config_round_trip(name, method):
    assert eval(repr(method), vars(methods_module)) == method
    table = json.loads(json.dumps(dataclasses.asdict(method)))
    assert METHODS[name](**table) == method


def test_is_frozen_hashable_and_named(name, method):
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.lr = 1.0
    assert hash(method) == hash(copy.copy(method))
    assert method.name == name


def test_cites_its_source(name):
    reference = METHODS[name].reference
    assert reference.url.startswith("https://")
    assert 1990 < reference.year < 2100
    assert all((reference.title, reference.authors, reference.venue))


def counted(task, count):
    """A task that can do what ``task`` can, and calls ``count`` before each of its passes."""

    def passing(name):
        def method(self, *given):
            count()
            return getattr(super(kind, self), name)(*given)

        return method

    own = type(task)
    passes = {name: passing(name) for name in ("loss", "logits", "predict") if hasattr(own, name)}
    kind = type(own.__name__, (own,), passes)
    wrapped = copy.copy(task)
    object.__setattr__(wrapped, "__class__", kind)  # a frozen dataclass, perhaps
    return wrapped


class Countdown:
    """Ends the process with SIGKILL at a call; far away it only counts."""

    def __init__(self, calls=1 << 40):
        self.start = self.left = calls

    def __call__(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def calls(self):
        return self.start - self.left


def runs(more=None):
    ways = {name: (name, case.base) for name, case in CASES.items()} | VARIANTS | (more or {})
    return [pytest.param(METHODS[name](**base), id=way) for way, (name, base) in ways.items()]


def constraints():
    """Scissorhands under each of its constraints; which sets it reads depends on it."""
    kind = typing.get_type_hints(METHODS["scissorhands"])["constraint"]
    return {
        f"scissorhands-reads-{one}": (
            "scissorhands",
            {**CASES["scissorhands"].base, "constraint": one},
        )
        for one in typing.get_args(kind)
    }


@pytest.mark.parametrize("method", runs(constraints()))
def test_reads_only_the_sets_it_declares(blob_conv_model, blobs, task, method):
    from expunge.core import Run

    sets = {
        split.value: getattr(blobs, split.value) if split in method.reads else Untouchable()
        for split in Split
    }
    private = copy.deepcopy(blob_conv_model).train()
    with torch.random.fork_rng():
        method(private, task, UnlearningData(**sets), Run(0))


_WHOLE: dict[Any, tuple[Any, int]] = {}


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("method", runs())
def test_killed_at_any_point_it_resumes_with_the_same_bits(
    blob_conv_model, blobs, task, method, tmp_path, share
):
    if method not in _WHOLE:  # the same wherever it is killed
        counter = Countdown()
        expected = run(blob_conv_model, blobs, method, counted(task, counter))
        _WHOLE[method] = expected, counter.calls
    expected, calls = _WHOLE[method]
    if not CASES[method.name].random:
        pytest.skip("a closed form that asks the task for no loss in which it could be killed")
    deadly = counted(task, Countdown(int(share * calls)))
    options = {"folder": tmp_path, "checkpoint_seconds": 0.0}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside idle threads
        child = multiprocessing.get_context("fork").Process(
            target=run, args=(blob_conv_model, blobs, method, deadly), kwargs=options
        )
        child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL

    resumed = run(blob_conv_model, blobs, method, task, resume=True, **options)
    assert same(state(resumed.model), state(expected.model))
    assert resumed.history == expected.history
    assert resumed.decisions == expected.decisions
    assert resumed.cost["samples_read"] == expected.cost["samples_read"]
    assert not list(tmp_path.iterdir()), "a finished run leaves no checkpoint behind"


def test_refuses_a_checkpoint_of_another_request(blob_model, blobs, task, method, tmp_path):
    options = {"folder": tmp_path, "checkpoint_seconds": 0.0}
    rows = []

    def stop_later(row):
        rows.append(row)
        if len(rows) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(blob_model, blobs, method, task, on_log=stop_later, **options)
    with pytest.raises(InputError, match=r"another model, data, request, method or seed"):
        run(blob_model, blobs, method, task, seed=99, resume=True, **options)
    others = UnlearningData(_twisted(blobs.forget), blobs.retain, blobs.validation, blobs.test)
    with pytest.raises(InputError, match=r"belongs to another model, data, request"):
        run(blob_model, others, method, task, resume=True, **options)


def _twisted(dataset):
    """As many samples with the same labels, of which one is another."""
    inputs, labels = (torch.stack(list(part)) for part in zip(*dataset, strict=True))
    inputs[-1] += 1
    return TensorDataset(inputs, labels)

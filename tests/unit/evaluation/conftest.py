"""Models and runs to evaluate."""

import copy

import pytest
from tests.conftest import make_blobs
from tests.unit.evaluation.world import by_class, fit_on, run_method
from torch import nn

from expunge.core import Unlearned, UnlearningData
from expunge.tasks import Classification


@pytest.fixture(scope="session")
def retrained_models() -> list[nn.Module]:
    retain = make_blobs().retain
    return [fit_on(retain, seed) for seed in (0, 1)]


@pytest.fixture
def retrained(retrained_models: list[nn.Module]) -> list[nn.Module]:
    """Two independent models that never saw D_f."""
    return copy.deepcopy(retrained_models)


@pytest.fixture
def class_data(blobs: UnlearningData) -> UnlearningData:
    """Class 0 is forgotten as a whole."""
    return by_class(blobs, 0)


@pytest.fixture
def result(blob_model: nn.Module, blobs: UnlearningData, task: Classification) -> Unlearned:
    return run_method(blob_model, blobs, task)

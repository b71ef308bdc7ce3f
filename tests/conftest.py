"""A world small enough that every test can train in it: three overlapping blobs.

The nets are trained until they know the forget set better than held-out data, so that
there is something to unlearn. Fixtures hand out copies: no test sees another's changes.
"""

import copy
import os

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tests compute on the CPU, whatever the machine has: processes that fork must not have touched
# a GPU, and bits are compared. Those of tests/real/test_cuda.py ask for one.
if not os.environ.get("EXPUNGE_TEST_GPU"):
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from expunge.core import UnlearningData
from expunge.tasks import Classification

torch.set_num_threads(1)

CLASSES = 3
FEATURES = 4
SIZES = {"forget": 24, "retain": 120, "validation": 48, "test": 48}


class AsImage(nn.Module):
    """Turns the four features of a blob, shape (B, 4), into images of shape (B, 1, 2, 2)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.unflatten(1, (1, 2, 2))


def make_blobs(seed: int = 0) -> UnlearningData:
    """Points (N, 4) float32 of three overlapping Gaussian clouds, with labels 0 to 2."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.5 * torch.randn(CLASSES, FEATURES, generator=generator)
    total = sum(SIZES.values())
    labels = torch.arange(total) % CLASSES
    inputs = centres[labels] + 1.3 * torch.randn(total, FEATURES, generator=generator)
    parts = zip(inputs.split(list(SIZES.values())), labels.split(list(SIZES.values())), strict=True)
    return UnlearningData(*(TensorDataset(x, y) for x, y in parts))


def make_mlp(seed: int = 0) -> nn.Module:
    """An untrained perceptron with Dropout, 4 -> 32 -> 32 -> 3."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(FEATURES, 32),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Linear(32, CLASSES),
        )


def make_conv(seed: int = 0) -> nn.Module:
    """An untrained convolutional net with BatchNorm that takes the same four features."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            AsImage(),
            nn.Conv2d(1, 16, 2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 9, CLASSES),
        )


def fit(model: nn.Module, data: UnlearningData, *, steps: int = 150) -> nn.Module:
    """Train on D_f and D_r together, in whole batches, and leave evaluation mode on."""
    sets = (data.forget, data.retain)
    inputs = torch.cat([part.tensors[0] for part in sets])
    labels = torch.cat([part.tensors[1] for part in sets])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model.train()
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    return model.eval()


@pytest.fixture(scope="session")
def trained_models() -> dict[str, nn.Module]:
    """Trained once; tests take the copies that ``blob_model`` and the others hand out."""
    data = make_blobs()
    return {"mlp": fit(make_mlp(), data), "conv": fit(make_conv(), data)}


@pytest.fixture
def blobs() -> UnlearningData:
    """24 forget, 120 retain, 48 validation and 48 test points of three classes."""
    return make_blobs()


@pytest.fixture
def class_blobs(blobs: UnlearningData) -> UnlearningData:
    """The same points, of which all 48 training points of class 2 are to be forgotten."""
    parts = (blobs.forget.tensors, blobs.retain.tensors)
    inputs, labels = (torch.cat(column) for column in zip(*parts, strict=True))
    gone = labels == CLASSES - 1
    forget, retain = (TensorDataset(inputs[rows], labels[rows]) for rows in (gone, ~gone))
    return UnlearningData(forget, retain, blobs.validation, blobs.test)


@pytest.fixture
def task() -> Classification:
    """Classification into the three classes of ``blobs``."""
    return Classification(num_classes=CLASSES)


@pytest.fixture
def blob_model(trained_models: dict[str, nn.Module]) -> nn.Module:
    """A perceptron with Dropout, trained on D_f and D_r, in evaluation mode."""
    return copy.deepcopy(trained_models["mlp"])


@pytest.fixture
def blob_conv_model(trained_models: dict[str, nn.Module]) -> nn.Module:
    """A convolutional net with BatchNorm, trained on D_f and D_r, in evaluation mode."""
    return copy.deepcopy(trained_models["conv"])

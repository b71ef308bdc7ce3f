"""What the tests of weight files share."""

from pathlib import Path

import pytest
from torch import nn

from expunge.core import ModelError
from expunge.core.unlearn import model_digest
from expunge.models import build_network, load_weights


def small(seed: int = 0, num_classes: int = 3, width: int = 4) -> nn.Module:
    shape = (1, 8, 8)
    arguments = {"width": width}
    return build_network(
        "small", num_classes=num_classes, image_shape=shape, arguments=arguments, seed=seed
    ).model


def refused(model: nn.Module, path: Path) -> str:
    """The message of the refusal; the model must be as before."""
    before = model_digest(model)
    with pytest.raises(ModelError) as caught:
        load_weights(model, path)
    assert model_digest(model) == before
    assert path.name in str(caught.value)
    return str(caught.value)

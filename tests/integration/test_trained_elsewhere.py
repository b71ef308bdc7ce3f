"""Of weights from elsewhere, nobody here knows which samples they never saw."""

import shutil

import numpy as np
import pytest
from PIL import Image

from expunge.config import parse_config
from expunge.core import DataError
from expunge.models import build_network, save_weights
from expunge.runs import prepare, run_unlearn


@pytest.fixture
def pets(tmp_path):
    """Forty pictures to train on and eight to test on, and weights of somebody's net."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        part, word = ("train", "test")[number >= 40], ("cat", "dog")[number % 2]
        folder = tmp_path / "pets" / part / word
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"REC-{number}.png")
    net = build_network("small", num_classes=2, image_shape=(3, 8, 8), seed=0).model
    save_weights(net, tmp_path / "theirs.safetensors")
    return tmp_path


def config(root, *ids, **data):
    return parse_config(
        {
            "data": {
                "source": "imagefolder",
                "path": str(root / "pets"),
                "forget": {"kind": "ids", "ids": list(ids) or ["REC-1"]},
                **data,
            },
            "model": {"name": "small", "weights": str(root / "theirs.safetensors")},
            "method": {"name": "fine-tune", "epochs": 1, "batch_size": 2},
            "reference": {"retrain": 0},
            "evaluation": {"relearn": False, "pictures": False},
        }
    )


def test_every_record_of_the_training_folder_can_be_forgotten(pets) -> None:
    prepared = prepare(config(pets, *(f"REC-{number}" for number in range(37))))
    assert len(prepared.positions) == 37
    assert prepared.data.sizes() == {"forget": 37, "retain": 3, "validation": 4, "test": 4}
    assert all(name.startswith("test/") for name in prepared.bundle.validation.ids)
    assert prepared.request.counts() == "Asked for by name: 37, of which 37 found."


def test_without_a_test_set_the_owner_has_to_say(pets) -> None:
    shutil.rmtree(pets / "pets" / "test")
    with pytest.raises(DataError, match=r"trained elsewhere, so nobody here knows.*data\.test = 0"):
        prepare(config(pets))
    assert prepare(config(pets, "REC-0", validation=0.0, test=0.2)).data.validation is None


def test_what_the_config_says_holds(pets) -> None:
    assert prepare(config(pets, "REC-0", validation=0.0)).data.sizes()["test"] == 8
    assert prepare(config(pets, "REC-0", validation_from_test=0.25)).data.sizes()["validation"] == 2


def test_weights_that_were_trained_here_keep_their_division(make_config, tmp_path) -> None:
    run_unlearn(make_config(), tmp_path / "out")
    own = f"model.weights='{tmp_path}/out/original.safetensors'"
    assert prepare(make_config(own)).data.sizes() == prepare(make_config()).data.sizes()
    other = prepare(make_config(own, "data.limit=250"))
    assert all(name.startswith("test/") for name in other.bundle.validation.ids)

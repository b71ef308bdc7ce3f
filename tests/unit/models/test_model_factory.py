"""Nets that the user's own code builds."""

import sys
from pathlib import Path

import pytest
import torch

from expunge.core import ModelError
from expunge.models import build_network, check_network

RGB = (3, 32, 32)

SOURCE = '''
"""A module as a user would write it."""
import torch
from torch import nn
from torchvision.models import VisionTransformer


def vit(num_classes, depth=1):
    return VisionTransformer(image_size=32, patch_size=8, num_layers=depth, num_heads=2,
                             hidden_dim=16, mlp_dim=16, num_classes=num_classes)


def ten():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))


def open_ended(**options):
    return nn.Linear(4, options["num_classes"])


def positional(num_classes, /):
    return nn.Linear(4, 2)


class Flat(nn.Sequential):
    class Inner(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)

    def __init__(self, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))


def not_a_net():
    return {"weights": torch.zeros(2)}


def a_class():
    return nn.Linear


def broken():
    raise RuntimeError("no such backbone")


def quits():
    raise SystemExit(1)


number = 3
ready = nn.Linear(2, 2)
'''


@pytest.fixture(autouse=True)
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "usersnets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "usersnets", raising=False)
    return tmp_path


def build(name: str, **arguments: object):
    return build_network(name, num_classes=10, image_shape=RGB, arguments=arguments)


def test_vision_transformer_of_the_users_own() -> None:
    net = build("usersnets:vit", depth=2)
    check_network(net, RGB, 10)
    assert len(net.model.encoder.layers) == 2
    assert (net.mean, net.std, net.image_size) == (None, None, None)


@pytest.mark.parametrize("name", ["usersnets:ten", "usersnets:Flat"])
def test_functions_and_classes(name: str) -> None:
    check_network(build(name), RGB, 10)


def test_nested_attribute() -> None:
    assert type(build("usersnets:Flat.Inner").model).__name__ == "Inner"


def test_num_classes_is_passed_where_it_is_taken() -> None:
    assert build("usersnets:open_ended").model.out_features == 10
    assert build("usersnets:open_ended", num_classes=3).model.out_features == 3


def test_positional_only_is_not_passed_by_name() -> None:
    with pytest.raises(ModelError, match=r"no arguments, failed: TypeError"):
        build("usersnets:positional")


def test_callable_without_signature_is_called_plainly() -> None:
    with pytest.raises(ModelError, match=r"torch\.nn\.Module, got a value of type dict"):
        build("builtins:dict")


def test_folder_is_importable_only_meanwhile(users_folder: Path) -> None:
    before = list(sys.path)
    build("usersnets:ten")
    assert sys.path == before


def test_seed_reaches_the_factory_even_if_its_import_draws_numbers() -> None:
    first, again = (build("usersnets:ten").model[1].weight for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("usersnet:ten", ["cannot import 'usersnet'", "ModuleNotFoundError", "folder"]),
        ("usersnets:tenn", ["has no 'tenn'", "did you mean 'ten'"]),
        ("usersnets:", ["package.module:factory"]),
        (":ten", ["package.module:factory"]),
        ("usersnets:number", ["function or class", "type int"]),
        ("usersnets:ready", ["function or class", "type Linear"]),
        ("usersnets:not_a_net", ["torch.nn.Module", "type dict"]),
        ("usersnets:a_class", ["torch.nn.Module", "class Linear"]),
        ("usersnets:broken", ["no such backbone", "RuntimeError", "no arguments"]),
        ("usersnets:quits", ["SystemExit"]),
    ],
)
def test_what_can_go_wrong(name: str, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        build(name)
    for word in words:
        assert word in str(caught.value)


def test_wrong_argument_is_named() -> None:
    with pytest.raises(ModelError, match=r"\(width=3\), failed: TypeError.*width"):
        build("usersnets:ten", width=3)


def test_module_with_a_mistake(users_folder: Path) -> None:
    (users_folder / "mistaken.py").write_text("def net(:\n")
    with pytest.raises(ModelError, match=r"cannot import 'mistaken'.*SyntaxError"):
        build("mistaken:net")


def test_module_that_changes_the_path(users_folder: Path) -> None:
    (users_folder / "pathless.py").write_text(
        "import os, sys, torch\n"
        "sys.path[:] = [one for one in sys.path if one != os.getcwd()]\n"
        "def net():\n    return torch.nn.Linear(2, 2)\n"
    )
    before = list(sys.path)
    assert build("pathless:net").model.in_features == 2
    assert sys.path == before

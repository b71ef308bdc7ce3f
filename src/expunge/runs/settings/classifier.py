"""Classifiers, regression and tasks of the user's own: data and network of a config."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from ...config import Config
from ...core.capabilities import MovableSet, RenormalisedSet
from ...core.data import fetch
from ...core.errors import ConfigError, InputError, ModelError
from ...core.guard import first_non_finite
from ...core.task import Task
from ...core.user_code import find_callable
from ...data import Bundle, load_source, plant_canaries
from ...models import Network, build_network, check_network, load_weights
from ...tasks import Classification, Regression
from ...tasks.batches import unpack
from ..models import metadata
from .input_checks import check_dataset, check_image_size
from .loaded import Loaded, ModelSize, find_device

SETS = ("train", "validation", "test")


def load_classifier(config: Config) -> Loaded:
    """Data and network of a config for models that map an input to an output.

    Raises:
        InputError: If either cannot be had, or they do not fit together.
    """
    device = find_device(config.device)
    bundle = _bundle_for(config)
    task = build_task(config, bundle)
    network = _network(config, bundle, config.seed)
    check_image_size(network, bundle)
    bundle = _on_device(bundle, config, network, device)
    first = unpack(fetch(bundle.train, torch.arange(min(2, len(bundle.train)))))[0]
    check_network(network, bundle.image_shape, bundle.num_classes, first)
    fresh = partial(_fresh, config, bundle)
    given = None if config.model.weights is None else partial(_given, config, fresh)
    model = network.model if given is None else given()
    if (name := first_non_finite(model)) is not None:
        raise ModelError(f"the network holds NaN or infinite values in {name!r}; train it again")
    for name in SETS:
        check_dataset(name, getattr(bundle, name), task)
    return Loaded(bundle, fresh, task, device, bundle.fingerprint(), ModelSize.of(model), given)


def build_task(config: Config, bundle: Bundle) -> Task:
    """The task that ``[task]`` names.

    Raises:
        InputError: If it cannot be built, or is none.
    """
    name, arguments = config.task.name, config.task.arguments
    known: dict[str, Callable[..., Task]] = {
        "classification": partial(Classification, num_classes=bundle.num_classes),
        "regression": Regression,
    }
    make = known.get(name) or find_callable(name, error=InputError)
    try:
        task = make(**arguments)
    except TypeError as error:
        raise ConfigError([f"task.arguments: {name} cannot be built with them: {error}"]) from error
    if not isinstance(task, Task):
        raise ConfigError(
            [
                f"task.name: expected {name!r} to return a task with loss, correct, labels and "
                f"loss_ceiling, got {type(task).__name__}"
            ]
        )
    return task


def _bundle_for(config: Config) -> Bundle:
    """The data as the model has seen them.

    What a model that was trained elsewhere never saw is known to its owner alone. Without a
    split in the config, its training file is therefore not divided; weights that expunge
    trained tell by the fingerprint in their file that they go with its own division.
    """
    bundle = load_bundle(config)
    is_told = {"validation", "validation_from_test", "test"} & config.data.model_fields_set
    if config.model.weights is None or is_told:
        return bundle
    if metadata(Path(config.model.weights)).get("data") == bundle.fingerprint():
        return bundle
    return load_bundle(config, trained_elsewhere=True)


def load_bundle(config: Config, *, trained_elsewhere: bool = False) -> Bundle:
    """The data of a config, with canaries planted if it asks for them."""
    data = config.data
    bundle = load_source(
        data.source,
        path=data.path,
        image_size=data.image_size,
        validation=data.train_share_held_out,
        test=data.test,
        limit=data.limit,
        mean=data.mean,
        std=data.std,
        augment=data.augment,
        arguments=data.arguments,
        validation_from_test=data.validation_from_test,
        labelled={"classification": True, "regression": False}.get(config.task.name),
        trained_elsewhere=trained_elsewhere,
    )
    return bundle if data.canaries is None else plant_canaries(bundle, data.canaries)


def _network(config: Config, bundle: Bundle, seed: int) -> Network:
    return build_network(
        config.model.name,
        num_classes=bundle.num_classes,
        image_shape=bundle.image_shape,
        arguments=config.model.arguments,
        seed=seed,
    )


def _fresh(config: Config, bundle: Bundle, seed: int) -> nn.Module:
    return _network(config, bundle, seed).model


def _given(config: Config, fresh: Callable[[int], nn.Module]) -> nn.Module:
    """The network with the weights that the config names."""
    assert config.model.weights is not None  # only then is this called
    model = fresh(config.seed)
    load_weights(model, config.model.weights)
    return model


def _on_device(bundle: Bundle, config: Config, network: Network, device: torch.device) -> Bundle:
    """Sets on the device, normalised as the network wants unless the config says otherwise."""
    changes = {}
    for name in SETS:
        dataset = getattr(bundle, name)
        if isinstance(dataset, RenormalisedSet) and network.mean and config.data.mean is None:
            dataset = dataset.with_normalisation(network.mean, network.std)
        if isinstance(dataset, MovableSet):
            dataset = dataset.to(device)
        changes[name] = dataset
    return replace(bundle, **changes)

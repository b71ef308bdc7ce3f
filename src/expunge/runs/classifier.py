"""Data, net and forget set of a config, checked before anything is computed or written."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..config import Config
from ..core.capabilities import MovableSet, RenormalisedSet
from ..core.data import UnlearningData
from ..core.errors import InputError, ModelError
from ..core.guard import first_non_finite
from ..core.method import Method, required_sets
from ..data import Bundle, load_source, plant_canaries, select_forget
from ..data.bundle import ids_of
from ..models import Net, build_net, check_net, load_weights
from ..tasks import Classification
from ..training import Recipe
from .input_checks import check_batch_sizes, check_dataset, check_image_size

SETS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Loaded:
    """What all repetitions of a run share: data as the net wants it, and the net."""

    bundle: Bundle
    net: Net
    task: Classification
    device: torch.device
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Prepared:
    """One run, ready to start. ``positions`` of the forget set in ``bundle.train``."""

    config: Config
    bundle: Bundle
    net: Net
    task: Classification
    device: torch.device
    data: UnlearningData
    positions: Tensor
    ids: list[str]
    method: Method
    recipe: Recipe | None
    fingerprint: str

    @property
    def request(self) -> dict[str, Any]:
        """The forget table as a record shows it: ids that stand in a config are counted."""
        table = self.config.data.forget.model_dump(exclude_none=True)
        if "ids" in table:
            table["ids"] = f"{len(table['ids'])} ids"
        return table

    def identity(self, *parts: object) -> str:
        """SHA-256 over what determines a trained net: data, net, recipe and ``parts``."""
        config = self.config
        described = {
            "data": self.fingerprint,
            "reading": reading(config),
            "model": config.model.model_dump(mode="json"),
            "recipe": repr(self.recipe),
            "precision": config.precision,
            "parts": [str(part) for part in parts],
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def reading(config: Config) -> dict[str, Any]:
    """How the data are read, as far as nets that were trained on them depend on it.

    Canaries are part of the fingerprint through their labels.
    """
    return config.data.model_dump(mode="json", exclude={"forget", "path", "canaries"})


def load(config: Config) -> Loaded:
    """Data and net of a config.

    Raises:
        InputError: If either cannot be had, or they do not fit together.
    """
    device = find_device(config.device)
    bundle = _load_bundle(config)
    net = build_net(
        config.model.name,
        num_classes=bundle.num_classes,
        image_shape=bundle.image_shape,
        arguments=config.model.arguments,
        seed=config.seed,
    )
    check_image_size(net, bundle)
    check_net(net, bundle.image_shape, bundle.num_classes)
    if config.model.weights is not None:
        load_weights(net.model, config.model.weights)
    if (name := first_non_finite(net.model)) is not None:
        raise ModelError(f"the net holds NaN or infinite values in {name!r}; train it again")
    task = Classification(num_classes=bundle.num_classes)
    bundle = _placed(bundle, config, net, device)
    for name in SETS:
        check_dataset(name, getattr(bundle, name), task)
    return Loaded(bundle, net, task, device, bundle.fingerprint())


def prepare(config: Config, loaded: Loaded | None = None) -> Prepared:
    """Everything that a run needs, without having trained or written anything.

    Raises:
        InputError: If the run cannot be carried out as it stands.
    """
    loaded = loaded or load(config)
    bundle = loaded.bundle
    forget = config.data.forget.model_dump(exclude_none=True)
    if "ids" in forget:
        forget["ids"] = [str(one) for one in forget["ids"]]
    positions = select_forget(bundle, forget)
    data = bundle.unlearning_data(positions)
    method, recipe = config.build_method(), config.build_recipe()
    for split in sorted(required_sets(method)):
        if getattr(data, split) is None:
            raise InputError(
                f"{method.name} reads the {split} set, but there is none; "
                "set data.validation = 0.1, or choose another method"
            )
    check_batch_sizes(method, data)
    names = ids_of(bundle.train)
    ids = [names[position] for position in positions.tolist()]
    return Prepared(
        config,
        bundle,
        loaded.net,
        loaded.task,
        loaded.device,
        data,
        positions,
        ids,
        method,
        recipe,
        loaded.fingerprint,
    )


def find_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` is CUDA where there is one.

    Raises:
        InputError: If nothing can be computed there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"cannot compute on device = {name!r}: {first}; use auto or cpu"
        ) from error
    return device


def _load_bundle(config: Config) -> Bundle:
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
    )
    if data.canaries is None:
        return bundle
    return plant_canaries(bundle, data.canaries.model_dump(exclude_none=True))


def _placed(bundle: Bundle, config: Config, net: Net, device: torch.device) -> Bundle:
    """Sets on the device, normalised as the net wants unless the config says otherwise."""
    changes = {}
    for name in SETS:
        dataset = getattr(bundle, name)
        if isinstance(dataset, RenormalisedSet) and net.mean and config.data.mean is None:
            dataset = dataset.with_normalisation(net.mean, net.std)
        if isinstance(dataset, MovableSet):
            dataset = dataset.to(device)
        changes[name] = dataset
    return replace(bundle, **changes)

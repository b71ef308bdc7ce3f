"""Data and model of a config, as all repetitions of a run share them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...config import Config
from ...core.errors import InputError
from ...core.task import Task
from ...core.unlearn import model_digest
from ...data import Bundle


@dataclass(frozen=True, eq=False)
class Loaded:
    """What all repetitions of a run share.

    Args:
        bundle: The data as the model wants it, on the device.
        fresh: Builds an untrained model for a seed, on the CPU.
        task: What the model does.
        device: Where to compute.
        fingerprint: SHA-256 over the data.
        size: What is known of such a model without keeping one.
        given: Builds the model with the weights of the config; None if it names none.
    """

    bundle: Bundle
    fresh: Callable[[int], nn.Module]
    task: Task
    device: torch.device
    fingerprint: str
    size: "ModelSize"
    given: Callable[[], nn.Module] | None = None


@dataclass(frozen=True)
class ModelSize:
    """Number of parameters, bytes of all tensors, and the digest of the weights."""

    parameters: int
    state_bytes: int
    digest: str

    @classmethod
    def of(cls, model: nn.Module) -> Self:
        """Of a model as it is."""
        state: Iterable[Tensor] = model.state_dict().values()
        return cls(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            state_bytes=sum(tensor.numel() * tensor.element_size() for tensor in state),
            digest=model_digest(model),
        )


def reading(config: Config) -> dict[str, Any]:
    """How the data are read, as far as models that were trained on them depend on it.

    Canaries are part of the fingerprint through their labels.
    """
    return config.data.model_dump(mode="json", exclude={"forget", "path", "canaries", "copies"})


def find_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` is CUDA where there is one.

    Raises:
        InputError: If nothing can be computed there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("nothing has a value there")
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"cannot compute on device = {name!r}: {first}; use auto or cpu"
        ) from error
    return device

"""Drawing with help: probes of what a model that was to forget still draws when it is pushed."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...core.checks import check_positive
from ...core.errors import InputError
from .text_to_image import denoiser_of, with_denoiser

_NOISE_SEED = 0


def with_relay(pipeline: Any, first: nn.Module, share: float) -> Any:
    """Another pipeline in which ``first`` takes the noisiest levels, and the pipeline the rest.

    What a picture shows is settled early: with the original as ``first``, a model that lost
    the way to a concept, but not the concept, completes it ("completion").

    Args:
        pipeline: With a U-Net; it is left as it is.
        first: A denoiser of the same kind.
        share: Of the levels of noise, in (0, 1).

    Returns:
        A pipeline for drawing; it cannot be saved.

    Raises:
        InputError: If the share is out of range, or the pipeline has no U-Net.
    """
    if not 0 < share < 1:
        raise InputError(f"expected share above 0 and below 1, got {share!r}")
    model = _unet_of(pipeline)
    levels = pipeline.scheduler.config.num_train_timesteps
    return with_denoiser(pipeline, Relay(first, model, (1 - share) * levels))


def with_noise(pipeline: Any, scale: float) -> Any:
    """Another pipeline whose U-Net sees more noise than its level says ("noise injection").

    Methods that only bend the usual path of sampling fail off it. In the source (Lu et al.
    2025, https://arxiv.org/abs/2505.17013) the sampler adds the noise to what it keeps; here the
    denoiser alone sees it, so that any scheduler will do.

    Args:
        pipeline: With a U-Net; it is left as it is.
        scale: Standard deviation of the added noise, where that of x_t is about 1; > 0.

    Returns:
        A pipeline for drawing; it cannot be saved. The noise depends on the number of the
        step alone.

    Raises:
        InputError: If the scale is out of range, or the pipeline has no U-Net.
    """
    check_positive(scale=scale)
    return with_denoiser(pipeline, Shaken(_unet_of(pipeline), scale))


class Wrapped(nn.Module):
    """A U-Net inside another one; diffusers asks it for its config and the like."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)


class Relay(Wrapped):
    """``first`` predicts at time steps of at least ``until``, ``model`` below."""

    def __init__(self, first: nn.Module, model: nn.Module, until: float) -> None:
        super().__init__(model)
        self.first, self._until = first, until

    def forward(self, sample: Tensor, timestep: Any, *more: Any, **named: Any) -> Any:
        early = float(torch.as_tensor(timestep).float().max()) >= self._until
        return (self.first if early else self.model)(sample, timestep, *more, **named)


class Shaken(Wrapped):
    """A U-Net that sees samples with noise on top; both halves of a guided batch the same."""

    def __init__(self, model: nn.Module, scale: float) -> None:
        super().__init__(model)
        self._scale = scale

    def forward(self, sample: Tensor, timestep: Any, *more: Any, **named: Any) -> Any:
        time = int(torch.as_tensor(timestep).float().max())
        generator = Generator().manual_seed(_NOISE_SEED + time)
        half, rest = divmod(len(sample), 2)
        guided = not rest and torch.equal(sample[:half], sample[half:])
        rows = half if guided else len(sample)
        noise = torch.randn((rows, *sample.shape[1:]), generator=generator).to(sample)
        shaken = sample + self._scale * (torch.cat([noise, noise]) if guided else noise)
        return self.model(shaken, timestep, *more, **named)


def _unet_of(pipeline: Any) -> nn.Module:
    name, model = denoiser_of(pipeline)
    if name != "unet":
        raise InputError(
            f"expected a pipeline with a U-Net, got {type(pipeline).__name__}, whose denoiser is "
            f"its {name}"
        )
    return model

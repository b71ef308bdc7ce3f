"""Samples that are held as tensors: the latents of an autoencoder, encoded once."""

import hashlib
from typing import Any

import torch
from torch import Generator, Tensor

from ...core.errors import DataError

_CHUNK = 32


class LatentSet:
    """Tensors and labels; batches are indexed, and never augmented.

    Args:
        samples: (N, ...), e.g. latents (N, C, H, W).
        labels: int64 (N,): the number of each sample's condition.

    Raises:
        DataError: If lengths differ, or samples are not finite.
    """

    def __init__(self, samples: Tensor, labels: Tensor) -> None:
        if len(samples) != len(labels):
            raise DataError(
                f"expected as many labels as samples, got {len(labels)} and {len(samples)}"
            )
        if not bool(torch.isfinite(samples).all()):
            raise DataError(
                "expected finite samples, got NaN or infinite values; if they are latents, "
                "encode the images in float32 (some autoencoders overflow in float16)"
            )
        self.samples, self.labels = samples, labels.long()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.samples[index], self.labels[index]

    def batch(self, indices: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """Samples at ``indices``; the generator is not used."""
        del generator
        rows = indices.to(self.samples.device)
        return self.samples[rows], self.labels[rows.to(self.labels.device)]

    def fingerprint(self) -> str:
        """SHA-256 (hex) over samples and labels."""
        digest = hashlib.sha256(f"{self.samples.dtype}|{tuple(self.samples.shape)}|".encode())
        for column in (self.samples, self.labels):
            data = column.detach().cpu().contiguous().view(-1).view(torch.uint8)
            digest.update(data.numpy().tobytes())
        return digest.hexdigest()

    def subset(self, indices: Tensor) -> "LatentSet":
        """The samples at ``indices`` (1-D int64), as another set."""
        return LatentSet(*self.batch(indices, None))


@torch.no_grad()
def encode_images(autoencoder: Any, images: Tensor) -> Tensor:
    """Latents of images as a diffusion model of diffusers is trained on them.

    Scaled and shifted as the autoencoder's config says; of its distribution the mean.

    Args:
        autoencoder: ``AutoencoderKL``, ``AutoencoderTiny`` or one with the same ``encode``.
        images: (N, 3, H, W), uint8, or floating in [0, 1].

    Returns:
        float32 (N, C, h, w), on the CPU. Costs one pass of the encoder.

    Raises:
        DataError: If images are of another form, or latents are not finite.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise DataError(f"expected RGB images (N, 3, H, W), got shape {tuple(images.shape)}")
    weights = next(autoencoder.parameters())
    scale, shift = _scaling(autoencoder)
    parts = []
    for part in images.split(_CHUNK):
        pixels = part.float() / 255 if part.dtype == torch.uint8 else part
        found = autoencoder.encode((2 * pixels - 1).to(weights))
        latents = found.latents if hasattr(found, "latents") else found.latent_dist.mean
        parts.append((scale * (latents.float() - shift)).cpu())
    latents = torch.cat(parts)
    if not bool(torch.isfinite(latents).all()):
        raise DataError(
            "the autoencoder gave NaN or infinite latents; load it in float32 "
            "(torch_dtype=torch.float32), in which it does not overflow"
        )
    return latents


@torch.no_grad()
def decode_latents(autoencoder: Any, latents: Tensor) -> Tensor:
    """Images of latents as ``encode_images`` makes them.

    Args:
        autoencoder: As of ``encode_images``.
        latents: float32 (N, C, h, w).

    Returns:
        uint8 (N, 3, H, W), on the CPU. Costs one pass of the decoder.
    """
    weights = next(autoencoder.parameters())
    scale, shift = _scaling(autoencoder)
    parts = []
    for part in latents.split(_CHUNK):
        found = autoencoder.decode((part / scale + shift).to(weights)).sample
        parts.append((found.float().clamp(-1, 1) + 1).mul(127.5).round().to(torch.uint8).cpu())
    return torch.cat(parts)


def _scaling(autoencoder: Any) -> tuple[float, float]:
    """Scale and shift of its latents, as its config says."""
    scale = float(getattr(autoencoder.config, "scaling_factor", 1.0) or 1.0)
    return scale, float(getattr(autoencoder.config, "shift_factor", 0.0) or 0.0)

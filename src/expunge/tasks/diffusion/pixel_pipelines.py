"""Pipelines without an autoencoder, for images so small that they need none."""

from collections.abc import Sequence
from typing import Any

import diffusers
import torch
from torch import Generator, Tensor, nn

from ...core.checks import check_choice

_diffusers: Any = diffusers  # hardly typed


class _Pixels(_diffusers.DiffusionPipeline):  # type: ignore[misc]
    """Draws by a denoiser of pixels; subclasses say what it is told."""

    def _told(self, texts: list[str]) -> dict[str, Tensor]:
        """Arguments of the denoiser for texts, ``""`` for the empty condition, (N, ...)."""
        raise NotImplementedError

    @torch.no_grad()
    def __call__(
        self,
        prompt: Sequence[str] | str,
        *,
        num_inference_steps: int = 25,
        guidance_scale: float = 1.5,
        generator: Sequence[Generator] | Generator | None = None,
        output_type: str = "np",
    ) -> Any:
        """Draw one image per prompt, by classifier-free guidance if its scale is above 1.

        Args:
            prompt: One, or several.
            num_inference_steps: Denoising steps.
            guidance_scale: 1 draws without guidance.
            generator: One for each prompt, or one for all.
            output_type: ``"np"``, (N, H, W, C) in [0, 1]; or ``"pil"``.

        Returns:
            A record of diffusers with ``images``.
        """
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        guided = guidance_scale > 1
        read = self._told([*texts, *([""] * len(texts) if guided else [])])
        self.scheduler.set_timesteps(num_inference_steps)
        found = self._noise(len(texts), generator) * self.scheduler.init_noise_sigma
        for time in self.progress_bar(self.scheduler.timesteps):
            given = self.scheduler.scale_model_input(found, time)
            given = torch.cat([given, given]) if guided else given
            told = self.unet(given, time, **read).sample
            if guided:
                told, plain = told.chunk(2)
                told = plain + guidance_scale * (told - plain)
            found = self.scheduler.step(told, time, found).prev_sample
        images = (found.float().clamp(-1, 1) + 1).div(2).permute(0, 2, 3, 1).cpu().numpy()
        found = self.numpy_to_pil(images) if output_type == "pil" else images
        return _diffusers.ImagePipelineOutput(found)

    def _noise(self, count: int, generator: Sequence[Generator] | Generator | None) -> Tensor:
        """Noise of each image by its own generator, wherever it stands in a batch."""
        config = self.unet.config
        shape = (config.in_channels, config.sample_size, config.sample_size)
        if isinstance(generator, Sequence):
            found = torch.stack([torch.randn(shape, generator=one) for one in generator])
        else:
            found = torch.randn((count, *shape), generator=generator)
        return found.to(self.device, self.unet.dtype)


class PixelPipeline(_Pixels):
    """Stable Diffusion's parts but the autoencoder; saved and loaded by diffusers like it.

    Args:
        unet: ``UNet2DConditionModel``; its ``sample_size`` is the side of the images.
        text_encoder: ``CLIPTextModel``.
        tokenizer: Of that model.
        scheduler: Any with ``init_noise_sigma`` and ``step``, such as ``DDIMScheduler``.
    """

    def __init__(self, unet: nn.Module, text_encoder: nn.Module, tokenizer: Any, scheduler: Any):
        super().__init__()
        self.register_modules(
            unet=unet, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler
        )

    def encode_prompt(
        self,
        prompt: Sequence[str],
        device: torch.device | None = None,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Embeddings (N, L, D) of prompts, and those of the empty prompt for guidance."""
        texts = [text for text in prompt for _ in range(num_images_per_prompt)]
        empty = self._embed([""] * len(texts), device) if do_classifier_free_guidance else None
        return self._embed(texts, device), empty

    def _told(self, texts: list[str]) -> dict[str, Tensor]:
        return {"encoder_hidden_states": self._embed(texts, self.device)}

    def _embed(self, texts: list[str], device: torch.device | None) -> Tensor:
        length = self.tokenizer.model_max_length
        tokens = self.tokenizer(
            texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        words: Tensor = self.text_encoder(tokens.input_ids.to(device or self.device))[0]
        return words


class ClassPipeline(_Pixels):
    """A class-conditional model; its prompts are the names of the classes.

    Args:
        unet: Takes ``class_labels``, such as ``UNet2DModel`` with an embedding for C + 1
            labels; the last is the empty condition. Its ``sample_size`` is the side of the images.
        scheduler: Any with ``init_noise_sigma`` and ``step``, such as ``DDIMScheduler``.
        names: Of the C classes, in the order of labels.
    """

    def __init__(self, unet: nn.Module, scheduler: Any, names: Sequence[str] = ()):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(names=list(names))

    def _told(self, texts: list[str]) -> dict[str, Tensor]:
        known = [*self.config.names, ""]
        for text in texts:
            check_choice(self.config.names, prompt=text or None)  # none is the empty condition
        labels = [known.index(text) for text in texts]
        return {"class_labels": torch.tensor(labels, device=self.device)}

"""Denoisers of diffusers, so small that a test can train with them."""

from typing import Any

import torch
from torch import Tensor, nn

from expunge.core import UnlearningData
from expunge.tasks import Denoising, Noising

CLASSES, CHANNELS, SIDE = 3, 4, 8


def seeded_net(build: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().eval()


def unet(classes: int = CLASSES) -> nn.Module:
    from diffusers import UNet2DModel

    return seeded_net(lambda: UNet2DModel(
        sample_size=SIDE, in_channels=CHANNELS, out_channels=CHANNELS, layers_per_block=1,
        block_out_channels=(8, 8), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), norm_num_groups=4, attention_head_dim=4,
        num_class_embeds=classes + 1,
    ))  # fmt: skip


def text_unet(added: bool = False) -> nn.Module:
    """As in Stable Diffusion 1; with ``added``, as in SDXL."""
    from diffusers import UNet2DConditionModel

    more = {} if not added else {
        "addition_embed_type": "text_time", "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 6 + 6 * 4,
    }  # fmt: skip
    return seeded_net(lambda: UNet2DConditionModel(
        sample_size=SIDE, in_channels=CHANNELS, out_channels=CHANNELS, layers_per_block=1,
        block_out_channels=(8, 8), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), norm_num_groups=4,
        cross_attention_dim=6, attention_head_dim=2, **more,
    ))  # fmt: skip


def sd3() -> nn.Module:
    from diffusers import SD3Transformer2DModel

    return seeded_net(lambda: SD3Transformer2DModel(
        sample_size=SIDE, patch_size=2, in_channels=CHANNELS, out_channels=CHANNELS, num_layers=1,
        attention_head_dim=4, num_attention_heads=2, joint_attention_dim=6,
        caption_projection_dim=8, pooled_projection_dim=6, pos_embed_max_size=8,
    ))  # fmt: skip


def flux(guided: bool = False) -> nn.Module:
    from diffusers import FluxTransformer2DModel

    return seeded_net(lambda: FluxTransformer2DModel(
        patch_size=1, in_channels=4 * CHANNELS, num_layers=1, num_single_layers=1,
        attention_head_dim=8, num_attention_heads=2, joint_attention_dim=6,
        pooled_projection_dim=6, axes_dims_rope=(4, 2, 2), guidance_embeds=guided,
    ))  # fmt: skip


def dit() -> nn.Module:
    from diffusers import DiTTransformer2DModel

    return seeded_net(lambda: DiTTransformer2DModel(
        sample_size=SIDE, patch_size=2, in_channels=CHANNELS, out_channels=2 * CHANNELS,
        num_layers=1, attention_head_dim=4, num_attention_heads=2, norm_num_groups=4,
        num_embeds_ada_norm=CLASSES,
    ))  # fmt: skip


def words(*extra: str) -> dict[str, Tensor]:
    """Invented embeddings of three conditions in two wordings, and of the empty one."""
    generator = torch.Generator().manual_seed(1)
    found = {"encoder_hidden_states": torch.randn(CLASSES + 1, 2, 5, 6, generator=generator)}
    for name in extra:
        found[name] = torch.randn(CLASSES + 1, 2, 6, generator=generator)
    return found


def blurred(count: int = 24, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Samples (N, 4, 8, 8) of three kinds, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    centres = torch.randn(CLASSES, CHANNELS, 1, 1, generator=torch.Generator().manual_seed(9))
    noise = torch.randn(count, CHANNELS, SIDE, SIDE, generator=generator)
    return centres[labels] + 0.3 * noise, labels


def class_task(**options: Any) -> Denoising:
    from diffusers import DDPMScheduler

    return Denoising.of_classes(DDPMScheduler(num_train_timesteps=50), CLASSES, **options)


def text_task(**options: Any) -> Denoising:
    from diffusers import DDPMScheduler

    return Denoising(Noising.of(DDPMScheduler(num_train_timesteps=50)), words(), **options)


def class_data() -> UnlearningData:
    """All samples of class 2 are to be forgotten."""
    from torch.utils.data import TensorDataset

    samples, labels = blurred(48)
    gone = labels == CLASSES - 1
    parts = [TensorDataset(samples[rows], labels[rows]) for rows in (gone, ~gone)]
    held = TensorDataset(*blurred(12, seed=5))
    return UnlearningData(*parts, validation=held, test=held)

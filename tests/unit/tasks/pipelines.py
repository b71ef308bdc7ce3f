"""Pipelines of diffusers with the parts of the real ones, tiny and with random weights."""

import string
from typing import Any

import torch
from tests.unit.tasks.denoisers import CHANNELS, SIDE, seeded_net
from torch import nn

WIDTH, LENGTH = 16, 24


def tokenizer() -> Any:
    """CLIP's tokenizer with a vocabulary of letters."""
    from transformers import CLIPTokenizer

    letters = [*string.ascii_lowercase, *string.digits]
    words = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=LENGTH
    )


def text_encoder(projected: bool = False, width: int = WIDTH) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer()), hidden_size=width, intermediate_size=16, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=LENGTH, projection_dim=width,
        bos_token_id=len(tokenizer()) - 2, eos_token_id=len(tokenizer()) - 1,
    )  # fmt: skip
    return seeded_net(lambda: (CLIPTextModelWithProjection if projected else CLIPTextModel)(config))


def autoencoder(**more: Any) -> nn.Module:
    from diffusers import AutoencoderKL

    return seeded_net(lambda: AutoencoderKL(
        **more,
        block_out_channels=(4, 4), norm_num_groups=2, latent_channels=CHANNELS,
        sample_size=2 * SIDE,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ))  # fmt: skip


def unet(**more: Any) -> nn.Module:
    from diffusers import UNet2DConditionModel

    options = {"cross_attention_dim": WIDTH} | more
    return seeded_net(lambda: UNet2DConditionModel(
        sample_size=SIDE, in_channels=CHANNELS, out_channels=CHANNELS, layers_per_block=1,
        block_out_channels=(8, 8), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), norm_num_groups=4,
        attention_head_dim=2, **options,
    ))  # fmt: skip


def sd1() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    return StableDiffusionPipeline(
        vae=autoencoder(), text_encoder=text_encoder(), tokenizer=tokenizer(), unet=unet(),
        scheduler=DDIMScheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def sdxl() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline

    second = WIDTH + 8  # as in the real one, the encoders are told apart by their widths
    large = unet(
        cross_attention_dim=WIDTH + second, addition_embed_type="text_time",
        addition_time_embed_dim=4, projection_class_embeddings_input_dim=second + 6 * 4,
    )  # fmt: skip
    return StableDiffusionXLPipeline(
        vae=autoencoder(), text_encoder=text_encoder(), text_encoder_2=text_encoder(True, second),
        tokenizer=tokenizer(), tokenizer_2=tokenizer(), unet=large, scheduler=DDIMScheduler(),
        add_watermarker=False,
    )  # fmt: skip


def sd3() -> Any:
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )

    transformer = seeded_net(lambda: SD3Transformer2DModel(
        sample_size=SIDE, patch_size=2, in_channels=CHANNELS, out_channels=CHANNELS, num_layers=1,
        attention_head_dim=4, num_attention_heads=2, joint_attention_dim=2 * WIDTH,
        caption_projection_dim=8, pooled_projection_dim=2 * WIDTH, pos_embed_max_size=8,
    ))  # fmt: skip
    return StableDiffusion3Pipeline(
        vae=autoencoder(shift_factor=0.1), text_encoder=text_encoder(True),
        text_encoder_2=text_encoder(True), text_encoder_3=None,
        tokenizer=tokenizer(), tokenizer_2=tokenizer(), tokenizer_3=None,
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(),
    )  # fmt: skip


def flux() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "church": 4, "dog": 5}
    rules = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    second = PreTrainedTokenizerFast(
        tokenizer_object=rules, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        model_max_length=LENGTH,
    )  # fmt: skip
    config = T5Config(
        vocab_size=6, d_model=WIDTH, d_ff=8, d_kv=4, num_heads=2, num_layers=1
    )  # fmt: skip
    transformer = seeded_net(lambda: FluxTransformer2DModel(
        patch_size=1, in_channels=4 * CHANNELS, num_layers=1, num_single_layers=1,
        attention_head_dim=8, num_attention_heads=2, joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH, axes_dims_rope=(4, 2, 2),
    ))  # fmt: skip
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=autoencoder(shift_factor=0.1),
        text_encoder=text_encoder(), tokenizer=tokenizer(),
        text_encoder_2=seeded_net(lambda: T5EncoderModel(config)), tokenizer_2=second,
        transformer=transformer,
    )  # fmt: skip


PIPELINES = {"sd1": sd1, "sdxl": sdxl, "sd3": sd3, "flux": flux}


def draw(pipeline: Any, prompt: str = "a church") -> torch.Tensor:
    """One image as a tensor (H, W, 3), by a fixed seed in two steps."""
    pipeline.set_progress_bar_config(disable=True)
    # The sequences of T5 are long by default; a tiny tokenizer has no use for that.
    more = {"max_sequence_length": LENGTH} if hasattr(pipeline, "transformer") else {}
    found = pipeline(
        prompt, num_inference_steps=2, output_type="np", height=2 * SIDE, width=2 * SIDE,
        generator=torch.Generator().manual_seed(0), **more,
    )  # fmt: skip
    return torch.from_numpy(found.images[0])

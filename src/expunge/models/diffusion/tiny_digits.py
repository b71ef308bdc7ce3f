"""The digits of scikit-learn with captions, and tiny models that draw them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ...core.isolation import isolated_randomness, seed_everything
from .packages import require

if TYPE_CHECKING:
    from ...tasks.diffusion.pixel_pipelines import ClassPipeline, PixelPipeline

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CAPTIONS = ("a handwritten {name}", "the number {name}", "a picture of a {figure}")
SIDE, LENGTH, WIDTH = 8, 8, 32  # pixels, tokens, size of an embedding
_SPECIAL = ("<pad>", "<unk>", "<start>", "<end>")
_WORDS = ("a", "the", "of", "handwritten", "number", "picture")
_TEXT_SEED = 0  # of the text encoder, whose random weights stay as they are


def captions() -> dict[str, list[str]]:
    """The wordings of each digit, by its name: words and figures."""
    return {
        name: [text.format(name=name, figure=figure) for text in CAPTIONS]
        for figure, name in enumerate(NAMES)
    }


def centred(images: Tensor) -> Tensor:
    """Images as a denoiser learns them: uint8 (N, C, H, W) to float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def make_pipeline(seed: int) -> "PixelPipeline":
    """An untrained pipeline; ``seed`` is that of the denoiser alone.

    The text encoder has random weights that are never trained: it only has to tell ten
    words apart.

    Raises:
        InputError: If diffusers, transformers or tokenizers are not installed.
    """
    diffusers, transformers = require("diffusers"), require("transformers")
    from ...tasks.diffusion.pixel_pipelines import PixelPipeline  # noqa: PLC0415  needs diffusers

    with isolated_randomness():
        seed_everything(_TEXT_SEED)
        tokenizer = _tokenizer()
        encoder = transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH,
                num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=LENGTH,
                pad_token_id=0, bos_token_id=2, eos_token_id=3,
            )
        ).eval()  # fmt: skip
        seed_everything(seed)
        unet = _denoiser(diffusers)
    scheduler = diffusers.DDIMScheduler(beta_schedule="squaredcos_cap_v2")
    return PixelPipeline(unet, encoder, tokenizer, scheduler)


def make_class_pipeline(seed: int) -> "ClassPipeline":
    """An untrained pipeline that is told the class, its noise that of the first DDPM.

    Raises:
        InputError: If diffusers is not installed.
    """
    diffusers = require("diffusers")
    from ...tasks.diffusion.pixel_pipelines import ClassPipeline  # noqa: PLC0415  needs diffusers

    with isolated_randomness():
        seed_everything(seed)
        unet = _class_denoiser(diffusers)
    # Drawn by DDIM: a twentieth of the steps.
    return ClassPipeline(unet, diffusers.DDIMScheduler(), NAMES)


def _denoiser(diffusers: Any) -> nn.Module:
    """A U-Net of 0.25 M parameters with cross-attention at 4 x 4 pixels."""
    net: nn.Module = diffusers.UNet2DConditionModel(
        sample_size=SIDE, in_channels=1, out_channels=1, layers_per_block=1,
        block_out_channels=(16, 32), norm_num_groups=8, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=WIDTH,
    )  # fmt: skip
    return net


def _class_denoiser(diffusers: Any) -> nn.Module:
    """A U-Net of 1.4 M parameters with self-attention at 4 x 4 pixels."""
    net: nn.Module = diffusers.UNet2DModel(
        sample_size=SIDE, in_channels=1, out_channels=1, layers_per_block=1,
        block_out_channels=(32, 96), norm_num_groups=8, attention_head_dim=24,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), num_class_embeds=len(NAMES) + 1,
    )  # fmt: skip
    return net


def _tokenizer() -> Any:
    """One token per word; what it does not know becomes ``<unk>``."""
    tokenizers, transformers = require("tokenizers"), require("transformers")
    figures: Sequence[str] = [str(figure) for figure in range(len(NAMES))]
    words = {word: i for i, word in enumerate((*_SPECIAL, *_WORDS, *NAMES, *figures))}
    rules = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))  # noqa: S106
    rules.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    rules.post_processor = tokenizers.processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rules, model_max_length=LENGTH,
        pad_token="<pad>", unk_token="<unk>", bos_token="<start>", eos_token="<end>",  # noqa: S106
    )  # fmt: skip

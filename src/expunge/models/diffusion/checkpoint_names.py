"""Names of tensors in the checkpoints that Stable Diffusion was first published in.

Those of diffusers are translated by walking the net: which block of the original a layer is
follows from how many layers each level has.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
_OPEN_CLIP = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def unet_names(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Tensors of a ``UNet2DConditionModel`` under their original names.

    Args:
        tensors: Its ``state_dict``.
        layers: Residual blocks per level on the way down; one more on the way up.
    """
    attends = {
        match[1] for name in tensors if (match := re.match(r"up_blocks\.(\d+)\.attentions", name))
    }
    return {_unet_name(name, layers, attends): value for name, value in tensors.items()}


def _unet_name(name: str, layers: int, attends: set[str]) -> str:
    for ours, theirs in _ENDS.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    if match := re.match(r"mid_block\.((?:resnets|attentions)\.\d+)\.(.*)", name):
        return f"middle_block.{_MIDDLE[match[1]]}.{_inner(match[1], match[2])}"
    match = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
    if match is None:
        raise KeyError(name)
    way, level, kind, number, rest = match.groups()
    down = way == "down"
    first = 1 + int(level) * (layers + 1) if down else int(level) * (layers + 1)
    side = "input_blocks" if down else "output_blocks"
    if kind == "downsamplers":
        return f"{side}.{first + layers}.0.{rest.replace('conv.', 'op.')}"
    if kind == "upsamplers":
        return f"{side}.{first + layers}.{2 if level in attends else 1}.{rest}"
    place = 1 if kind == "attentions" else 0
    return f"{side}.{first + int(number)}.{place}.{_inner(kind, rest)}"


def _inner(kind: str, rest: str) -> str:
    return _replaced(rest, _RESNET) if kind.startswith("resnets") else rest


def vae_names(tensors: Mapping[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Tensors of an ``AutoencoderKL`` under their original names.

    Its attention was made of 1 x 1 convolutions there.

    Args:
        tensors: Its ``state_dict``.
        levels: Number of resolutions.
    """
    found = {}
    for name, value in tensors.items():
        told = _vae_name(name, levels)
        is_attention = ".attn_1." in told and value.ndim == 2
        found[told] = value[:, :, None, None] if is_attention else value
    return found


def _vae_name(name: str, levels: int) -> str:
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)

    def up(match: re.Match[str]) -> str:
        part = "block." if match[2] == "resnets." else "upsample"
        return f"up.{levels - 1 - int(match[1])}.{part}"

    name = re.sub(r"up_blocks\.(\d+)\.(resnets\.|upsamplers\.0)", up, name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if ".mid_block.attentions.0." in name:
        head, rest = name.split(".mid_block.attentions.0.")
        return f"{head}.mid.attn_1.{_replaced(rest, _VAE_ATTENTION)}"
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


def open_clip_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a ``CLIPTextModelWithProjection`` as OpenCLIP has them, for SDXL.

    Queries, keys and values are one matrix there, and the projection is transposed.
    """
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        plain = name.removeprefix("text_model.")
        if match := re.match(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(\w+)", plain):
            parts = [tensors[name.replace("q_proj", f"{one}_proj")] for one in "qkv"]
            found[f"transformer.resblocks.{match[1]}.attn.in_proj_{match[2]}"] = torch.cat(parts)
        elif match := re.match(r"encoder\.layers\.(\d+)\.(.*)", plain):
            if "k_proj" not in plain and "v_proj" not in plain:
                found[f"transformer.resblocks.{match[1]}.{_replaced(match[2], _OPEN_CLIP)}"] = value
        elif plain == "text_projection.weight":
            found["text_projection"] = value.T
        elif plain == "embeddings.position_embedding.weight":
            found["positional_embedding"] = value
        elif not plain.endswith("position_ids"):
            plain = plain.removeprefix("embeddings.")
            found[plain.replace("final_layer_norm", "ln_final")] = value
    return found


def _replaced(rest: str, names: Mapping[str, Any]) -> str:
    """``rest`` with the first layer that it names called as ``names`` says."""
    for ours, theirs in names.items():
        if rest.startswith(ours + "."):
            return str(theirs) + rest.removeprefix(ours)
    return rest

"""A net of one's own, named in a config as ``examples.my_vit:build``.

A small vision transformer: no BatchNorm anywhere, and nothing that expunge knows of.
"""

from torch import nn
from torchvision.models import VisionTransformer


def build(num_classes: int = 10, image_size: int = 32, channels: int = 3) -> nn.Module:
    """Four layers of width 64 on 4 x 4 patches (2 x 2 below 16 pixels); about 0.2 M weights."""
    patch = 4 if image_size >= 16 else 2
    net = VisionTransformer(
        image_size=image_size,
        patch_size=patch,
        num_layers=4,
        num_heads=4,
        hidden_dim=64,
        mlp_dim=128,
        num_classes=num_classes,
    )
    net.conv_proj = nn.Conv2d(channels, 64, kernel_size=patch, stride=patch)
    nn.init.normal_(net.heads.head.weight, std=0.02)  # torchvision starts the head at zero
    return net

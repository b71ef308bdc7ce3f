"""Residual nets for 32 x 32 images, as published with trained weights.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: three
stages of 16, 32 and 64 channels, and shortcuts without parameters (their option A).
"""

import torch.nn.functional as F
from torch import Tensor, nn

PUBLISHED_MEAN = (0.485, 0.456, 0.406)
PUBLISHED_STD = (0.229, 0.224, 0.225)
"""Normalisation with which the published weights were trained: ImageNet's, RGB in [0, 1]."""


class ResNetCifar(nn.Module):
    """A CIFAR residual net of ``6 n + 2`` layers; (B, C, H, W) to logits (B, num_classes).

    Names of parameters are those of the published weights for ResNet-20/32/44/56.

    Args:
        blocks: Residual blocks per stage, n.
        num_classes: Number of logits.
        in_channels: Channels of the images.
    """

    def __init__(self, blocks: int, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = _conv3(in_channels, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, C, H, W)."""
        hidden = F.relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        logits: Tensor = self.linear(hidden.mean((2, 3)))
        return logits


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.missing = outputs - inputs

    def forward(self, hidden: Tensor) -> Tensor:
        update = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(hidden)))))
        return F.relu(update + self._shortcut(hidden))

    def _shortcut(self, hidden: Tensor) -> Tensor:
        if not self.missing:
            return hidden
        # Option A: every second pixel, and channels of zeros on both sides.
        before = self.missing // 2
        kept = hidden[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, before, self.missing - before))


def _conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Block(inputs, outputs, stride)
    return nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))

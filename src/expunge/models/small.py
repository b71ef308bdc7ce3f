"""A tiny net for small grey images: trains on the digits in seconds."""

import torch.nn.functional as F
from torch import Tensor, nn


class Small(nn.Module):
    """Two 3x3 convolutions with BatchNorm, average pooling by two, two linear layers.

    Args:
        num_classes: Number of logits.
        in_channels: Image channels.
        width: Channels of the first convolution; the second has twice as many.
    """

    def __init__(self, num_classes: int, in_channels: int = 1, width: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * width)
        self.hidden = nn.Linear(8 * width, 2 * width)
        self.head = nn.Linear(2 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W), H and W at least 2, to logits (B, num_classes)."""
        x = F.relu(self.norm1(self.conv1(images)))
        x = F.relu(self.norm2(self.conv2(x)))
        x = F.adaptive_avg_pool2d(x, 2).flatten(1)
        logits: Tensor = self.head(F.relu(self.hidden(x)))
        return logits

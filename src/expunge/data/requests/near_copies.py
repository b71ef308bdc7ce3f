"""Images that look like one that is to be forgotten: a hint, which decides nothing.

A difference hash: of each image in grey, brought to 17 x 16 pixels, one bit for each pair of
neighbours in a row that tells which is brighter. Two images are near where at most 24 of the 256
bits differ.
Copies that were saved again as JPEG, made brighter or scaled are mostly found; of images of 32
pixels, scaled ones mostly not.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.progress import tell_of_many
from ..bundle import Bundle
from ..images.image_set import ImageSet

SIDE = 16
NEAR = 24
_SMALLEST = 32  # pixels a side: below, different images differ too little
_MOST = 1_000  # images to forget that are compared
_CONTRAST = 8.0  # grey levels: flat images have no bits of their own
_AT_ONCE = 2_000


def near_copies(bundle: Bundle, forget: Tensor) -> list[tuple[int, int]]:
    """Images in the rest of the training set that look like one to be forgotten.

    At most 1,000 images to forget are compared, evenly spread. Costs one look at all pixels, and
    256 multiplications for each pair.

    Args:
        bundle: The data; other sets than images of 32 pixels a side or more have none.
        forget: Positions in the training set, int64 (K,).

    Returns:
        Pairs of positions: the image that stays, and the one that it looks like.
    """
    train = bundle.train
    if not isinstance(train, ImageSet) or min(train.image_shape[1:]) < _SMALLEST or not len(forget):
        return []
    chosen = forget[torch.linspace(0, len(forget) - 1, min(len(forget), _MOST)).long()]
    signs, has_contrast = _signs(train, chosen)
    chosen, signs = chosen[has_contrast], signs[has_contrast]
    if not len(chosen):
        return []
    inside = set(forget.tolist())
    found: list[tuple[int, int]] = []
    for rows in torch.arange(len(train)).split(_AT_ONCE):
        others, has_contrast = _signs(train, rows)
        nearest, which = ((SIDE * SIDE - others @ signs.T) / 2).min(1)
        near = (nearest <= NEAR) & has_contrast
        pairs = zip(rows[near].tolist(), chosen[which[near]].tolist(), strict=True)
        found += [(row, of) for row, of in pairs if row not in inside]
        tell_of_many("comparing images", int(rows[-1]) + 1, len(train), _AT_ONCE)
    return found


def near_note(pairs: Sequence[tuple[int, int]]) -> str:
    """A sentence on how many there are, which names none."""
    number = (
        "1 image that stays looks" if len(pairs) == 1 else f"{len(pairs)} images that stay look"
    )
    return f"{number} like one that is to be forgotten; expunge check names them"


def _signs(images: ImageSet, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Hashes of images as numbers 1 and -1, float32 (N, 256), and which of them mean anything."""
    parts, contrasts = [], []
    for part in rows.split(_AT_ONCE):
        grey = images.subset(part).images.float().mean(1, keepdim=True).cpu()
        small = F.adaptive_avg_pool2d(grey, (SIDE, SIDE + 1))
        parts.append((small[..., 1:] > small[..., :-1]).flatten(1).float() * 2 - 1)
        contrasts.append(small.flatten(1).std(1) >= _CONTRAST)
    return torch.cat(parts), torch.cat(contrasts)

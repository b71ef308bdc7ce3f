"""A classifier that judges generated images: predicted classes and features."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.errors import InputError, ModelError
from ..score import evaluating

_BATCH = 250


@dataclass(frozen=True, eq=False)
class Predictions:
    """``probabilities`` (N, C) of the classes, and ``features`` (N, D), on the CPU."""

    probabilities: Tensor
    features: Tensor


class ImageJudge:
    """Predicts which class an image shows. It must not be the model that is unlearnt from.

    Features are what the last linear layer reads: Fréchet distances in them need no
    downloaded weights, and are comparable between runs with the same judge alone.

    Args:
        model: Maps images (N, C, H, W) to logits (N, K); its last layer is linear.
        classes: Names of the K classes.
        mean: Of each channel, where white is 1.
        std: Likewise.
        accuracy: Of the judge on images that it was not trained on, in percent, for the
            record; None if it is not known.
        name: For the record.

    Raises:
        ModelError: If the model has no linear layer.
    """

    def __init__(
        self,
        model: nn.Module,
        classes: Sequence[str],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        accuracy: float | None = None,
        name: str = "",
    ) -> None:
        linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        if not linear:
            raise ModelError(
                f"expected a judge whose last layer is linear, found none in "
                f"{type(model).__name__}; give another classifier"
            )
        self.classes, self.accuracy = list(classes), accuracy
        self.name = name or type(model).__name__
        self._model, self._last = model, linear[-1]
        self._mean, self._std = (torch.tensor(v).view(1, -1, 1, 1) for v in (mean, std))

    def predict(self, images: Tensor) -> Predictions:
        """Probabilities and features of images, uint8 (N, C, H, W), on the device of its model.

        Raises:
            InputError: If channels or classes do not fit.
        """
        channels = self._mean.shape[1]
        if images.ndim != 4 or images.shape[1] != channels or images.dtype != torch.uint8:
            raise InputError(
                f"expected uint8 images (N, {channels}, H, W) for the judge {self.name}, got "
                f"{images.dtype} {tuple(images.shape)}"
            )
        kept: list[Tensor] = []
        hook = self._last.register_forward_hook(lambda _, given, __: kept.append(given[0]))
        device = next(self._model.parameters()).device
        try:
            with evaluating(self._model) as model:
                logits = [
                    model(((part.float() / 255 - self._mean) / self._std).to(device))
                    for part in images.split(_BATCH)
                ]
        finally:
            hook.remove()
        found = torch.cat(logits).float().cpu()
        if found.shape[1] != len(self.classes):
            raise InputError(
                f"the judge {self.name} gives {found.shape[1]} logits for its "
                f"{len(self.classes)} classes; name each class"
            )
        return Predictions(found.softmax(1), torch.cat(kept).flatten(1).float().cpu())

"""What can be found out about data and net before hours are spent on them."""

from typing import Any

import torch

from ...core.capabilities import ChecksLabels
from ...core.data import fetch
from ...core.errors import DataError
from ...core.task import Task
from ...data import Bundle, ImageSet
from ...data.bundle import ids_of
from ...models import Network
from ...tasks.batches import unpack

_CHUNK = 500


def check_dataset(name: str, dataset: Any, task: Task) -> None:
    """Look at every label, and at every image that could hold a value that is no number.

    Costs one pass over sets that are no ``ImageSet`` (whose bytes cannot be wrong).

    Raises:
        DataError: Names the set and the position of the first bad sample.
    """
    if dataset is None:
        return
    if not isinstance(dataset, ImageSet):
        for start in range(0, len(dataset), _CHUNK):
            stop = min(start + _CHUNK, len(dataset))
            _check_finite(name, dataset, torch.arange(start, stop))
    labels = task.labels(dataset)
    if labels is None or not isinstance(task, ChecksLabels):
        return
    try:
        task.check_labels(labels)
    except DataError as error:
        raise DataError(f"in the {name} set: {error}") from error


def check_image_size(network: Network, bundle: Bundle) -> None:
    """Raise if the network was made for images of another size than the data's.

    Raises:
        DataError: Says which settings bring the two together.
    """
    size, (channels, height, width) = network.image_size, bundle.image_shape
    if size is None or (height, width) == (size, size):
        return
    gigabytes = len(bundle.train) * channels * size * size / 1e9
    raise DataError(
        f"the network wants images of {size} x {size} pixels, those of {bundle.name} have "
        f"{height} x {width}; set data.image_size = {size} ({gigabytes:.1f} GB of memory), "
        f"or model.arguments = {{ img_size = {height} }} if the network takes that"
    )


def _check_finite(name: str, dataset: Any, indices: torch.Tensor) -> None:
    try:
        inputs, _ = unpack(fetch(dataset, indices))
    except DataError as error:
        raise DataError(f"in the {name} set: {error}") from error
    bad = (~torch.isfinite(inputs.flatten(1)).all(1)).nonzero().flatten()
    if len(bad):
        first = int(indices[bad[0]])
        raise DataError(
            f"the image {ids_of(dataset)[first]!r}, at position {first} of the {name} set, holds "
            f"NaN or infinite values ({len(bad)} such images there); remove it or repair the loader"
        )

"""Output rows of layers: their activations under perturbed inputs, and the weights of some."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...core.errors import InputError, ModelError
from ...core.task import Batch, Task
from ...kernels import repeat_samples

_AT_ONCE = 256  # perturbed samples in a forward pass
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True, eq=False)
class Layer:
    """A module whose weight has one row per output, and the number of those."""

    module: nn.Module
    weight: Tensor
    rows: int

    def slices(self) -> list[Tensor]:
        """Trainable parameters that have one entry or row per output."""
        bias = self.module.bias
        own = isinstance(bias, nn.Parameter) and bias.requires_grad
        return [self.weight, *([bias] if isinstance(bias, Tensor) and own else [])]


def row_layers(model: nn.Module) -> list[Layer]:
    """Linear and convolutional layers (not transposed ones) with a trainable weight.

    Raises:
        ModelError: If there is none.
    """
    found = [
        Layer(module, module.weight, len(module.weight))
        for module in model.modules()
        # A reparametrised weight is computed, and is no parameter to change.
        if isinstance(module, _LAYERS)
        and isinstance(module.weight, nn.Parameter)
        and module.weight.requires_grad
    ]
    if not found:
        raise ModelError(
            "expected a net with an nn.Linear or convolutional layer whose weight is "
            "trainable, since blocks are chosen among their outputs, got one without; "
            "call model.requires_grad_(True), or use a method that needs no such layer"
        )
    return found


@torch.no_grad()
def perturbed(
    model: nn.Module,
    task: Task,
    batch: Batch,
    layers: Sequence[Layer],
    *,
    size: int,
    count: int,
    noise: float,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """Activations and loss of a batch, ``count`` times with Gaussian noise on the inputs.

    Args:
        model: In evaluation mode. Its first argument must be a floating tensor; the noise
            is added there, whatever the form of the batch.
        task: Gives the losses.
        batch: The samples.
        layers: Whose outputs are recorded. A layer that does not run counts as zeros.
        size: Number of samples in the batch.
        count: Perturbations.
        noise: Standard deviation, in the unit of the inputs as the model gets them.
        generator: On the CPU, so that all devices get the same noise.

    Returns:
        Mean outputs over the samples and places (pixels, tokens), (count, rows of all
        layers), and mean losses, (count,), both float32.

    Raises:
        InputError: If the inputs are no floating tensor.

    Cost: a forward pass over ``size * count`` samples.
    """
    activations, losses = [], []
    for start in range(0, count, most := max(1, _AT_ONCE // size)):
        times = min(most, count - start)
        with _watching(model, layers, noise, generator, times) as outputs:
            found = task.loss(model, repeat_samples(batch, times))
        losses.append(found.view(times, size).mean(1).float())
        activations.append(torch.cat([outputs(layer, found) for layer in layers], 1))
    return torch.cat(activations), torch.cat(losses)


def block_of(layers: Sequence[Layer], rows: Sequence[int]) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters that hold some rows, and masks (bool, of their shapes) of the entries.

    ``rows`` counts through all layers in their order, as the columns of ``perturbed`` do.
    """
    weights: list[Tensor] = []
    masks: list[Tensor] = []
    first = 0
    for layer in layers:
        own = [row - first for row in rows if first <= row < first + layer.rows]
        first += layer.rows
        for weight in layer.slices() if own else []:
            index = next((i for i, known in enumerate(weights) if known is weight), len(weights))
            if index == len(weights):  # otherwise two layers share it
                weights.append(weight)
                masks.append(torch.zeros_like(weight, dtype=torch.bool))
            masks[index][own] = True
    return weights, masks


@contextmanager
def _watching(
    model: nn.Module, layers: Sequence[Layer], noise: float, generator: Generator, times: int
) -> Iterator[Callable[[Layer, Tensor], Tensor]]:
    """Noise goes in and outputs are kept; yields what gives those of a layer, (times, rows)."""
    kept: dict[nn.Module, list[Tensor]] = {layer.module: [] for layer in layers}

    def disturb(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (_noisy(args[0] if args else None, noise, generator), *args[1:])

    def keep(module: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        last = output if isinstance(module, nn.Linear) else output.movedim(1, -1)
        kept[module].append(last.reshape(times, -1, last.shape[-1]).mean(1).float())

    def outputs(layer: Layer, like: Tensor) -> Tensor:
        runs = kept[layer.module]
        return torch.stack(runs).mean(0) if runs else like.new_zeros(times, layer.rows)

    handles = [model.register_forward_pre_hook(disturb)]
    handles += [layer.module.register_forward_hook(keep) for layer in layers]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _noisy(inputs: Any, noise: float, generator: Generator) -> Tensor:
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        found = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise InputError(
            "expected a net whose first argument is a floating tensor, since blocks are chosen "
            f"under Gaussian noise on it, got {found}; use a method that needs no such noise"
        )
    drawn = torch.randn(inputs.shape, generator=generator)
    return inputs + noise * drawn.to(inputs)
